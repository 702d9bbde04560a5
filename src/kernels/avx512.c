/* AVX-512 F, BW, DQ and VL (x86-64-v4); setup.py gives the flags. */
#if defined(__x86_64__) || defined(_M_X64)
#ifndef __AVX512F__
#error "avx512.c must be compiled with -mavx512f and its relatives"
#endif
#define ISA avx512
#include "isa.inc.h"
#else
typedef int rope_no_avx512; /* an empty translation unit is not C */
#endif
