/*
 * float16 and bfloat16 as bits: loads and correctly rounded stores.
 *
 * Plain arithmetic without branches, so that compilers can vectorise it and every
 * instruction set gives the same bits. The loops run with FTZ and DAZ off
 * (src/module/loops.c), so subnormal numbers are numbers.
 *
 * Source: docs/numerics.md, "Rounding to 16 bits".
 */
#ifndef ROPE_HALF_H
#define ROPE_HALF_H

#ifdef _MSC_VER
#pragma fp_contract(off) /* /fp:precise alone contracts before Visual Studio 2022 */
#endif

#include "frequencies/bits.h"

typedef struct {
    uint16_t bits;
} float16;
typedef struct {
    uint16_t bits;
} bfloat16;

/* mask ? a : b, bit by bit; mask is all ones or all zeros. */
static inline uint32_t
select32(uint32_t mask, uint32_t a, uint32_t b)
{
    return (a & mask) | (b & ~mask);
}

/* x rounded, ties to even, so that its lowest `bits` bits are 0; numbers below `least`,
 * the smallest normal one of the narrow type, at the last place that `rounder` has. A
 * tiny negative value gives -0, a NaN stays one. */
static inline double
cut_to(double x, int bits, double least, double rounder)
{
    const uint64_t sign = double_bits(x) & UINT64_C(0x8000000000000000);
    const uint64_t magnitude = double_bits(x) ^ sign;
    const uint64_t low = (UINT64_C(1) << bits) - 1;
    const uint64_t up = (magnitude + (low >> 1) + (magnitude >> bits & 1)) & ~low;
    const double small = (double_from_bits(magnitude) + rounder) - rounder;
    const uint64_t is_small = 0u - (uint64_t)(magnitude < double_bits(least));
    const uint64_t is_nan = 0u - (uint64_t)(magnitude > UINT64_C(0x7ff0000000000000));
    const uint64_t cut = (double_bits(small) & is_small) | (up & ~is_small);
    return double_from_bits(sign | (magnitude & is_nan) | (cut & ~is_nan));
}

/* ---- bfloat16: the upper half of a float ---- */

static inline float
load_bfloat16(bfloat16 x)
{
    return float_from_bits((uint32_t)x.bits << 16);
}

/* Nearest, ties to even; a NaN stays a (quiet) NaN. */
static inline bfloat16
store_bfloat16(float x)
{
    const uint32_t bits = float_bits(x);
    const uint32_t nan = 0u - (uint32_t)((bits & 0x7fffffffu) > 0x7f800000u);
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    return (bfloat16){(uint16_t)(select32(nan, bits | 0x400000u, rounded) >> 16)};
}

/* From a double in one rounding: never through float, which is wrong at midpoints. */
static inline bfloat16
round_to_bfloat16(double x)
{
    const uint32_t bits = float_bits((float)cut_to(x, 45, 0x1p-126, 0x1.8p-81));
    return (bfloat16){(uint16_t)(bits >> 16)};
}

/* ---- float16 ---- */

/* A float16 exponent lies 112 below a float's: shift, then scale; subnormal numbers
 * are read as an integer behind the mantissa of 0.5. */
static inline float
load_float16(float16 x)
{
    const uint32_t sign = (uint32_t)(x.bits & 0x8000u) << 16;
    const uint32_t magnitude = (uint32_t)(x.bits & 0x7fffu) << 13;
    const float normal = float_from_bits(magnitude + (0xe0u << 23)) * 0x1p-112f;
    const float small = float_from_bits((magnitude >> 13) | (126u << 23)) - 0.5f;
    const uint32_t is_small = 0u - (uint32_t)(magnitude < 0x800000u);
    return float_from_bits(sign |
                           select32(is_small, float_bits(small), float_bits(normal)));
}

/* Nearest, ties to even; overflow to infinity, NaN to a quiet NaN. */
static inline float16
store_float16(float x)
{
    const uint32_t bits = float_bits(x), sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    /* Adding 2^(e+13) for a value of exponent e >= -14 rounds it to ten bits. */
    uint32_t exponent = magnitude & 0x7f800000u;
    const uint32_t least = 113u << 23, most = 142u << 23;
    exponent = select32(0u - (uint32_t)(exponent < least), least, exponent);
    exponent = select32(0u - (uint32_t)(exponent > most), most, exponent);
    const uint32_t too_big = 0u - (uint32_t)(magnitude >= 0x477ff000u);
    const uint32_t nan = 0u - (uint32_t)(magnitude > 0x7f800000u);
    const float tame = float_from_bits(select32(too_big, 0u, magnitude));
    const uint32_t sum = float_bits(tame + float_from_bits(exponent + (13u << 23)));
    /* The low bits of the sum hold the mantissa, carry included; the subnormal range
     * needs no other way: its exponent field is 0 there. */
    const uint32_t rounded = ((exponent - least) >> 13) + (sum & 0xfffu);
    uint32_t half = select32(too_big, 0x7c00u, rounded);
    half = select32(nan, 0x7e00u | (magnitude >> 13 & 0x3ffu), half);
    return (float16){(uint16_t)(sign | half)};
}

/* From a double in one rounding. */
static inline float16
round_to_float16(double x)
{
    return store_float16((float)cut_to(x, 42, 0x1p-14, 0x1.8p28));
}

#endif
