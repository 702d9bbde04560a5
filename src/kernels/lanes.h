/*
 * Vectors of floats loaded from and stored to 16-bit rows, for the loops that compilers
 * do not vectorise well: rotate_half of float16 and bfloat16, rotate_interleaved of
 * bfloat16. Against the loops over short float rows (rotate16.inc.h) they take
 * half the time. Same operations, same bits; without AVX2 the file is empty.
 *
 * bfloat16 goes in 32-bit words: the even numbers are their lower halves, the odd ones
 * their upper halves, each a float but for a shift or a mask. That takes half of the
 * operations of widening neighbours; tables are put into the same order.
 */
#ifndef ROPE_LANES_H
#define ROPE_LANES_H

#include "half.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#define ROPE_LANES 32

typedef __m512 vector;
typedef struct {
    vector first, second; /* float16: the first and the last 16; bfloat16: even, odd */
} lanes;

/* a * c - b * s, every operation rounded. */
static inline __m512
turned_vector(__m512 a, __m512 c, __m512 b, __m512 s)
{
    return _mm512_sub_ps(_mm512_mul_ps(a, c), _mm512_mul_ps(b, s));
}

/* b * c + a * s, likewise. */
static inline __m512
turned_other_vector(__m512 b, __m512 c, __m512 a, __m512 s)
{
    return _mm512_add_ps(_mm512_mul_ps(b, c), _mm512_mul_ps(a, s));
}

static inline __m512
load_vector(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline lanes
load_table_f16(const float *x)
{
    return (lanes){_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
}

static inline lanes
load_lanes_f16(const float16 *x)
{
    return (lanes){_mm512_cvtph_ps(_mm256_loadu_si256((const void *)x)),
                   _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(x + 16)))};
}

static inline void
store_lanes_f16(float16 *y, lanes x)
{
    _mm256_storeu_si256((void *)y, _mm512_cvtps_ph(x.first, _MM_FROUND_TO_NEAREST_INT));
    _mm256_storeu_si256((void *)(y + 16),
                        _mm512_cvtps_ph(x.second, _MM_FROUND_TO_NEAREST_INT));
}

static inline lanes
load_table_bf16(const float *x)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    const __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
    return (lanes){_mm512_permutex2var_ps(low, even, high),
                   _mm512_permutex2var_ps(low, odd, high)};
}

static inline lanes
load_lanes_bf16(const bfloat16 *x)
{
    const __m512i words = _mm512_loadu_si512(x);
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    return (lanes){_mm512_castsi512_ps(_mm512_slli_epi32(words, 16)),
                   _mm512_castsi512_ps(_mm512_and_si512(words, upper))};
}

/* The rounded value in the upper half of each word; store_bfloat16 with masks. */
static inline __m512i
rounded_words(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i up = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
    const __m512i even = _mm512_mask_add_epi32(up, odd, up, one);
    return _mm512_mask_or_epi32(even, nan, bits, _mm512_set1_epi32(0x400000));
}

/* Adding half a unit rounds all but ties and NaN, which are rare: then anew, with all
 * the masks. A row of 128 channels takes 18 ns in place of 22. */
static inline void
store_lanes_bf16(bfloat16 *y, lanes x)
{
    const __m512i half = _mm512_set1_epi32(0x8000), lower = _mm512_set1_epi32(0xffff);
    __m512i even = _mm512_add_epi32(_mm512_castps_si512(x.first), half);
    __m512i odd = _mm512_add_epi32(_mm512_castps_si512(x.second), half);
    const __mmask16 nan = _mm512_cmp_ps_mask(x.first, x.second, _CMP_UNORD_Q);
    const __mmask16 tie = _mm512_testn_epi32_mask(even, lower);
    if (nan | tie | _mm512_testn_epi32_mask(odd, lower)) {
        even = rounded_words(x.first);
        odd = rounded_words(x.second);
    }
    _mm512_storeu_si512(
        y, _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(even, 16), odd));
}

