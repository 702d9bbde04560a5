/* The floating-point state of a thread around a loop. */
#ifndef ROPE_FP_STATE_H
#define ROPE_FP_STATE_H

#if defined(__SSE2__)
#include <emmintrin.h>
#else
#include <fenv.h>
#include <stdint.h>
#endif

/* NaN and infinity in the data belong to the user, not to NumPy's error state: loops
 * leave the floating-point flags as they found them. Flushing of subnormal numbers,
 * which some libraries switch on for a whole thread, is off while a loop runs. */
#if defined(__SSE2__)
typedef unsigned int fp_state;

static inline fp_state
enter_loop(void)
{
    const fp_state found = _mm_getcsr();
    _mm_setcsr(found & ~0x8040u); /* FTZ and DAZ */
    return found;
}

static inline void
leave_loop(fp_state found)
{
    _mm_setcsr(found);
}
#else
typedef fenv_t fp_state;

static inline fp_state
enter_loop(void)
{
    fp_state found;
    fegetenv(&found);
#if defined(__aarch64__) && defined(__GNUC__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control & ~(UINT64_C(1) << 24))); /* FZ */
#endif
    return found;
}

static inline void
leave_loop(fp_state found)
{
    fesetenv(&found);
}
#endif

#endif
