/* The only question about the CPU in the code. */
#include "kernels.h"

#if defined(_M_X64) && !defined(__clang__)
#include <intrin.h>

/* Leaf 7 names AVX2 (EBX 5) and AVX-512 F, DQ, BW, VL (EBX 16, 17, 30, 31), leaf 1 FMA
 * (ECX 12); XCR0 says whether the system saves the registers. */
static int
runs(int ecx_of_1, int ebx_of_7, unsigned long long saved)
{
    int leaf1[4], leaf7[4];
    __cpuid(leaf1, 1);
    __cpuidex(leaf7, 7, 0);
    return (leaf1[2] & ecx_of_1) == ecx_of_1 && (leaf7[1] & ebx_of_7) == ebx_of_7 &&
           (leaf1[2] >> 27 & 1) && (_xgetbv(0) & saved) == saved;
}

#define FMA (1 << 12)
#define RUNS_AVX2 runs(FMA, 1 << 5, 0x6)
#define RUNS_AVX512 runs(FMA, (int)(1u << 31 | 1u << 30 | 3u << 16 | 1u << 5), 0xe6)
#elif defined(__x86_64__)
#define RUNS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define RUNS_AVX512                                                                    \
    (RUNS_AVX2 && __builtin_cpu_supports("avx512f") &&                                 \
     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&       \
     __builtin_cpu_supports("avx512vl"))
#endif

/*
 * The kernel tables that can run here.
 *
 *   Returned:
 *     tables  the tables, each of ROPE_LAYOUTS rows, best one last
 *
 *   Returned (function value):
 *     how many there are, at least 1
 */
ptrdiff_t
rope_available(const rope_kernels *tables[4])
{
    ptrdiff_t n = 0;
    tables[n++] = rope_kernels_baseline;
#if defined(__x86_64__) || defined(_M_X64)
    if (RUNS_AVX2)
        tables[n++] = rope_kernels_avx2;
    if (RUNS_AVX512)
        tables[n++] = rope_kernels_avx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
    tables[n++] = rope_kernels_neon;
#endif
    return n;
}
