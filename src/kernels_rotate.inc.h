/* Template, included once per type in which pairs are rotated; needs T and NAME(op).
 * Each product and the sum is rounded. y may be x, but for the last kernel. */

/* Pair i in elements i and i + gap. */
static void
NAME(rotate_half)(ptrdiff_t n, ptrdiff_t gap, const T *x, const T *cos, const T *sin,
                  T *y)
{
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const T a = x[i], b = x[i + gap];
        y[i] = a * cos[i] - b * sin[i];
        y[i + gap] = b * cos[i] + a * sin[i];
    }
}

/* Pair i in elements 2i and 2i + 1. */
static void
NAME(rotate_interleaved)(ptrdiff_t n, ptrdiff_t gap, const T *x, const T *cos,
                         const T *sin, T *y)
{
    (void)gap;
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const T a = x[2 * i], b = x[2 * i + 1];
        y[2 * i] = a * cos[i] - b * sin[i];
        y[2 * i + 1] = b * cos[i] + a * sin[i];
    }
}

/* From 2i and 2i + 1 to i and i + gap, as DeepSeek does; y must not be x. */
static void
NAME(rotate_interleaved_to_half)(ptrdiff_t n, ptrdiff_t gap, const T *x, const T *cos,
                                 const T *sin, T *y)
{
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const T a = x[2 * i], b = x[2 * i + 1];
        y[i] = a * cos[i] - b * sin[i];
        y[i + gap] = b * cos[i] + a * sin[i];
    }
}
