/*
 * The kernels: rows of contiguous numbers in, rows out. One table per instruction set
 * and layout; every table gives the same bits.
 *
 * What every kernel promises:
 *   shapes    the caller has checked them; a kernel touches exactly the elements named
 *   aliasing  y may be x in rotate_*, except where the layouts of x and y differ;
 *             tables and planes never overlap anything written
 *   accuracy  phases_f64 within 0.80 ulp (|position| <= 2^31, scale 1); the narrower
 *             ones round a double within 3.2 ulp once, and a row has the same bits
 *             whatever rows stand around it; rotate_* rounds each product and
 *             the sum once, float16 and bfloat16 in float
 *   NaN       stays a NaN in its own pair; its payload is not promised
 *   FP state  no trap: NaN, infinities and masked work may set flags, which the ufunc
 *             loops put back
 *
 * Source: docs/numerics.md, "Contract".
 */
#ifndef ROPE_KERNELS_H
#define ROPE_KERNELS_H

#include <stddef.h>

#include "frequencies/turn_planes.h"
#include "half.h"

/* In which elements of the rotated slice the two halves of pair i stand. */
enum { ROPE_HALF, ROPE_INTERLEAVED, ROPE_INTERLEAVED_TO_HALF, ROPE_LAYOUTS };

/* |position| = high * 2^31 + whole + fraction, exactly, and the scales that carry the
 * position's sign: cosine is even and sine is odd, bit for bit. */
typedef struct {
    double whole;     /* integer, at most 2^31                              token */
    double high;      /* integer, at most 2^22; 0 up to 2^31                      */
    double fraction;  /* in [-1/2, 1/2]                                     token */
    double cos_scale; /* attention scaling                                      1 */
    double sin_scale; /* the same, with the sign of the position                1 */
} rope_position;

/* Rows of n cosines and sines, one per position; u[j] is row j of the turn planes.
 * `row` is a distance in elements, of any sign: rows lie at least n elements apart, if
 * there is more than one. */
typedef void
rope_phases_f16(ptrdiff_t n, const double *const *u, ptrdiff_t rows,
                const rope_position *at, ptrdiff_t row, float16 *cos, float16 *sin);
typedef void
rope_phases_bf16(ptrdiff_t n, const double *const *u, ptrdiff_t rows,
                 const rope_position *at, ptrdiff_t row, bfloat16 *cos, bfloat16 *sin);
typedef void
rope_phases_f32(ptrdiff_t n, const double *const *u, ptrdiff_t rows,
                const rope_position *at, ptrdiff_t row, float *cos, float *sin);
typedef void
rope_phases_f64(ptrdiff_t n, const double *const *u, ptrdiff_t rows,
                const rope_position *at, ptrdiff_t row, double *cos, double *sin);

/* Rows that turn by the same angles. Lengths are at least 0; distances have a sign. */
typedef struct {
    ptrdiff_t n;            /* length: pairs of a row                         pair */
    ptrdiff_t gap;          /* length: between the halves, half layout     element */
    ptrdiff_t rows;         /* length: how many                                row */
    ptrdiff_t x_row, y_row; /* distances: from one row to the next         element */
    ptrdiff_t ahead;        /* distance: to a row of x to ask for, or 0       byte */
    ptrdiff_t d;            /* length: of such a row                       element */
} rope_rows;

typedef void rope_rotate_f16(const rope_rows *of, const float *cos, const float *sin,
                             const float16 *x, float16 *y);
typedef void rope_rotate_bf16(const rope_rows *of, const float *cos, const float *sin,
                              const bfloat16 *x, bfloat16 *y);
typedef void rope_rotate_f32(const rope_rows *of, const float *cos, const float *sin,
                             const float *x, float *y);
typedef void rope_rotate_f64(const rope_rows *of, const double *cos, const double *sin,
                             const double *x, double *y);

/* Lines of 64 bytes around the caches; `to` begins one, `from` need not. */
typedef void rope_stream(ptrdiff_t lines, const char *from, char *to);

typedef struct {
    const void *self[3]; /* this table: the data of a ufunc's loops, one per type */
    const char *isa;
    int x_layout, y_layout; /* ROPE_HALF or ROPE_INTERLEAVED */
    rope_phases_f16 *phases_f16;
    rope_phases_bf16 *phases_bf16;
    rope_phases_f32 *phases_f32;
    rope_phases_f64 *phases_f64;
    rope_rotate_f16 *rotate_f16;
    rope_rotate_bf16 *rotate_bf16;
    rope_rotate_f32 *rotate_f32;
    rope_rotate_f64 *rotate_f64;
    rope_stream *stream; /* NULL where the CPU has no such stores */
} rope_kernels;

extern const rope_kernels rope_kernels_baseline[ROPE_LAYOUTS];
extern const rope_kernels rope_kernels_avx2[ROPE_LAYOUTS];
extern const rope_kernels rope_kernels_avx512[ROPE_LAYOUTS];
extern const rope_kernels rope_kernels_neon[ROPE_LAYOUTS];

/* dispatch.c: the tables that this build holds and this CPU runs, best one last. */
ptrdiff_t rope_available(const rope_kernels *tables[4]);

#endif
