/* Strides, tiles and stack buffers around the kernels. No formula, no check: shapes are
 * checked in ufuncs.c before a loop runs, and the GIL is not held in here. */
#include "ufuncs_loops.h"

#include <fenv.h>
#include <math.h>

#include "kernels.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The cosines of one block of positions take 16 KB of stack, as do the sines; a kernel
 * gets at most BATCH positions at a time. */
enum { TILE = ROPE_TILE, BLOCK_BYTES = 16384, BATCH = 128 };

/* NaN and infinity in the data belong to the user, not to NumPy's error state: loops
 * leave the floating-point flags as they found them. Flushing of subnormal numbers,
 * which some libraries switch on for a whole thread, is off while a loop runs. */
#if defined(__SSE2__)
typedef unsigned int fp_state;

static fp_state
enter_loop(void)
{
    const fp_state found = _mm_getcsr();
    _mm_setcsr(found & ~0x8040u); /* FTZ and DAZ */
    return found;
}

static void
leave_loop(fp_state found)
{
    _mm_setcsr(found);
}
#else
typedef fenv_t fp_state;

static fp_state
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

static void
leave_loop(fp_state found)
{
    fesetenv(&found);
}
#endif

static npy_intp
least(npy_intp a, npy_intp b)
{
    return a < b ? a : b;
}

/* Pairs to rotate in d channels. ufuncs.c lets d < 2h pass only for the size-1 arrays
 * with which dask asks for result types: they have no pair. */
static npy_intp
pairs_within(npy_intp d, npy_intp h)
{
    return h > d / 2 ? 0 : h;
}

/* Element of half c of pair i in a row whose halves are `gap` apart. */
static npy_intp
element(int layout, npy_intp i, int c, npy_intp gap)
{
    return layout == ROPE_HALF ? i + c * gap : 2 * i + c;
}

/* Up to TILE columns of the seven planes, contiguous. */
typedef struct {
    const double *row[ROPE_PLANES];
    double copy[ROPE_PLANES][TILE];
} plane_tile;

static void
take_planes(plane_tile *tile, const char *planes, npy_intp row_step, npy_intp step,
            npy_intp n)
{
    for (int j = 0; j < ROPE_PLANES; ++j) {
        const char *from = planes + j * row_step;
        tile->row[j] = (const double *)(const void *)from;
        if (step == (npy_intp)sizeof(double))
            continue;
        for (npy_intp i = 0; i < n; ++i)
            tile->copy[j][i] = *(const double *)(const void *)(from + i * step);
        tile->row[j] = tile->copy[j];
    }
}

/*
 * The parts of a position that the phase kernels take.
 *
 *   Given:
 *     position  of any sign, at most 2^53 in magnitude            token
 *     scale     attention scaling                                 1
 *
 *   Returned:
 *     the parts, as kernels.h says; NaN beyond 2^53               token
 *
 *   Notes:
 *     1) The magic number rounds below 2^51 only: the multiples of 2^31 come first.
 *     2) Fractions below 2^-400 count as 0: the error of their product with a
 *        frequency would be subnormal, and no longer the same everywhere.
 */
static rope_position
split_position(double position, double scale)
{
    const double rounder = 0x1.8p52;
    const int negative = position < 0.0;
    const double x = negative ? -position : position;
    rope_position p = {.cos_scale = scale, .sin_scale = negative ? -scale : scale};
    if (!(x <= 0x1p53)) {
        p.whole = NAN;
        return p;
    }
    if (x > 0x1p31)
        p.high = (x * 0x1p-31 + rounder) - rounder;
    const double low = x - p.high * 0x1p31;
    p.whole = (low + rounder) - rounder;
    const double fraction = low - p.whole;
    p.fraction = fabs(fraction) < 0x1p-400 ? 0.0 : fraction;
    return p;
}

static npy_intp
distance(npy_intp step)
{
    return step < 0 ? -step : step;
}

/* The rows of x and y; [POSITION] and [HEAD]. */
enum { POSITION, HEAD };

typedef struct {
    char *x, *y;
    npy_intp h, d; /* pairs that rotate, channels of a row         */
    npy_intp positions, heads;
    npy_intp x_row[2], y_row[2]; /* bytes from one row to the next               */
    npy_intp x_step, y_step;     /* bytes from one channel to the next           */
    int streams;                 /* write around the caches                      */
} rope_rows;

static const char *
x_at(const rope_rows *rows, npy_intp position, npy_intp head)
{
    return rows->x + position * rows->x_row[POSITION] + head * rows->x_row[HEAD];
}

static char *
y_at(const rope_rows *rows, npy_intp position, npy_intp head)
{
    return rows->y + position * rows->y_row[POSITION] + head * rows->y_row[HEAD];
}

/* Where heads lie far apart, four of them share a row of the tables in the first cache:
 * in place that takes 5.4 ms where one head after the other took 7.1. */
static npy_intp
heads_at_once(const rope_rows *rows)
{
    const int are_neighbours =
        distance(rows->x_row[HEAD]) <= distance(rows->x_row[POSITION]);
    return are_neighbours && rows->heads > 0 ? rows->heads : 4;
}

/* Ask for a row early: between heads the steps are powers of two, where the hardware
 * starts anew. The address may lie outside the array, so it is a number until it is
 * used, and a prefetch of nothing does no harm. */
enum { AHEAD_BYTES = 4096 };

static void
fetch_row(const char *row, npy_intp ahead, npy_intp bytes)
{
#if defined(__GNUC__)
    const uintptr_t start = (uintptr_t)row + (uintptr_t)ahead;
    for (npy_intp i = 0; i < bytes; i += 64)
        __builtin_prefetch((const void *)(start + (uintptr_t)i));
#else
    (void)row, (void)ahead, (void)bytes;
#endif
}