#elif defined(__AVX2__)
#include <immintrin.h>

#define ROPE_LANES 16

typedef __m256 vector;
typedef struct {
    vector first, second; /* as above, of 16 numbers */
} lanes;

static inline __m256
turned_vector(__m256 a, __m256 c, __m256 b, __m256 s)
{
    return _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s));
}

static inline __m256
turned_other_vector(__m256 b, __m256 c, __m256 a, __m256 s)
{
    return _mm256_add_ps(_mm256_mul_ps(b, c), _mm256_mul_ps(a, s));
}

static inline __m256
load_vector(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline lanes
load_table_f16(const float *x)
{
    return (lanes){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

static inline lanes
load_lanes_f16(const float16 *x)
{
    return (lanes){_mm256_cvtph_ps(_mm_loadu_si128((const void *)x)),
                   _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + 8)))};
}

static inline void
store_lanes_f16(float16 *y, lanes x)
{
    _mm_storeu_si128((void *)y, _mm256_cvtps_ph(x.first, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((void *)(y + 8),
                     _mm256_cvtps_ph(x.second, _MM_FROUND_TO_NEAREST_INT));
}

static inline lanes
load_table_bf16(const float *x)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
    const __m256 low = _mm256_loadu_ps(x), high = _mm256_loadu_ps(x + 8);
    return (lanes){_mm256_permutevar8x32_ps(_mm256_shuffle_ps(low, high, 0x88), order),
                   _mm256_permutevar8x32_ps(_mm256_shuffle_ps(low, high, 0xdd), order)};
}

static inline lanes
load_lanes_bf16(const bfloat16 *x)
{
    const __m256i words = _mm256_loadu_si256((const void *)x);
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    return (lanes){_mm256_castsi256_ps(_mm256_slli_epi32(words, 16)),
                   _mm256_castsi256_ps(_mm256_and_si256(words, upper))};
}

static inline __m256i
rounded_words(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i last =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    return _mm256_blendv_epi8(_mm256_add_epi32(up, last), quiet,
                              _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}

static inline void
store_lanes_bf16(bfloat16 *y, lanes x)
{
    const __m256i half = _mm256_set1_epi32(0x8000), zero = _mm256_setzero_si256();
    __m256i even = _mm256_add_epi32(_mm256_castps_si256(x.first), half);
    __m256i odd = _mm256_add_epi32(_mm256_castps_si256(x.second), half);
    const __m256i ties = _mm256_cmpeq_epi16(
        _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xaa), zero);
    const __m256 nans = _mm256_cmp_ps(x.first, x.second, _CMP_UNORD_Q);
    const __m256i rare = _mm256_or_si256(ties, _mm256_castps_si256(nans));
    if (!_mm256_testz_si256(rare, rare)) {
        even = rounded_words(x.first);
        odd = rounded_words(x.second);
    }
    _mm256_storeu_si256((void *)y,
                        _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xaa));
}
#endif

#ifdef ROPE_LANES
static inline lanes
turned(lanes a, lanes c, lanes b, lanes s)
{
    return (lanes){turned_vector(a.first, c.first, b.first, s.first),
                   turned_vector(a.second, c.second, b.second, s.second)};
}

static inline lanes
turned_other(lanes b, lanes c, lanes a, lanes s)
{
    return (lanes){turned_other_vector(b.first, c.first, a.first, s.first),
                   turned_other_vector(b.second, c.second, a.second, s.second)};
}

/* ROPE_LANES / 2 interleaved pairs of bfloat16, a word each. */
static inline void
turn_words(const float *cos, const float *sin, const bfloat16 *x, bfloat16 *y)
{
    const lanes pair = load_lanes_bf16(x);
    const vector a = pair.first, b = pair.second;
    const vector c = load_vector(cos), s = load_vector(sin);
    store_lanes_bf16(
        y, (lanes){turned_vector(a, c, b, s), turned_other_vector(b, c, a, s)});
}
#endif

#endif
