#include "wide.h"

#include <string.h>

#include "bits.h"

#define TOP (WIDE_LIMBS - 1)
#define MANTISSA_BITS (32 * WIDE_LIMBS)

const wide wide_one = {{0, 0, 0, 0, 0, 0x80000000u}, 1};

/* 1/(2 pi) to 192 bits; tests/test_wide.py prints it again with mpmath and with
 * Machin's formula in integers. */
const wide wide_inverse_two_pi = {
    {0x3c439042u, 0xdb629599u, 0xf534ddc0u, 0xfc2757d1u, 0x4e441529u, 0xa2f9836eu}, -2};

/* Exponent and mantissa of a finite double, from its bits: frexp without libm. */
static uint64_t
split_double(double x, int32_t *exponent)
{
    const uint64_t bits = double_bits(x);
    const int32_t biased = (int32_t)(bits >> 52) & 0x7ff;
    uint64_t mantissa = bits & 0xfffffffffffffu;
    if (biased != 0)
        mantissa |= 0x10000000000000u;
    *exponent = (biased == 0 ? 1 : biased) - 1075;
    return mantissa;
}

/* 2^e as a double; -1022 <= e <= 1023. */
static double
power_of_two(int32_t e)
{
    return double_from_bits((uint64_t)(e + 1023) << 52);
}

static int
is_zero(const wide *a)
{
    return a->limb[TOP] == 0;
}

/* Of x > 0, from the exponent of the double that holds it exactly. */
static int
leading_zeros(uint32_t x)
{
    return 1054 - (int)(double_bits(x) >> 52);
}

wide
wide_normalised(const uint32_t *limb, int n, int32_t exponent)
{
    wide r = {{0}, 0};
    int top = n - 1;
    while (top >= 0 && limb[top] == 0)
        --top;
    if (top < 0)
        return r;
    const int shift = leading_zeros(limb[top]);
    for (int i = TOP, j = top; i >= 0 && j >= 0; --i, --j) {
        const uint64_t pair = (uint64_t)limb[j] << 32 | (j > 0 ? limb[j - 1] : 0);
        r.limb[i] = (uint32_t)(pair << shift >> 32);
    }
    r.exponent = exponent - 32 * (n - 1 - top) - shift;
    return r;
}

wide
wide_from_double(double x)
{
    int32_t exponent;
    const uint64_t mantissa = split_double(x, &exponent);
    const uint32_t limb[2] = {(uint32_t)mantissa, (uint32_t)(mantissa >> 32)};
    return wide_normalised(limb, 2, exponent + 64);
}

double
wide_to_double(const wide *a)
{
    if (is_zero(a) || a->exponent < -1021)
        return 0.0; /* below the normal range: no frequency lies there */
    const uint64_t head = (uint64_t)a->limb[TOP] << 32 | a->limb[TOP - 1];
    uint64_t mantissa = head >> 11, rest = head & 0x7ff;
    for (int i = TOP - 2; i >= 0; --i)
        rest |= a->limb[i] != 0;
    mantissa += rest > 0x400 || (rest == 0x400 && (mantissa & 1));
    if (a->exponent > 1023)
        return infinity();
    return (double)mantissa * 0x1p-53 * power_of_two(a->exponent);
}

int
wide_is_less(const wide *a, const wide *b)
{
    if (is_zero(a) || is_zero(b))
        return is_zero(a) && !is_zero(b);
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent;
    for (int i = TOP; i >= 0; --i)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i];
    return 0;
}

/* The limbs of a moved down by `bits`, in n limbs of which the lowest one guards. */
static void
shifted_down(const wide *a, int32_t bits, uint32_t *limb, int n)
{
    memset(limb, 0, (size_t)n * sizeof *limb);
    const int whole = bits / 32, part = bits % 32;
    for (int i = 0; i < WIDE_LIMBS; ++i) {
        const int to = i + n - WIDE_LIMBS - whole;
        const uint64_t pair = (uint64_t)a->limb[i] << 32 >> part;
        if (to >= 0 && to < n)
            limb[to] |= (uint32_t)(pair >> 32);
        if (to >= 1 && to <= n)
            limb[to - 1] |= (uint32_t)pair;
    }
}

wide
wide_add(const wide *a, const wide *b)
{
    if (wide_is_less(a, b))
        return wide_add(b, a);
    if (is_zero(b) || a->exponent - b->exponent > MANTISSA_BITS)
        return *a;
    uint32_t limb[WIDE_LIMBS + 1], sum[WIDE_LIMBS + 2];
    shifted_down(b, a->exponent - b->exponent, limb, WIDE_LIMBS + 1);
    uint64_t carry = 0;
    for (int i = 0; i <= WIDE_LIMBS; ++i) {
        carry += (uint64_t)limb[i] + (i > 0 ? a->limb[i - 1] : 0);
        sum[i] = (uint32_t)carry;
        carry >>= 32;
    }
    sum[WIDE_LIMBS + 1] = (uint32_t)carry;
    return wide_normalised(sum, WIDE_LIMBS + 2, a->exponent + 32);
}

wide
wide_subtract(const wide *a, const wide *b)
{
    if (is_zero(b) || a->exponent - b->exponent > MANTISSA_BITS)
        return *a;
    uint32_t limb[WIDE_LIMBS + 1];
    shifted_down(b, a->exponent - b->exponent, limb, WIDE_LIMBS + 1);
    uint64_t borrow = 0;
    for (int i = 0; i <= WIDE_LIMBS; ++i) {
        const uint64_t d = (i > 0 ? a->limb[i - 1] : 0) - (uint64_t)limb[i] - borrow;
        limb[i] = (uint32_t)d;
        borrow = d >> 63;
    }
    return wide_normalised(limb, WIDE_LIMBS + 1, a->exponent);
}

