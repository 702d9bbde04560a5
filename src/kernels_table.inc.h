/* Template, included once per type of a table; needs T, NAME(op), STORE(double) and
 * NARROW: whether T is at most a float, for which shorter phases are exact enough. */

/* One row at a time, many rows a call. Loops end in doubles and a last one stores them,
 * because the rounding to 16 bits vectorises only by itself; the branch on the kind of
 * position stands outside of the loops. kernels.h says what is promised. */
static void
NAME(phases)(ptrdiff_t n, const double *const u[ROPE_PLANES], ptrdiff_t rows,
             const rope_position *at, ptrdiff_t row, T *restrict cos, T *restrict sin)
{
    enum { CHUNK = 64 };
    double h[CHUNK], l[CHUNK];
    uint64_t quarter[CHUNK];
    for (ptrdiff_t first = 0; first < n; first += CHUNK) {
        const ptrdiff_t m = n - first < CHUNK ? n - first : CHUNK;
        const double *const u0 = u[0] + first, *const u1 = u[1] + first;
        const double *const u2 = u[2] + first, *const u3 = u[3] + first;
        const double *const u4 = u[4] + first;
        const double *const uh = u[5] + first, *const ul = u[6] + first;
        for (ptrdiff_t r = 0; r < rows; ++r) {
            const double p = at[r].whole, high = at[r].high, f = at[r].fraction;
            const double cos_scale = at[r].cos_scale, sin_scale = at[r].sin_scale;
            T *restrict const c = cos + r * row + first;
            T *restrict const s = sin + r * row + first;
            const int is_integer = high == 0.0 && f == 0.0;
            if (NARROW && is_integer)
                for (ptrdiff_t i = 0; i < m; ++i) {
                    double of_cos, of_sin;
                    const turn t =
                        narrow_turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]);
                    cos_sin_of_narrow_turn(t, &of_cos, &of_sin);
                    h[i] = of_cos * cos_scale;
                    l[i] = of_sin * sin_scale;
                }
            else {
                for (ptrdiff_t i = 0; i < m && is_integer; ++i) {
                    const turn t =
                        turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]);
                    h[i] = t.h, l[i] = t.l, quarter[i] = t.quarter;
                }
                for (ptrdiff_t i = 0; i < m && !is_integer; ++i) {
                    const turn t = turn_of_any(p, high, f, u0[i], u1[i], u2[i], u3[i],
                                               u4[i], uh[i], ul[i]);
                    h[i] = t.h, l[i] = t.l, quarter[i] = t.quarter;
                }
                for (ptrdiff_t i = 0; i < m; ++i) {
                    double of_cos, of_sin;
                    cos_sin_of_turn((turn){h[i], l[i], quarter[i]}, &of_cos, &of_sin);
                    h[i] = of_cos * cos_scale;
                    l[i] = of_sin * sin_scale;
                }
            }
            for (ptrdiff_t i = 0; i < m; ++i) {
                c[i] = STORE(h[i]);
                s[i] = STORE(l[i]);
            }
        }
    }
}
