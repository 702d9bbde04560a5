/*
 * Tables in float of positions p, p + d, p + 2d, ..., as they mostly come. The rows j
 * steps before and after one of them, the anchor a, are sums of products:
 *
 *     cos((a -+ j d) w) = cos(a w) cos(j d w) +- sin(a w) sin(j d w)
 *     sin((a -+ j d) w) = sin(a w) cos(j d w) -+ cos(a w) sin(j d w)
 *
 * which takes a quarter of the time of a direct evaluation. The doubles are not those
 * of one, but the floats are: a row counts only where everything that lies within
 * `unsure` of a double, so the one of the direct way too, is rounded to the same float.
 * Else it is evaluated directly. So nothing shows which way a row took.
 *
 * Source: docs/numerics.md, "Progressions"; of the test, Ziv, Fast evaluation of
 * elementary mathematical functions with correctly rounded last bit, ACM TOMS 17(3),
 * 1991.
 */
#ifndef ROPE_PROGRESSION_H
#define ROPE_PROGRESSION_H

#include "rows.h"

/* Rows on each side of an anchor, and all of its rows. */
enum { REACH = 5, GROUP = 2 * REACH + 1 };

/* Of |cos a| + |sin a| most, which no summand exceeds; in units of 2^-53: two factors
 * and the direct way are within 7.4 each (3.2 ulp and a scale), the roundings here cost
 * 3 at most. That is 26; 64 leave room for a worse angle than all that were seen, and
 * send one float of two million to the direct way. */
#define UNSURE 0x1p-47

/* Where pairs hardly move, sums of subnormal numbers may lose the sign of a zero. This
 * leaves no zero sure but those of pairs that stand still. */
#define LEAST 0x1p-900

/* A row, its scales included, and what its neighbours are made of. */
typedef struct {
    double cos[CHUNK], sin[CHUNK]; /* of |position| */
    double unsure_cos[CHUNK], unsure_sin[CHUNK];
    uint32_t sign; /* the sign bit of the position: sine is odd */
} anchor;

/* Rows 1 .. REACH steps away from any anchor, scales left out. */
typedef struct {
    double cos[REACH][CHUNK], sin[REACH][CHUNK];
    double most[CHUNK]; /* of the sines' magnitudes */
} rope_steps;

static inline double
magnitude(double x)
{
    return double_from_bits(double_bits(x) & UINT64_C(0x7fffffffffffffff));
}

static inline float
with_sign(float x, uint32_t sign)
{
    return float_from_bits(float_bits(x) ^ sign);
}

