/*
 * From a position and a frequency to cosine and sine, in doubles.
 *
 * Angles are counted in turns: position * u mod 1, u = w / (2 pi). The planes of u are
 * so short that their products with an integer are exact doubles; what is left after
 * the reduction is a double-double, and a polynomial of our own takes it from there.
 * Only + - * in the order written, so that every instruction set gives the same bits.
 * Included by each ISA file; the names follow docs/numerics.md, "Reduction".
 */
#ifndef ROPE_PHASE_H
#define ROPE_PHASE_H

#include "kernels.h"

#define ROUNDER 0x1.8p52 /* x + ROUNDER - ROUNDER rounds |x| < 2^51 to an integer */
#define TWO_PI 0x1.921fb54442d18p+2 /* 2 pi = TWO_PI + TWO_PI_LOW to 2^-107 */
#define TWO_PI_LOW 0x1.1a62633145c07p-52

/* An angle of h + l turns less a whole number of quarter turns. */
typedef struct {
    double h, l;      /* |h| <= 1/8, l the low part                          turn */
    uint64_t quarter; /* its low two bits count the quarter turns                 */
} turn;

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define HAS_FMA
#endif

/* a * b + c where a * b is an exact double: one rounding either way, so the same bits
 * with the FMA instruction, which saves an operation, and without. */
