/*
 * Wide numbers: positive reals with a mantissa of 192 bits.
 *
 * Frequencies are roots and products, so + - * / with enough guard bits is all that
 * an exact rotary frequency needs: no exp, no log, no libm, no 128-bit integers, and
 * hence the same bits from every compiler. Every operation truncates; its relative
 * error is below 2^-189. Used when a spec is built, never inside a table loop.
 *
 * Source: docs/numerics.md, "Wide arithmetic".
 */
#ifndef ROPE_WIDE_H
#define ROPE_WIDE_H

#ifdef _MSC_VER
#pragma fp_contract(off) /* /fp:precise alone contracts before Visual Studio 2022 */
#endif

#include <stdint.h>

#define WIDE_LIMBS 6

/* value = 0.mantissa * 2^exponent; limb[0] is the least significant; the top bit of
 * limb[WIDE_LIMBS - 1] is set, except in zero, where every limb is 0. */
typedef struct {
    uint32_t limb[WIDE_LIMBS];
    int32_t exponent;
} wide;

extern const wide wide_one, wide_inverse_two_pi;

/* The n limbs at `limb` with their top bit brought to the top; a sum or difference. */
wide wide_normalised(const uint32_t *limb, int n, int32_t exponent);
wide wide_from_double(double x);      /* exact; x >= 0 and finite */
double wide_to_double(const wide *a); /* nearest, ties to even */
int wide_is_less(const wide *a, const wide *b);
wide wide_add(const wide *a, const wide *b);
wide wide_subtract(const wide *a, const wide *b);  /* a >= b */
wide wide_divide(const wide *a, const wide *b);    /* b > 0 */
wide wide_divide_by(const wide *a, double x);      /* x > 0 and finite */
wide wide_inverse_root(const wide *a, uint32_t n); /* a^(-1/n); a > 0, n > 0 */
wide wide_power(const wide *a, uint32_t n);

/* Row by row, in a window of the upper limbs that moves up by one with each row; of
 * what leaves it at the bottom only the last limb is kept, for the last bit. Inline,
 * because a result that returns through memory is stored in words and loaded in
 * vectors, which stalls for longer than the product takes. */
static inline wide
wide_multiply(const wide *a, const wide *b)
{
    uint32_t window[WIDE_LIMBS] = {0}, below = 0;
    for (int i = 0; i < WIDE_LIMBS; ++i) {
        uint64_t carry = (uint64_t)a->limb[i] * b->limb[0] + window[0];
        below = (uint32_t)carry;
        for (int j = 1; j < WIDE_LIMBS; ++j) {
            carry = (carry >> 32) + (uint64_t)a->limb[i] * b->limb[j] + window[j];
            window[j - 1] = (uint32_t)carry;
        }
        window[WIDE_LIMBS - 1] = (uint32_t)(carry >> 32);
    }
    /* Two mantissas in [1/2, 1): the product is normalised or one bit short of it. */
    const uint32_t shift = (window[WIDE_LIMBS - 1] >> 31) ^ 1u;
    wide r;
    for (int i = WIDE_LIMBS - 1; i > 0; --i)
        r.limb[i] = window[i] << shift | (window[i - 1] >> 31 & shift);
    r.limb[0] = window[0] << shift | (below >> 31 & shift);
    r.exponent = a->exponent + b->exponent - (int32_t)shift;
    return r;
}

#endif