/* a * b + c, rounded once or twice: for what `unsure` covers. */
static inline double
add_product(double a, double b, double c)
{
#ifdef HAS_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* How many of these rows, at least 1, are integers of one sign with equal steps. A
 * scale that is no ordinary positive number stands alone. */
static ptrdiff_t
rows_in_progression(const rope_position *at, ptrdiff_t rows)
{
    const double scale = at->cos_scale, step = rows > 1 ? at[1].whole - at->whole : 0.0;
    if (!(scale >= 0x1p-60 && scale <= 0x1p60))
        return 1;
    ptrdiff_t n = 0;
    while (n < rows && is_integer(at + n) && at[n].cos_scale == scale &&
           at[n].sin_scale == at->sin_scale &&
           (n == 0 || at[n].whole - at[n - 1].whole == step))
        ++n;
    return n == 0 ? 1 : n;
}

static void
take_steps(rope_steps *steps, ptrdiff_t n, const double *const *u, double step)
{
    const double sign = step < 0.0 ? -1.0 : 1.0;
    for (ptrdiff_t i = 0; i < n; ++i)
        steps->most[i] = 0.0;
    for (int j = 0; j < REACH; ++j) {
        const rope_position away = {
            .whole = sign * step * (j + 1), .cos_scale = 1.0, .sin_scale = sign};
        narrow_row(n, u, &away, steps->cos[j], steps->sin[j]);
        for (ptrdiff_t i = 0; i < n; ++i) {
            const double sine = magnitude(steps->sin[j][i]);
            const double size = sine > 0.0 ? sine + LEAST : 0.0;
            steps->most[i] = steps->most[i] < size ? size : steps->most[i];
        }
    }
}

static void
take_anchor(anchor *of, ptrdiff_t n, const double *const *u, const rope_steps *steps,
            const rope_position *at, float *restrict cos, float *restrict sin)
{
    rope_position unsigned_at = *at;
    unsigned_at.sin_scale = at->cos_scale;
    of->sign = at->sin_scale < 0.0 ? UINT32_C(0x80000000) : 0;
    narrow_row(n, u, &unsigned_at, of->cos, of->sin);
    for (ptrdiff_t i = 0; i < n; ++i) {
        const double c = magnitude(of->cos[i]), s = magnitude(of->sin[i]);
        of->unsure_cos[i] = UNSURE * (c + s * steps->most[i]);
        of->unsure_sin[i] = UNSURE * (s + c * steps->most[i]);
        cos[i] = (float)of->cos[i];
        sin[i] = with_sign((float)of->sin[i], of->sign);
    }
}

/* The rows before and after an anchor by steps of cosine c and sine s; 0 if all of
 * their values are sure. Where a pair stands still its sine is +0, and so are these
 * sums. */
static uint32_t
rows_around(ptrdiff_t n, const anchor *of, const double *restrict c,
            const double *restrict s, float *restrict cos_before,
            float *restrict sin_before, float *restrict cos_after,
            float *restrict sin_after)
{
    uint32_t differ = 0;
    for (ptrdiff_t i = 0; i < n; ++i) {
        const double e = of->unsure_cos[i], f = of->unsure_sin[i];
        const double ss_low = add_product(of->sin[i], s[i], -e);
        const double ss_high = add_product(of->sin[i], s[i], e);
        const double cs_low = add_product(of->cos[i], s[i], -f);
        const double cs_high = add_product(of->cos[i], s[i], f);
        const float cos_before_low = (float)add_product(of->cos[i], c[i], ss_low);
        const float cos_before_high = (float)add_product(of->cos[i], c[i], ss_high);
        const float sin_before_low = (float)add_product(of->sin[i], c[i], -cs_high);
        const float sin_before_high = (float)add_product(of->sin[i], c[i], -cs_low);
        const float cos_after_low = (float)add_product(of->cos[i], c[i], -ss_high);
        const float cos_after_high = (float)add_product(of->cos[i], c[i], -ss_low);
        const float sin_after_low = (float)add_product(of->sin[i], c[i], cs_low);
        const float sin_after_high = (float)add_product(of->sin[i], c[i], cs_high);
        differ |= float_bits(cos_before_low) ^ float_bits(cos_before_high);
        differ |= float_bits(sin_before_low) ^ float_bits(sin_before_high);
        differ |= float_bits(cos_after_low) ^ float_bits(cos_after_high);
        differ |= float_bits(sin_after_low) ^ float_bits(sin_after_high);
        cos_before[i] = cos_before_low;
        sin_before[i] = with_sign(sin_before_low, of->sign);
        cos_after[i] = cos_after_low;
        sin_after[i] = with_sign(sin_after_low, of->sign);
    }
    return differ;
}

/*
 * Rows of a progression.
 *
 *   Given:
 *     n         pairs, at most CHUNK                              pair
 *     rest      the same and those that come after them           pair
 *     u         turn planes of their frequencies                  turn / token
 *     rows, at  positions with equal steps, at least GROUP        token
 *     row       distance from one row of the tables to the next, of any sign; rows
 *               do not overlap                                    element
 *
 *   Returned:
 *     cos, sin  rows with the bits of direct_phases_f32           1
 *
 *   Notes:
 *     1) The last group overlaps the one before it: the same bits once more.
 *     2) What is left of the rows that come next is asked for; a table of 131072
 *        positions takes 6.8 ms, without that 9.4. For 128 pairs it takes 14 ms, and 20
 *        where these n pairs alone are asked for.
 */
static void
progression(ptrdiff_t n, ptrdiff_t rest, const double *const *u, ptrdiff_t rows,
            const rope_position *at, ptrdiff_t row, float *cos, float *sin)
{
    const ptrdiff_t row_bytes = row * (ptrdiff_t)sizeof(float);
    const size_t asked = (size_t)rest * sizeof(float);
    rope_steps steps;
    anchor middle;
    take_steps(&steps, n, u, at[1].whole - at[0].whole);
    for (ptrdiff_t first = 0; first < rows; first += GROUP) {
        const ptrdiff_t r = (first + GROUP < rows ? first : rows - GROUP) + REACH;
        float *const c = cos + r * row, *const s = sin + r * row;
        take_anchor(&middle, n, u, &steps, at + r, c, s);
        for (ptrdiff_t j = 1; j <= REACH; ++j) {
            const ptrdiff_t away = j * row;
            for (ptrdiff_t k = 0; k < 2; ++k) {
                const ptrdiff_t soon = (REACH + 2 * j - 1 + k) * row_bytes;
                ask_for(c, soon, asked);
                ask_for(s, soon, asked);
            }
            if (rows_around(n, &middle, steps.cos[j - 1], steps.sin[j - 1], c - away,
                            s - away, c + away, s + away) == 0)
                continue;
            direct_phases_f32(n, u, 1, at + r - j, row, c - away, s - away);
            direct_phases_f32(n, u, 1, at + r + j, row, c + away, s + away);
        }
    }
}

/* kernels.h says what is promised. */
static void
phases_f32(ptrdiff_t n, const double *const *u, ptrdiff_t rows, const rope_position *at,
           ptrdiff_t row, float *cos, float *sin)
{
    ptrdiff_t taken;
    for (ptrdiff_t r = 0; r < rows; r += taken) {
        taken = rows_in_progression(at + r, rows - r);
        if (taken < 2 * GROUP) {
            direct_phases_f32(n, u, taken, at + r, row, cos + r * row, sin + r * row);
            continue;
        }
        for (ptrdiff_t first = 0; first < n; first += CHUNK) {
            const double *columns[ROPE_PLANES];
            columns_from(first, u, columns);
            progression(n - first < CHUNK ? n - first : CHUNK, n - first, columns,
                        taken, at + r, row, cos + r * row + first,
                        sin + r * row + first);
        }
    }
}

#endif
