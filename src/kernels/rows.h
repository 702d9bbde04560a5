/*
 * Rows of cosines and sines in doubles: one position, many frequencies. Included by
 * each ISA file; plain loops that compilers vectorise, the branch on the kind of
 * position outside of them.
 */
#ifndef ROPE_ROWS_H
#define ROPE_ROWS_H

#include "phase.h"

/* How many pairs go through the stack at once. */
enum { CHUNK = 64 };

static inline int
is_integer(const rope_position *at)
{
    return at->high == 0.0 && at->fraction == 0.0;
}

/* Columns first .. of the turn planes. */
static inline void
columns_from(ptrdiff_t first, const double *const *u, const double **columns)
{
    for (int j = 0; j < ROPE_PLANES; ++j)
        columns[j] = u[j] + first;
}

/*
 * The row of an integer, for tables of float and narrower types.
 *
 *   Given:
 *     n         pairs, at most CHUNK                              pair
 *     u         turn planes of their frequencies                  turn / token
 *     at        the position, an integer, and its scales          token, 1
 *
 *   Returned:
 *     cos, sin  times their scales; within 3.2 ulp (seen), and half an ulp of the
 *               scale                                             1
 */
static void
narrow_row(ptrdiff_t n, const double *const *u, const rope_position *at,
           double *restrict cos, double *restrict sin)
{
    const double *const u0 = u[0], *const u1 = u[1], *const u2 = u[2];
    const double *const u3 = u[3], *const u4 = u[4];
    const double p = at->whole, cos_scale = at->cos_scale, sin_scale = at->sin_scale;
    for (ptrdiff_t i = 0; i < n; ++i) {
        double of_cos, of_sin;
        const turn t = narrow_turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]);
        cos_sin_of_narrow_turn(t, &of_cos, &of_sin);
        cos[i] = of_cos * cos_scale;
        sin[i] = of_sin * sin_scale;
    }
}

/* The row of any position: the same, within 0.80 ulp instead of 3.2. */
static void
wide_row(ptrdiff_t n, const double *const *u, const rope_position *at,
         double *restrict cos, double *restrict sin)
{
    uint64_t quarter[CHUNK];
    const double *const u0 = u[0], *const u1 = u[1], *const u2 = u[2];
    const double *const u3 = u[3], *const u4 = u[4], *const uh = u[5], *const ul = u[6];
    const double p = at->whole, high = at->high, f = at->fraction;
    const double cos_scale = at->cos_scale, sin_scale = at->sin_scale;
    const int integer = is_integer(at);
    for (ptrdiff_t i = 0; i < n && integer; ++i) {
        const turn t = turn_of_integer(p, u0[i], u1[i], u2[i], u3[i], u4[i]);
        cos[i] = t.h, sin[i] = t.l, quarter[i] = t.quarter;
    }
    for (ptrdiff_t i = 0; i < n && !integer; ++i) {
        const turn t =
            turn_of_any(p, high, f, u0[i], u1[i], u2[i], u3[i], u4[i], uh[i], ul[i]);
        cos[i] = t.h, sin[i] = t.l, quarter[i] = t.quarter;
    }
    for (ptrdiff_t i = 0; i < n; ++i) {
        double of_cos, of_sin;
        cos_sin_of_turn((turn){cos[i], sin[i], quarter[i]}, &of_cos, &of_sin);
        cos[i] = of_cos * cos_scale;
        sin[i] = of_sin * sin_scale;
    }
}

#endif