static inline double
add_exact_product(double a, double b, double c)
{
#ifdef HAS_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* The rounding error of p = a * b; exact, with or without an FMA instruction, while
 * a and b lie within 2^900 and the error is no subnormal number. */
static inline double
product_error(double a, double b, double p)
{
#ifdef HAS_FMA
    return __builtin_fma(a, b, -p);
#else
    const double ga = 134217729.0 * a, gb = 134217729.0 * b; /* Veltkamp's split */
    const double ah = ga - (ga - a), al = a - ah;
    const double bh = gb - (gb - b), bl = b - bh;
    return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
}

/* s = a + b rounded; returns the error (Knuth's TwoSum: any order of sizes). */
static inline double
sum_error(double a, double b, double s)
{
    const double bb = s - a;
    return (a - (s - bb)) + (b - bb);
}

/* The exact product a * b less the nearest integer. Written as a sum: 0 stays +0. */
static inline double
product_without_turns(double a, double b)
{
    return add_exact_product(a, b, ROUNDER - add_exact_product(a, b, ROUNDER));
}

/* h + a * b rounded, the product exact; its error goes to `low` (TwoSum). */
static inline double
sum_with_product(double h, double a, double b, double *low)
{
    const double sum = add_exact_product(a, b, h), part = sum - h;
    *low = (h - (sum - part)) + add_exact_product(a, b, -part);
    return sum;
}

/* Take the nearest whole number of quarter turns off `s`, exactly. */
static inline double
without_quarters(double s, uint64_t *quarter)
{
    const double t = add_exact_product(4.0, s, ROUNDER);
    *quarter = double_bits(t);
    return add_exact_product(ROUNDER - t, 0.25, s);
}

/*
 * Position times frequency for an integer of at most 2^31.
 *
 *   Given:
 *     p       the integer                                         token
 *     u0..u4  turn planes of the frequency, reduced mod 1         turn / token
 *
 *   Returned:
 *     the angle less whole quarter turns; error below 2^-111      turn
 *
 *   Notes:
 *     1) p*u0 .. p*u3 are exact; A, A + p*u1 (a multiple of 2^-45 below 2^8) and s are
 *        exact too.
 *     2) TwoSum, not FastTwoSum: s may be the smaller one near a zero.
 *
 *   Source: docs/numerics.md, "Turn planes" and "Reduction".
 */
static inline turn
turn_of_integer(double p, double u0, double u1, double u2, double u3, double u4)
{
    turn r;
    const double A = product_without_turns(p, u0);
    const double s = without_quarters(add_exact_product(p, u1, A), &r.quarter);
    double l1, l2;
    const double h = sum_with_product(s, p, u2, &l1);
    r.h = sum_with_product(h, p, u3, &l2);
    r.l = (l1 + l2) + p * u4;
    return r;
}

/*
 * The same in one double, for tables of float and narrower types.
 *
 *   Given:
 *     p, u0..u4   as above                                        as above
 *
 *   Returned:
 *     h       the angle, within 2 units of 2^-53 relative         turn
 *     l       0                                                   turn
 *
 *   Notes:
 *     1) s and p*u2 are multiples of 2^-67: where they nearly cancel their sum is
 *        exact, so its rounding is small relative to the angle everywhere. The same
 *        holds one level down for p*u3.
 *
 *   Source: docs/numerics.md, "Reduction", without the low parts.
 */
static inline turn
narrow_turn_of_integer(double p, double u0, double u1, double u2, double u3, double u4)
{
    turn r;
    const double A = product_without_turns(p, u0);
    const double s = without_quarters(add_exact_product(p, u1, A), &r.quarter);
    r.h = add_exact_product(p, u2, s) + add_exact_product(p, u3, p * u4);
    r.l = 0.0;
    return r;
}

/*
 * The same for any position: high * 2^31 + p + f.
 *
 *   Given:
 *     p, high, f  parts of the position (kernels.h)               token
 *     u0..u4      as above                                        turn / token
 *     uh, ul      the unreduced step as a double-double           turn / token
 *
 *   Returned:
 *     the angle less whole quarter turns                          turn
 *
 *   Notes:
 *     1) With high = f = 0 every added term is a zero and the bits are those of
 *        turn_of_integer: which of the two runs is a matter of speed alone.
 *     2) high * (2^31 * u_i) is exact for i < 4, and whole for i = 0.
 *     3) f * uh must be added before the quarters are taken: it may be a large part
 *        of a turn, and many turns where w is large.
 *     4) high * (2^31 * u4) reaches 2^-37, and fl 2^-16 where w is 2^40: too much for
 *        a low part, which cos_sin_of_turn takes to first order only.
 *
 *   Source: docs/numerics.md, "Reduction"; the high part is the same for 2^31 * u.
 */
static inline turn
turn_of_any(double p, double high, double f, double u0, double u1, double u2, double u3,
            double u4, double uh, double ul)
{
    turn r;
    const double A =
        product_without_turns(p, u0) + product_without_turns(high, 0x1p31 * u1);
    const double B =
        product_without_turns(p, u1) + product_without_turns(high, 0x1p31 * u2);
    const double fh = f * uh;
    const double fl = product_error(f, uh, fh) + f * ul;
    const double whole = A + B, part = product_without_turns(fh, 1.0);
    const double sum = whole + part;
    const double l0 = sum_error(whole, part, sum);
    const double s = without_quarters(sum, &r.quarter);
    double le, l1, l2;
    const double h0 = sum_with_product(s, high, 0x1p31 * u3, &le);
    const double h1 = sum_with_product(h0, p, u2, &l1);
    const double h2 = sum_with_product(h1, p, u3, &l2);
    const double last = high * (0x1p31 * u4) + fl;
    r.h = h2 + last;
    const double l3 = sum_error(h2, last, r.h);
    r.l = ((l1 + l2) + p * u4) + ((l0 + le) + l3);
    return r;
}

/* (sin(r)/r - 1) / r^2 as a polynomial in y = r^2, and (cos(r) - 1 + y/2) / y^2, for
 * |r| <= pi/4 + 2^-12. Remez exchange at 250 bits for weights 1/sin and 1/cos, rounded
 * to double; relative error 2^-56.5 and 2^-59.5. tests/test_phase.py measures both
 * again with mpmath. Source: docs/numerics.md, "Polynomials". */
static inline double
sin_polynomial(double y)
{
    const double S1 = -0x1.5555555555548p-3, S2 = 0x1.111111110f7bcp-7;
    const double S3 = -0x1.a01a019bfb4fep-13, S4 = 0x1.71de3565794d5p-19;
    const double S5 = -0x1.ae5e58ab4141ap-26, S6 = 0x1.5d8f409395d2dp-33;
    return S1 + y * (S2 + y * (S3 + y * (S4 + y * (S5 + y * S6))));
}

static inline double
cos_polynomial(double y)
{
    const double C1 = 0x1.555555555554bp-5, C2 = -0x1.6c16c16c14f7ap-10;
    const double C3 = 0x1.a01a019c8205ep-16, C4 = -0x1.27e4f7e913604p-22;
    const double C5 = 0x1.1ee9d687528fap-29, C6 = -0x1.8fa3fa52b3570p-37;
    return C1 + y * (C2 + y * (C3 + y * (C4 + y * (C5 + y * C6))));
}

/* Put the quarter turns back: an odd one swaps the two, bit 1 flips the sign; masks, no
 * branches. */
static inline void
turn_back(uint64_t quarter, uint64_t s, uint64_t c, double *cos, double *sin)
{
    const uint64_t odd = 0u - (quarter & 1u);
    const uint64_t change = (s ^ c) & odd;
    const uint64_t sin_sign = (quarter & 2u) << 62;
    const uint64_t cos_sign = ((quarter + 1u) & 2u) << 62;
    *sin = double_from_bits((s ^ change) ^ sin_sign);
    *cos = double_from_bits((c ^ change) ^ cos_sign);
}

/*
 * Cosine and sine of a reduced angle.
 *
 *   Given:
 *     t       the angle                                           turn
 *
 *   Returned:
 *     cos, sin  of the whole angle, quarter turns included; 0.80 ulp 1
 *
 *   Notes:
 *     1) rh + rl is the angle in radians; e, the error of the product, costs four
 *        operations and brings 1.44 ulp down to 0.80.
 *
 *   Source: docs/numerics.md, "Reduction" and "Polynomials".
 */
static inline void
cos_sin_of_turn(turn t, double *cos, double *sin)
{
    const double rh = t.h * TWO_PI;
    const double e = product_error(t.h, TWO_PI, rh);
    const double rl = e + (t.h * TWO_PI_LOW + t.l * TWO_PI);
    const double y = rh * rh, v = add_exact_product(-0.5, y, 1.0);
    const double low_of_v = add_exact_product(-0.5, y, 1.0 - v);
    const double S = sin_polynomial(y), C = cos_polynomial(y);
    const uint64_t s = double_bits(rh + ((rh * y) * S + rl * v));
    const uint64_t c = double_bits(v + (low_of_v + ((y * y) * C - rh * rl)));

    turn_back(t.quarter, s, c, cos, sin);
}

/*
 * The same from a turn in one double, for tables of float and narrower types.
 *
 *   Given:
 *     t       the angle; l is not read                            turn
 *
 *   Returned:
 *     cos, sin  within 3.2 ulp (seen), 0.6 on average             1
 *
 *   Notes:
 *     1) A float is misrounded only where the double lies that near to a midpoint;
 *        every position below 2^20 counted (docs/accuracy.md): 1 of 537 million values,
 *        the same one that the long form misrounds.
 *
 *   Source: docs/numerics.md, "Polynomials", without the low parts.
 */
static inline void
cos_sin_of_narrow_turn(turn t, double *cos, double *sin)
{
    const double r = t.h * TWO_PI, y = r * r;
    const double v = add_exact_product(-0.5, y, 1.0);
    const uint64_t s = double_bits(r + (r * y) * sin_polynomial(y));
    const uint64_t c = double_bits(v + (y * y) * cos_polynomial(y));
    turn_back(t.quarter, s, c, cos, sin);
}

#endif
