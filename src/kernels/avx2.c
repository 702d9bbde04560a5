/* AVX2 with FMA and F16C (x86-64-v3); setup.py gives the flags. */
#if defined(__x86_64__) || defined(_M_X64)
#ifndef __AVX2__
#error "avx2.c must be compiled with -mavx2 -mfma -mf16c"
#endif
#define ISA avx2
#include "isa.inc.h"
#else
typedef int rope_no_avx2; /* an empty translation unit is not C */
#endif
