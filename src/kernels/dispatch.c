/* The only question about the CPU in the code. */
#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)

/* Asked of the CPU itself: clang 14 and MSVC have no builtin that knows F16C. */
#ifdef _MSC_VER
#include <intrin.h>

static void
ask(int leaf, uint32_t answer[4])
{
    __cpuidex((int *)answer, leaf, 0);
}

static uint64_t
saved_registers(void)
{
    return _xgetbv(0);
}
#else
#include <cpuid.h>

static void
ask(int leaf, uint32_t answer[4])
{
    __cpuid_count((uint32_t)leaf, 0, answer[0], answer[1], answer[2], answer[3]);
}

static uint64_t
saved_registers(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

enum { EBX = 1, ECX = 2 };
#define BIT(n) (UINT32_C(1) << (n))

/* Does the CPU have all these features, and does the system save their registers? */
static int
runs(uint32_t ecx_of_1, uint32_t ebx_of_7, uint64_t registers)
{
    uint32_t leaf0[4], leaf1[4], leaf7[4];
    ask(0, leaf0);
    if (leaf0[0] < 7)
        return 0;
    ask(1, leaf1);
    ask(7, leaf7);
    const uint32_t osxsave = BIT(27);
    return (leaf1[ECX] & osxsave) && (leaf1[ECX] & ecx_of_1) == ecx_of_1 &&
           (leaf7[EBX] & ebx_of_7) == ebx_of_7 &&
           (saved_registers() & registers) == registers;
}

/* Bits: Intel's manual, volume 2, CPUID; XCR0 bits 1-2 are SSE and AVX, 5-7 AVX-512. */
static int
runs_avx2(void)
{
    const uint32_t fma = BIT(12), f16c = BIT(29), avx2 = BIT(5);
    return runs(fma | f16c, avx2, 0x06);
}

static int
runs_avx512(void)
{
    const uint32_t f = BIT(16), dq = BIT(17), bw = BIT(30), vl = BIT(31);
    return runs_avx2() && runs(0, f | dq | bw | vl, 0xe6);
}

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
    if (runs_avx2())
        tables[n++] = rope_kernels_avx2;
    if (runs_avx512())
        tables[n++] = rope_kernels_avx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
    tables[n++] = rope_kernels_neon;
#endif
    return n;
}
