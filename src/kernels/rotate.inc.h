/* Template, included once per type in which pairs are rotated; needs T and NAME(op).
 * Each product and the sum is rounded. y may be x, but for the last kernel. */

/* Pair i in elements i and i + gap. */
static void
NAME(rotate_half)(const rope_rows *of, const T *cos, const T *sin, const T *x, T *y)
{
    const ptrdiff_t n = of->n, gap = of->gap;
    const size_t asked = (size_t)of->d * sizeof(T);
    for (ptrdiff_t r = 0; r < of->rows; ++r, x += of->x_row, y += of->y_row) {
        ask_for(x, of->ahead, asked);
        ROPE_IVDEP
        for (ptrdiff_t i = 0; i < n; ++i) {
            const T a = x[i], b = x[i + gap];
            y[i] = a * cos[i] - b * sin[i];
            y[i + gap] = b * cos[i] + a * sin[i];
        }
    }
}

/* Pair i in elements 2i and 2i + 1. */
static void
NAME(rotate_interleaved)(const rope_rows *of, const T *cos, const T *sin, const T *x,
                         T *y)
{
    const ptrdiff_t n = of->n;
    const size_t asked = (size_t)of->d * sizeof(T);
    for (ptrdiff_t r = 0; r < of->rows; ++r, x += of->x_row, y += of->y_row) {
        ask_for(x, of->ahead, asked);
        ROPE_IVDEP
        for (ptrdiff_t i = 0; i < n; ++i) {
            const T a = x[2 * i], b = x[2 * i + 1];
            y[2 * i] = a * cos[i] - b * sin[i];
            y[2 * i + 1] = b * cos[i] + a * sin[i];
        }
    }
}

/* From 2i and 2i + 1 to i and i + gap, as DeepSeek does; y must not be x. */
static void
NAME(rotate_interleaved_to_half)(const rope_rows *of, const T *cos, const T *sin,
                                 const T *x, T *y)
{
    const ptrdiff_t n = of->n, gap = of->gap;
    const size_t asked = (size_t)of->d * sizeof(T);
    for (ptrdiff_t r = 0; r < of->rows; ++r, x += of->x_row, y += of->y_row) {
        ask_for(x, of->ahead, asked);
        ROPE_IVDEP
        for (ptrdiff_t i = 0; i < n; ++i) {
            const T a = x[2 * i], b = x[2 * i + 1];
            y[i] = a * cos[i] - b * sin[i];
            y[i + gap] = b * cos[i] + a * sin[i];
        }
    }
}
