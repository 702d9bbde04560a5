/* Template, included once per type of a table; needs T, NAME(op), STORE(double). */

/* Rows of n cosines and sines at one position: kernels.h says what they promise. */
static void
NAME(phases)(ptrdiff_t n, const double *const u[ROPE_PLANES], const rope_position *at,
             T *restrict cos, T *restrict sin)
{
    const double *restrict const u0 = u[0], *restrict const u1 = u[1];
    const double *restrict const u2 = u[2], *restrict const u3 = u[3];
    const double *restrict const u4 = u[4];
    const double *restrict const uh = u[5], *restrict const ul = u[6];
    const double p = at->whole, high = at->high, f = at->fraction;
    const double cos_scale = at->cos_scale, sin_scale = at->sin_scale;

    if (high == 0.0 && f == 0.0)
        for (ptrdiff_t i = 0; i < n; ++i) {
            double c, s;
            cos_sin_of_turn(turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]), &c,
                            &s);
            cos[i] = STORE(c * cos_scale);
            sin[i] = STORE(s * sin_scale);
        }
    else
        for (ptrdiff_t i = 0; i < n; ++i) {
            double c, s;
            cos_sin_of_turn(turn_of_any(p, high, f, u0[i], u1[i], u2[i], u3[i], u4[i],
                                        uh[i], ul[i]),
                            &c, &s);
            cos[i] = STORE(c * cos_scale);
            sin[i] = STORE(s * sin_scale);
        }
}
