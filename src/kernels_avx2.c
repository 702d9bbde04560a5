/* AVX2 with FMA (most of x86-64-v3); setup.py gives the flags. */
#if defined(__x86_64__) || defined(_M_X64)
#ifndef __AVX2__
#error "kernels_avx2.c must be compiled with -mavx2 -mfma"
#endif
#define ISA avx2
#include "kernels_isa.inc.h"
#else
typedef int rope_no_avx2; /* an empty translation unit is not C */
#endif
