/* Template, included once per 16-bit type of x; needs T and NAME(op), and the float
 * kernels before it: short runs of pairs become float, are rotated and rounded back.
 * y may be x, but for the last kernel. */

enum { NAME(RUN) = 64 }; /* pairs; three buffers of them stay in the first cache */

static rope_rows
NAME(one_row)(ptrdiff_t n)
{
    return (rope_rows){.n = n, .gap = n, .rows = 1};
}

/* Pairs i .. n-1, run after run. */
static void
NAME(rotate_half_runs)(ptrdiff_t i, const rope_rows *of, const float *cos,
                       const float *sin, const T *x, T *y)
{
    float row[2 * NAME(RUN)];
    const ptrdiff_t n = of->n, gap = of->gap;
    for (; i < n; i += NAME(RUN)) {
        const ptrdiff_t m = n - i < NAME(RUN) ? n - i : NAME(RUN);
        const rope_rows run = NAME(one_row)(m);
        NAME(widen)(m, x + i, row);
        NAME(widen)(m, x + gap + i, row + m);
        rotate_half_f32(&run, cos + i, sin + i, row, row);
        NAME(narrow)(m, row, y + i);
        NAME(narrow)(m, row + m, y + gap + i);
    }
}

static void
NAME(rotate_half)(const rope_rows *of, const float *cos, const float *sin, const T *x,
                  T *y)
{
    ptrdiff_t i = 0;
#ifdef ROPE_LANES
    const ptrdiff_t gap = of->gap, rows = of->rows, x_row = of->x_row,
                    y_row = of->y_row;
    const ptrdiff_t ahead = of->ahead;
    const size_t asked = (size_t)of->d * sizeof(T);
    for (; i + ROPE_LANES <= of->n; i += ROPE_LANES) {
        const lanes c = NAME(load_table)(cos + i), s = NAME(load_table)(sin + i);
        const T *from = x + i;
        T *to = y + i;
        for (ptrdiff_t r = 0; r < rows; ++r, from += x_row, to += y_row) {
            if (i == 0)
                ask_for(from, ahead, asked);
            const lanes a = NAME(load_lanes)(from), b = NAME(load_lanes)(from + gap);
            NAME(store_lanes)(to, turned(a, c, b, s));
            NAME(store_lanes)(to + gap, turned_other(b, c, a, s));
        }
    }
#endif
    for (ptrdiff_t r = 0; r < of->rows && i < of->n; ++r)
        NAME(rotate_half_runs)(i, of, cos, sin, x + r * of->x_row, y + r * of->y_row);
}

static void
NAME(rotate_interleaved)(const rope_rows *of, const float *cos, const float *sin,
                         const T *x, T *y)
{
    const size_t asked = (size_t)of->d * sizeof(T);
    float row[2 * NAME(RUN)];
    for (ptrdiff_t r = 0; r < of->rows; ++r, x += of->x_row, y += of->y_row) {
        ptrdiff_t i = 0;
        ask_for(x, of->ahead, asked);
#if defined(ROPE_LANES) && defined(TURN_WORDS)
        for (; i + ROPE_LANES / 2 <= of->n; i += ROPE_LANES / 2)
            TURN_WORDS(cos + i, sin + i, x + 2 * i, y + 2 * i);
#endif
        for (; i < of->n; i += NAME(RUN)) {
            const ptrdiff_t m = of->n - i < NAME(RUN) ? of->n - i : NAME(RUN);
            const rope_rows run = NAME(one_row)(m);
            NAME(widen)(2 * m, x + 2 * i, row);
            rotate_interleaved_f32(&run, cos + i, sin + i, row, row);
            NAME(narrow)(2 * m, row, y + 2 * i);
        }
    }
}

static void
NAME(rotate_interleaved_to_half)(const rope_rows *of, const float *cos,
                                 const float *sin, const T *x, T *y)
{
    const size_t asked = (size_t)of->d * sizeof(T);
    float row[2 * NAME(RUN)], moved[2 * NAME(RUN)];
    for (ptrdiff_t r = 0; r < of->rows; ++r, x += of->x_row, y += of->y_row) {
        ask_for(x, of->ahead, asked);
        for (ptrdiff_t i = 0; i < of->n; i += NAME(RUN)) {
            const ptrdiff_t m = of->n - i < NAME(RUN) ? of->n - i : NAME(RUN);
            const rope_rows run = NAME(one_row)(m);
            NAME(widen)(2 * m, x + 2 * i, row);
            rotate_interleaved_to_half_f32(&run, cos + i, sin + i, row, moved);
            NAME(narrow)(m, moved, y + i);
            NAME(narrow)(m, moved + m, y + of->gap + i);
        }
    }
}
