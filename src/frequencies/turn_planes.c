#include "turn_planes.h"

/* The 22 bits of f from bit `low` upwards. */
static uint32_t
bit_field(const uint32_t f[8], int low)
{
    const uint64_t pair = (uint64_t)f[low / 32 + 1] << 32 | f[low / 32];
    return (uint32_t)(pair >> (low % 32)) & 0x3fffff;
}

/*
 * A number modulo 1 as five balanced digits.
 *
 *   Given:
 *     a       angular step in turns                               turn / token
 *
 *   Returned:
 *     digit   digit[0..3] are multiples of 2^-23, 2^-45, 2^-67 and 2^-89 of at most
 *             22 bits, digit[4] is the rest, below 2^-90; their sum is a - round(a)
 *                                                                 turn / token
 *
 *   Notes:
 *     1) Half a unit is added at every level before the bits are cut, and taken off
 *        each digit afterwards: rounding to nearest at all four levels at once.
 *     2) Products of an integer up to 2^31 and digit[0..3] are exact doubles.
 *
 *   Source: docs/numerics.md, "Turn planes".
 */
static void
turn_digits(const wide *a, double digit[5])
{
    /* The fraction in units of 2^-256, f[7] on top, after half a unit per level. */
    uint32_t f[8] = {0, 0, 0, 0, 0, 1u << 28 | 1u << 6, 1u << 18, 1u << 8};
    uint32_t fraction[8] = {0};
    for (int i = 0; i < WIDE_LIMBS; ++i) {
        const int32_t shift = 32 * i + 256 - 32 * WIDE_LIMBS + a->exponent;
        if (shift <= -32 || shift >= 256)
            continue;
        const int at = (shift + 32) / 32 - 1;
        const uint64_t moved = (uint64_t)a->limb[i] << (shift - 32 * at);
        if (at >= 0)
            fraction[at] |= (uint32_t)moved;
        if (at < 7)
            fraction[at + 1] |= (uint32_t)(moved >> 32);
    }
    uint64_t carry = 0;
    for (int i = 0; i < 8; ++i) {
        carry += (uint64_t)f[i] + fraction[i];
        f[i] = (uint32_t)carry;
        carry >>= 32; /* what leaves the top is a whole turn */
    }
    const int32_t turn = (int32_t)(f[7] >> 9);
    digit[0] = (turn - (turn >> 22 << 23)) * 0x1p-23;
    digit[1] = ((int32_t)bit_field(f, 211) - 0x200000) * 0x1p-45;
    digit[2] = ((int32_t)bit_field(f, 189) - 0x200000) * 0x1p-67;
    digit[3] = ((int32_t)bit_field(f, 167) - 0x200000) * 0x1p-89;

    /* Bits 166..0 less 2^166, as sign and magnitude, so that a small rest is exact. */
    const int positive = f[5] >> 6 & 1;
    f[5] &= 0x3f;
    if (!positive) {
        uint64_t borrow = 0;
        for (int i = 0; i < 6; ++i) {
            const uint64_t d = (i == 5 ? 0x40u : 0u) - (uint64_t)f[i] - borrow;
            f[i] = (uint32_t)d;
            borrow = d >> 63;
        }
    }
    const wide rest = wide_normalised(f, 6, 192 - 256);
    digit[4] = positive ? wide_to_double(&rest) : -wide_to_double(&rest);
}

/*
 * The turn planes of a frequency.
 *
 *   Given:
 *     w       the frequency                                       rad / token
 *
 *   Returned:
 *     plane   u = w / (2 pi) mod 1 in five parts, of which four are short enough for
 *             exact products; then u unreduced as a double-double
 *                                                                 turn / token
 *
 *   Source: docs/numerics.md, "Turn planes".
 */
void
rope_turn_planes(const wide *w, double plane[ROPE_PLANES])
{
    const wide u = wide_multiply(w, &wide_inverse_two_pi);
    turn_digits(&u, plane);
    plane[5] = wide_to_double(&u);
    const wide high = wide_from_double(plane[5]);
    const int below = wide_is_less(&u, &high);
    const wide rest = below ? wide_subtract(&high, &u) : wide_subtract(&u, &high);
    plane[6] = below ? -wide_to_double(&rest) : wide_to_double(&rest);
}
