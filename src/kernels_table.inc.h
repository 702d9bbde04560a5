/* Template, included once per type of a table; needs T, NAME(op), STORE(double). */

/* Rows of n cosines and sines at one position: kernels.h says what they promise. Two
 * short loops, because the one long chain of operations would not leave the CPU enough
 * pairs to work on at a time. */
static void
NAME(phases)(ptrdiff_t n, const double *const u[ROPE_PLANES], const rope_position *at,
             T *restrict cos, T *restrict sin)
{
    enum { CHUNK = 64 };
    const double p = at->whole, high = at->high, f = at->fraction;
    const double cos_scale = at->cos_scale, sin_scale = at->sin_scale;
    double h[CHUNK], l[CHUNK];
    uint64_t quarter[CHUNK];
    for (ptrdiff_t first = 0; first < n; first += CHUNK) {
        const ptrdiff_t m = n - first < CHUNK ? n - first : CHUNK;
        const double *restrict const u0 = u[0] + first, *restrict const u1 =
                                                            u[1] + first;
        const double *restrict const u2 = u[2] + first, *restrict const u3 =
                                                            u[3] + first;
        const double *restrict const u4 = u[4] + first;
        const double *restrict const uh = u[5] + first, *restrict const ul =
                                                            u[6] + first;
        if (high == 0.0 && f == 0.0)
            for (ptrdiff_t i = 0; i < m; ++i) {
                const turn t = turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]);
                h[i] = t.h, l[i] = t.l, quarter[i] = t.quarter;
            }
        else
            for (ptrdiff_t i = 0; i < m; ++i) {
                const turn t = turn_of_any(p, high, f, u0[i], u1[i], u2[i], u3[i],
                                           u4[i], uh[i], ul[i]);
                h[i] = t.h, l[i] = t.l, quarter[i] = t.quarter;
            }
        for (ptrdiff_t i = 0; i < m; ++i) {
            double c, s;
            cos_sin_of_turn((turn){h[i], l[i], quarter[i]}, &c, &s);
            h[i] = c * cos_scale;
            l[i] = s * sin_scale;
        }
        for (ptrdiff_t i = 0; i < m; ++i) {
            cos[first + i] = STORE(h[i]);
            sin[first + i] = STORE(l[i]);
        }
    }
}
