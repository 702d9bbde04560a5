/*
 * Rows of float16 and bfloat16 to float and back, in front of and behind the float
 * kernels. Plain loops where compilers vectorise them; one pair of intrinsics where
 * they do not.
 */
#ifndef ROPE_HALF_ROWS_H
#define ROPE_HALF_ROWS_H

#include <stddef.h>

#include "half.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

static inline void
widen_f16(ptrdiff_t n, const float16 *restrict x, float *restrict y)
{
    ptrdiff_t i = 0;
#ifdef __F16C__ /* compilers do not find vcvtph2ps in the plain loop */
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i,
                         _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + i))));
#endif
    for (; i < n; ++i)
        y[i] = load_float16(x[i]);
}

static inline void
narrow_f16(ptrdiff_t n, const float *restrict x, float16 *restrict y)
{
    ptrdiff_t i = 0;
#ifdef __F16C__ /* as above; to nearest, ties to even, like the plain one */
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i),
                                                          _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; ++i)
        y[i] = store_float16(x[i]);
}

static inline void
widen_bf16(ptrdiff_t n, const bfloat16 *restrict x, float *restrict y)
{
    for (ptrdiff_t i = 0; i < n; ++i)
        y[i] = load_bfloat16(x[i]);
}

static inline void
narrow_bf16(ptrdiff_t n, const float *restrict x, bfloat16 *restrict y)
{
    for (ptrdiff_t i = 0; i < n; ++i)
        y[i] = store_bfloat16(x[i]);
}

#endif
