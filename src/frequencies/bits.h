/* Numbers as their bits and back; what no bits but these are needs no libm. */
#ifndef ROPE_BITS_H
#define ROPE_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t
float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float
float_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t
double_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double
double_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double
not_a_number(void)
{
    return double_from_bits(UINT64_C(0x7ff8000000000000));
}

static inline double
infinity(void)
{
    return double_from_bits(UINT64_C(0x7ff0000000000000));
}

#endif
