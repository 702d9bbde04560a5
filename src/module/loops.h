/* The strided outer loops that rows[] in ufuncs.c names. */
#ifndef ROPE_LOOPS_H
#define ROPE_LOOPS_H

#include "numpy_api.h"

/* Pairs that a loop works on at a time. */
enum { ROPE_TILE = 512 };

extern PyUFuncGenericFunction rope_loops_inv_freq[1];
extern PyUFuncGenericFunction rope_loops_cos_sin[3], rope_loops_cos_sin_bf16[1];
extern PyUFuncGenericFunction rope_loops_rotate[3], rope_loops_rotate_bf16[1];
extern PyUFuncGenericFunction rope_loops_rope[3], rope_loops_rope_bf16[1];
extern PyUFuncGenericFunction rope_loops_rope_qk[3], rope_loops_rope_qk_bf16[1];

#endif
