/* Strides, tiles and stack buffers around the kernels. No formula, no check: shapes are
 * checked in ufuncs.c before a loop runs, and the GIL is not held in here. */
#include "ufuncs_loops.h"

#include <fenv.h>

#include "kernels.h"

/* The cosines of one block of positions take 16 KB of stack, as do the sines; a kernel
 * gets at most BATCH positions at a time. */
enum { TILE = ROPE_TILE, BLOCK_BYTES = 16384, BATCH = 128 };

/* NaN and infinity in the data belong to the user, not to NumPy's error state: loops
 * leave the floating-point flags as they found them. */
typedef struct {
    fexcept_t saved;
} fp_flags;

static fp_flags
keep_flags(void)
{
    fp_flags flags;
    fegetexceptflag(&flags.saved, FE_ALL_EXCEPT);
    return flags;
}

static void
put_back(fp_flags flags)
{
    fesetexceptflag(&flags.saved, FE_ALL_EXCEPT);
}

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
    return d < 2 * h ? 0 : h;
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

/* The magic number of phase.h rounds below 2^51 only: first the multiples of 2^31. */
static rope_position
split_position(double position, double scale)
{
    const double rounder = 0x1.8p52;
    const int negative = position < 0.0;
    const double x = negative ? -position : position;
    rope_position p = {.cos_scale = scale, .sin_scale = negative ? -scale : scale};
    if (x > 0x1p31)
        p.high = (x * 0x1p-31 + rounder) - rounder;
    const double low = x - p.high * 0x1p31;
    p.whole = (low + rounder) - rounder;
    p.fraction = low - p.whole;
    return p;
}

/* The rows of x and y that share a block of positions: [POSITION] and [HEAD]. */
enum { POSITION, HEAD };

typedef struct {
    char *x, *y;
    npy_intp n[2], x_step[2], y_step[2];
} rope_rows;

static npy_intp
distance(npy_intp step)
{
    return step < 0 ? -step : step;
}

/* Ask for a row early: between heads the steps are powers of two, where the hardware
 * starts anew. An address behind the array does no harm. */
enum { AHEAD_BYTES = 4096 };

static void
fetch_row(const char *start, npy_intp bytes)
{
#if defined(__GNUC__)
    for (npy_intp i = 0; i < bytes; i += 64)
        __builtin_prefetch(start + i);
#else
    (void)start, (void)bytes;
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
