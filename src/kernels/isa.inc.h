/* Template, included once per instruction set by <isa>.c; needs ISA. */
#include "half_rows.h"
#include "lanes.h"
#include "rows.h"
#include "streams.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

/* x and y of a rotation may be the same array but never overlap otherwise. */
#if defined(__clang__)
#define ROPE_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define ROPE_IVDEP _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define ROPE_IVDEP __pragma(loop(ivdep))
#else
#define ROPE_IVDEP
#endif

/*
 * Ask for a row early, into the second cache.
 *
 *   Given:
 *     row    where a row begins
 *     ahead  distance from there to the row that will come, of any sign; 0: none  byte
 *     bytes  length of what is asked for, the one measure of the work done here   byte
 *
 *   Notes:
 *     1) Between heads the steps are powers of two, where the hardware starts anew.
 *     2) The address may lie outside the array, so it is a number until it is used, and
 *        a prefetch of nothing does no harm.
 *     3) Between the rows that are rotated: all rows of a position at once take a tenth
 *        to a third more time.
 */
static inline void
ask_for(const void *row, ptrdiff_t ahead, size_t bytes)
{
#if defined(__GNUC__)
    const uintptr_t start = (uintptr_t)row + (uintptr_t)ahead;
    for (size_t i = 0; ahead != 0 && i < bytes; i += ROPE_LINE)
        __builtin_prefetch((const void *)(start + i), 0, 2);
#else
    (void)row, (void)ahead, (void)bytes;
#endif
}

#define T float
#define NARROW 1
#define NAME(op) op##_f32
#define STORE(v) ((float)(v))
#include "rotate.inc.h"
#include "table.inc.h"
#undef T
#undef NARROW
#undef NAME
#undef STORE

#include "progression.h"

#define T double
#define NARROW 0
#define NAME(op) op##_f64
#define STORE(v) (v)
#include "rotate.inc.h"
#include "table.inc.h"
#undef T
#undef NARROW
#undef NAME
#undef STORE

#define T float16
#define NARROW 1
#define NAME(op) op##_f16
#define STORE(v) round_to_float16(v)
#include "rotate16.inc.h"
#include "table.inc.h"
#undef T
#undef NARROW
#undef NAME
#undef STORE

#define T bfloat16
#define NARROW 1
#define NAME(op) op##_bf16
#define STORE(v) round_to_bfloat16(v)
#define TURN_WORDS turn_words
#include "rotate16.inc.h"
#include "table.inc.h"

#ifdef ROPE_STREAMS
#define STREAM stream_lines
#else
#define STREAM NULL
#endif

#define TABLES JOIN(rope_kernels, ISA)
#define LAYOUT(i, op, x, y)                                                            \
    [i] = {{&TABLES[i], &TABLES[i], &TABLES[i]},                                       \
           TEXT(ISA),                                                                  \
           x,                                                                          \
           y,                                                                          \
           direct_phases_f16,                                                          \
           direct_phases_bf16,                                                         \
           phases_f32,                                                                 \
           direct_phases_f64,                                                          \
           op##_f16,                                                                   \
           op##_bf16,                                                                  \
           op##_f32,                                                                   \
           op##_f64,                                                                   \
           STREAM}

const rope_kernels TABLES[ROPE_LAYOUTS] = {
    LAYOUT(ROPE_HALF, rotate_half, ROPE_HALF, ROPE_HALF),
    LAYOUT(ROPE_INTERLEAVED, rotate_interleaved, ROPE_INTERLEAVED, ROPE_INTERLEAVED),
    LAYOUT(ROPE_INTERLEAVED_TO_HALF, rotate_interleaved_to_half, ROPE_INTERLEAVED,
           ROPE_HALF),
};
