/*
 * Vectors of floats loaded from and stored to 16-bit rows, for the one loop that
 * compilers do not vectorise well: rotate_half of float16 and bfloat16. Against the
 * loops over short float rows (kernels_rotate16.inc.h) it takes half the time.
 * Same operations, same bits; without AVX2 the file is empty.
 */
#ifndef ROPE_LANES_H
#define ROPE_LANES_H

#include "half.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#define ROPE_LANES 32

typedef struct {
    __m512 low, high;
} lanes;

static inline lanes
load_lanes(const float *x)
{
    return (lanes){_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
}

/* a * c - b * s, every operation rounded. */
static inline lanes
turned(lanes a, lanes c, lanes b, lanes s)
{
    return (lanes){
        _mm512_sub_ps(_mm512_mul_ps(a.low, c.low), _mm512_mul_ps(b.low, s.low)),
        _mm512_sub_ps(_mm512_mul_ps(a.high, c.high), _mm512_mul_ps(b.high, s.high))};
}

/* b * c + a * s, likewise. */
static inline lanes
turned_other(lanes b, lanes c, lanes a, lanes s)
{
    return (lanes){
        _mm512_add_ps(_mm512_mul_ps(b.low, c.low), _mm512_mul_ps(a.low, s.low)),
        _mm512_add_ps(_mm512_mul_ps(b.high, c.high), _mm512_mul_ps(a.high, s.high))};
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
    _mm256_storeu_si256((void *)y, _mm512_cvtps_ph(x.low, _MM_FROUND_TO_NEAREST_INT));
    _mm256_storeu_si256((void *)(y + 16),
                        _mm512_cvtps_ph(x.high, _MM_FROUND_TO_NEAREST_INT));
}

static inline lanes
load_lanes_bf16(const bfloat16 *x)
{
    const __m256i low = _mm256_loadu_si256((const void *)x);
    const __m256i high = _mm256_loadu_si256((const void *)(x + 16));
    return (lanes){
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(low), 16)),
        _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16))};
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

static inline void
store_lanes_bf16(bfloat16 *y, lanes x)
{
    /* Words 1, 3, 5, ... of the two vectors. */
    const __m512i upper = _mm512_add_epi16(
        _mm512_slli_epi16(_mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21,
                                           20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10,
                                           9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                          1),
        _mm512_set1_epi16(1));
    _mm512_storeu_si512(y, _mm512_permutex2var_epi16(rounded_words(x.low), upper,
                                                     rounded_words(x.high)));
}

#elif defined(__AVX2__)
#include <immintrin.h>

#define ROPE_LANES 8
typedef __m256 lanes;

static inline lanes
load_lanes(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline lanes
turned(lanes a, lanes c, lanes b, lanes s)
{
    return _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s));
}

static inline lanes
turned_other(lanes b, lanes c, lanes a, lanes s)
{
    return _mm256_add_ps(_mm256_mul_ps(b, c), _mm256_mul_ps(a, s));
}

static inline lanes
load_lanes_f16(const float16 *x)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)x));
}

static inline void
store_lanes_f16(float16 *y, lanes x)
{
    _mm_storeu_si128((void *)y, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

static inline lanes
load_lanes_bf16(const bfloat16 *x)
{
    const __m128i bits = _mm_loadu_si128((const void *)x);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

static inline void
store_lanes_bf16(bfloat16 *y, lanes x)
{
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i last =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i rounded =
        _mm256_blendv_epi8(_mm256_add_epi32(up, last), quiet,
                           _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    const __m256i high = _mm256_srli_epi32(rounded, 16);
    _mm_storeu_si128((void *)y, _mm_packus_epi32(_mm256_castsi256_si128(high),
                                                 _mm256_extracti128_si256(high, 1)));
}
#endif

#endif
