/* NEON is part of every 64-bit ARM. It is the baseline there, under the name that
 * users know. */
#if defined(__aarch64__) || defined(_M_ARM64)
#define ISA neon
#include "isa.inc.h"
#else
typedef int rope_no_neon; /* an empty translation unit is not C */
#endif