/* a * (1 + weight * (1 - product)), the step of both Newton iterations: `product` tends
 * to 1 as a tends to its limit. */
static wide
corrected(const wide *a, const wide *product, double weight)
{
    const int over = wide_is_less(&wide_one, product);
    wide residual =
        over ? wide_subtract(product, &wide_one) : wide_subtract(&wide_one, product);
    const wide scale = wide_from_double(weight);
    residual = wide_multiply(&residual, &scale);
    residual = wide_multiply(&residual, a);
    return over ? wide_subtract(a, &residual) : wide_add(a, &residual);
}

wide
wide_divide(const wide *a, const wide *b)
{
    wide scaled = *b;
    scaled.exponent = 0; /* in [1/2, 1), so that its inverse is a plain double */
    wide inverse = wide_from_double(1.0 / wide_to_double(&scaled));
    for (int i = 0; i < 2; ++i) { /* 2^-52, 2^-104, then the truncation */
        const wide product = wide_multiply(&scaled, &inverse);
        inverse = corrected(&inverse, &product, 1.0);
    }
    inverse.exponent -= b->exponent;
    return wide_multiply(a, &inverse);
}

/* Long division with digits of 32 bits. A double estimates each of them to within 1;
 * the remainder, which 64 bits hold, corrects it, so that no bit hangs on the estimate.
 */
wide
wide_divide_by(const wide *a, double x)
{
    enum { BELOW = 2, DIGITS = WIDE_LIMBS + BELOW }; /* 203 bits of the quotient */
    int32_t exponent;
    const uint64_t divisor = split_double(x, &exponent);
    const double inverse = 1.0 / (double)divisor;
    uint32_t quotient[DIGITS];
    uint64_t rest = 0;
    for (int i = DIGITS - 1; i >= 0; --i) {
        const uint32_t limb = i >= BELOW ? a->limb[i - BELOW] : 0;
        uint64_t digit = (uint64_t)(((double)rest * 0x1p32 + limb) * inverse);
        rest = (rest << 32 | limb) - digit * divisor;
        if (rest >> 63) {
            rest += divisor;
            --digit;
        } else if (rest >= divisor) {
            rest -= divisor;
            ++digit;
        }
        quotient[i] = (uint32_t)digit;
    }
    return wide_normalised(quotient, DIGITS, a->exponent - exponent);
}

/* From the top bit of n downwards: no product with 1, and none to spare at the end. */
wide
wide_power(const wide *a, uint32_t n)
{
    if (n == 0)
        return wide_one;
    wide power = *a;
    for (uint32_t bit = 0x80000000u >> leading_zeros(n) >> 1; bit; bit >>= 1) {
        power = wide_multiply(&power, &power);
        if (n & bit)
            power = wide_multiply(&power, a);
    }
    return power;
}

/* 2^y for moderate y, to 1e-12: good enough to start a Newton iteration. */
static double
rough_exp2(double y)
{
    const int32_t whole = (int32_t)(y < 0 ? y - 0.5 : y + 0.5);
    const double t = (y - whole) * 0x1.62e42fefa39efp-1; /* ln 2 */
    double sum = 1.0;
    for (int i = 11; i > 0; --i)
        sum = 1.0 + sum * t / i;
    return sum * power_of_two(whole);
}

static double
power(double x, uint32_t n)
{
    double result = 1.0;
    for (; n; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

/*
 * Inverse n-th root of a wide number.
 *
 *   Given:
 *     a       positive number                                     1
 *     n       degree, > 0                                         1
 *
 *   Returned:
 *     a^(-1/n), within a few units of 2^-190 whatever n           1
 *
 *   Notes:
 *     1) Newton for x^n * a = 1: x <- x + x * (1 - a * x^n) / n. The error of x^n
 *        (about n truncations) is divided by n again.
 *     2) The start comes from the bits of a and a series, not from libm, so that
 *        every platform takes the same way to the same bits.
 *     3) a = m * 2^(n q) with the power of two taken out exactly first. Doubles hold m
 *        and x^n where the exponent of a is within 500, as the callers see to.
 *
 *   Source: docs/numerics.md, "Powers and roots".
 */
wide
wide_inverse_root(const wide *a, uint32_t n)
{
    const int32_t degree = (int32_t)n;
    const int32_t whole = a->exponent / degree;
    wide m = *a;
    m.exponent -= whole * degree; /* |exponent| < n */
    wide lead = m;
    lead.exponent = 1; /* in [1, 2) */
    const double log2m = m.exponent - 1 + (wide_to_double(&lead) - 0.957);
    const double md = wide_to_double(&m);
    double start = rough_exp2(-log2m / n);
    for (int i = 0; i < 5; ++i) /* n * error: 2^-5, -11, -23, -47, rounding */
        start += start * (1.0 - md * power(start, n)) / n;
    wide x = wide_from_double(start);
    for (int i = 0; i < 3; ++i) { /* 2^-44, 2^-88, 2^-141, then the truncation */
        wide product = wide_power(&x, n);
        product = wide_multiply(&product, &m);
        x = corrected(&x, &product, 1.0 / n);
    }
    x.exponent -= whole;
    return x;
}
