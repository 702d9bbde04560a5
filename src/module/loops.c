/* Strides, tiles and stack buffers around the kernels. No formula, no check: shapes are
 * checked in ufuncs.c before a loop runs, and the GIL is not held in here. */
#include "loops.h"

#include <math.h>
#include <string.h>

#include "fp_state.h"
#include "frequencies/frequencies.h"
#include "rope_arrays.h"

/* The cosines of one block of positions take 16 KB of stack, as do the sines; a kernel
 * gets at most BATCH positions at a time. */
enum { TILE = ROPE_TILE, BLOCK_BYTES = 16384, BATCH = 256 };

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

/* Frequencies, (h),(),()... -> (h): one parameter set after the other; `data` points to
 * the formula. A factor is one number here: its denominator, the last parameter, is 1.
 */
static void
inv_freq_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_formula *formula = data;
    const int n_in = 1 + formula->n_parameters;
    const int own = formula->pair_parameter;
    const npy_intp *core =
        steps + n_in + 1; /* k, then per-pair operands, then results */
    rope_column k = {args[0], core[0]}, of_pair = {NULL, 0}, planes = {NULL, 0};
    rope_column inv_freq = {args[n_in], core[own < 0 ? 1 : 2]};
    if (own >= 0)
        of_pair = (rope_column){args[1 + own], core[1]};
    const fp_state found = enter_loop();
    for (npy_intp i = 0; i < dims[0]; ++i) {
        double parameter[ROPE_MAX_PARAMETERS];
        for (int j = 0; j < ROPE_MAX_PARAMETERS; ++j)
            parameter[j] = j + 1 < n_in && j != own
                               ? double_at(args[j + 1] + i * steps[j + 1])
                               : 1.0;
        rope_frequencies(formula, dims[1], parameter, k, of_pair, inv_freq, planes, 0);
        k.start += steps[0];
        inv_freq.start += steps[n_in];
        if (own >= 0)
            of_pair.start += steps[1 + own];
    }
    leave_loop(found);
}

#define T float16
#define TABLE float
#define NAME(op) op##_f16
#define TABLE_NAME(op) op##_f32
#include "loops_rotate.inc.h"
#include "loops_table.inc.h"
#undef T
#undef NAME

#define T bfloat16
#define NAME(op) op##_bf16
#include "loops_rotate.inc.h"
#include "loops_table.inc.h"
#undef T
#undef NAME

#define T float
#define NAME(op) op##_f32
#include "loops_rotate.inc.h"
#include "loops_table.inc.h"
#undef T
#undef TABLE
#undef NAME
#undef TABLE_NAME

#define T double
#define TABLE double
#define NAME(op) op##_f64
#define TABLE_NAME(op) op##_f64
#include "loops_rotate.inc.h"
#include "loops_table.inc.h"

/* In the order of the types in rows[]. */
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