/* Stores around the caches save the reading of every line of y. They pay where y is
 * larger than the caches; a smaller one the next reader would miss there. */
enum { STREAMED_BYTES = 4096, STREAMS_FROM = 1 << 25 };

static int
may_stream(const rope_rows *rows, npy_intp size)
{
#if defined(__SSE2__)
    const npy_intp bytes = rows->d * size, start = (npy_intp)(size_t)rows->y;
    const npy_intp odd = bytes | rows->y_row[0] | rows->y_row[1] | start;
    return rows->x != rows->y && rows->x_step == size && rows->y_step == size &&
           odd % 16 == 0 && rows->h > 0 && rows->h <= TILE && bytes <= STREAMED_BYTES &&
           rows->positions >= STREAMS_FROM / bytes / (rows->heads + 1);
#else
    (void)rows, (void)size;
    return 0;
#endif
}

static void
stream_row(char *y, const void *row, npy_intp bytes)
{
#if defined(__SSE2__)
    const __m128i *from = row;
    __m128i *to = (__m128i *)(void *)y;
    for (npy_intp i = 0; i < bytes / 16; ++i)
        _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
#else
    (void)y, (void)row, (void)bytes;
#endif
}

static void
end_streams(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

static double
double_at(const char *start)
{
    return *(const double *)(const void *)start;
}

static void
take_positions(rope_position *at, npy_intp n, const char *position, npy_intp step,
               const char *scale, npy_intp scale_step)
{
    for (npy_intp i = 0; i < n; ++i)
        at[i] = split_position(double_at(position + i * step),
                               double_at(scale + i * scale_step));
}

/* What the rows of a fused call have in common; steps in bytes. */
typedef struct {
    npy_intp n; /* positions */
    const char *position, *planes, *scale;
    npy_intp position_step, planes_step, scale_step; /* to the next position */
    npy_intp row_step, column_step;                  /* of the planes */
} rope_operands;

/* The operands of a fused rope stand between its arrays and their results, whose core
 * dimensions are (n,d),(m,d),(),(p,h),()->(n,d),(m,d), without m for one array. */
static rope_operands
operands_after(char **args, const npy_intp *dims, const npy_intp *steps, int n_arrays)
{
    const npy_intp *core = steps + 2 * n_arrays + 3 + 2 * n_arrays;
    char **const own = args + n_arrays;
    const npy_intp *own_steps = steps + n_arrays;
    return (rope_operands){dims[0],      own[0],       own[1],  own[2], own_steps[0],
                           own_steps[1], own_steps[2], core[0], core[1]};
}

/* Array a of n_arrays, and its result. */
static rope_rows
rows_of(char **args, const npy_intp *dims, const npy_intp *steps, int n_arrays, int a,
        npy_intp size)
{
    const int y = n_arrays + 3 + a;
    const npy_intp *core = steps + 2 * n_arrays + 3;
    const npy_intp *x_core = core + 2 * a, *y_core = core + 2 * (n_arrays + 1 + a);
    rope_rows rows = {.x = args[a],
                      .y = args[y],
                      .h = pairs_within(dims[2], dims[n_arrays + 3]),
                      .d = dims[2],
                      .positions = dims[0],
                      .heads = dims[a == 0 ? 1 : 3],
                      .x_row = {steps[a], x_core[0]},
                      .y_row = {steps[y], y_core[0]},
                      .x_step = x_core[1],
                      .y_step = y_core[1]};
    rows.streams = may_stream(&rows, size);
    return rows;
}

#include "ufuncs_frequencies.inc.h"

#define T float16
#define TABLE float
#define NAME(op) op##_f16
#define TABLE_NAME(op) op##_f32
#include "ufuncs_rotate.inc.h"
#include "ufuncs_table.inc.h"
#undef T
#undef NAME

#define T bfloat16
#define NAME(op) op##_bf16
#include "ufuncs_rotate.inc.h"
#include "ufuncs_table.inc.h"
#undef T
#undef NAME

#define T float
#define NAME(op) op##_f32
#include "ufuncs_rotate.inc.h"
#include "ufuncs_table.inc.h"
#undef T
#undef TABLE
#undef NAME
#undef TABLE_NAME

#define T double
#define TABLE double
#define NAME(op) op##_f64
#define TABLE_NAME(op) op##_f64
#include "ufuncs_rotate.inc.h"
#include "ufuncs_table.inc.h"

/* In the order of the types in rows[]. */
PyUFuncGenericFunction rope_loops_frequencies[1] = {frequencies_loop};
PyUFuncGenericFunction rope_loops_inv_freq[1] = {inv_freq_loop};
PyUFuncGenericFunction rope_loops_cos_sin[3] = {cos_sin_loop_f32, cos_sin_loop_f64,
                                                cos_sin_loop_f16};
PyUFuncGenericFunction rope_loops_cos_sin_bf16[1] = {cos_sin_loop_bf16};
PyUFuncGenericFunction rope_loops_rotate[3] = {rotate_loop_f16, rotate_loop_f32,
                                               rotate_loop_f64};
PyUFuncGenericFunction rope_loops_rotate_bf16[1] = {rotate_loop_bf16};
PyUFuncGenericFunction rope_loops_rope[3] = {rope_loop_f16, rope_loop_f32,
                                             rope_loop_f64};
PyUFuncGenericFunction rope_loops_rope_bf16[1] = {rope_loop_bf16};
PyUFuncGenericFunction rope_loops_rope_qk[3] = {rope_qk_loop_f16, rope_qk_loop_f32,
                                                rope_qk_loop_f64};
PyUFuncGenericFunction rope_loops_rope_qk_bf16[1] = {rope_qk_loop_bf16};
