/* Template, included once per 16-bit type of x; needs T and NAME(op), and the float
 * kernels before it: short runs of pairs become float, are rotated and rounded back.
 * y may be x, but for the last kernel. */

enum { NAME(RUN) = 64 }; /* pairs; three buffers of them stay in the first cache */

static void
NAME(rotate_half)(ptrdiff_t n, ptrdiff_t gap, const T *x, const float *cos,
                  const float *sin, T *y)
{
    ptrdiff_t i = 0;
#ifdef ROPE_LANES
    for (; i + ROPE_LANES <= n; i += ROPE_LANES) {
        const lanes a = NAME(load_lanes)(x + i), b = NAME(load_lanes)(x + gap + i);
        const lanes c = load_lanes(cos + i), s = load_lanes(sin + i);
        NAME(store_lanes)(y + i, turned(a, c, b, s));
        NAME(store_lanes)(y + gap + i, turned_other(b, c, a, s));
    }
#endif
    float row[2 * NAME(RUN)];
    for (; i < n; i += NAME(RUN)) {
        const ptrdiff_t m = n - i < NAME(RUN) ? n - i : NAME(RUN);
        NAME(widen)(m, x + i, row);
        NAME(widen)(m, x + gap + i, row + m);
        rotate_half_f32(m, m, row, cos + i, sin + i, row);
        NAME(narrow)(m, row, y + i);
        NAME(narrow)(m, row + m, y + gap + i);
    }
}

static void
NAME(rotate_interleaved)(ptrdiff_t n, ptrdiff_t gap, const T *x, const float *cos,
                         const float *sin, T *y)
{
    float row[2 * NAME(RUN)];
    for (ptrdiff_t i = 0; i < n; i += NAME(RUN)) {
        const ptrdiff_t m = n - i < NAME(RUN) ? n - i : NAME(RUN);
        NAME(widen)(2 * m, x + 2 * i, row);
        rotate_interleaved_f32(m, gap, row, cos + i, sin + i, row);
        NAME(narrow)(2 * m, row, y + 2 * i);
    }
}

static void
NAME(rotate_interleaved_to_half)(ptrdiff_t n, ptrdiff_t gap, const T *x,
                                 const float *cos, const float *sin, T *y)
{
    float row[2 * NAME(RUN)], moved[2 * NAME(RUN)];
    for (ptrdiff_t i = 0; i < n; i += NAME(RUN)) {
        const ptrdiff_t m = n - i < NAME(RUN) ? n - i : NAME(RUN);
        NAME(widen)(2 * m, x + 2 * i, row);
        rotate_interleaved_to_half_f32(m, m, row, cos + i, sin + i, moved);
        NAME(narrow)(m, moved, y + i);
        NAME(narrow)(m, moved + m, y + gap + i);
    }
}
