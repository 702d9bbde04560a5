/*
 * The formulas: inverse frequencies of one rotary embedding, pair by pair.
 *
 * Every scheme is a geometric series, start * ratio^k, times a factor of its own for
 * pair k.
 * A formula is two functions: `prepare` takes the roots once per parameter set,
 * `pair` is the scheme's line in the paper. rope_frequencies() is the one way from
 * parameters to numbers; no NumPy, no Python and no state in here.
 */
#ifndef ROPE_FREQUENCIES_H
#define ROPE_FREQUENCIES_H

#include <stddef.h>

#include "wide.h"

enum { ROPE_MAX_PARAMETERS = 8 };

/* What `prepare` derives from one parameter set. */
typedef struct {
    wide start;         /* w_0 of the series                      rad / token */
    wide ratio;         /* w_(k+1) / w_k of the series                      1 */
    wide scale;         /* 1 / factor                                       1 */
    wide slope;         /* weight lost per unit of the way, in a blend      1 */
    int grows;          /* factor < 1: the blend adds weight instead          */
    double first, last; /* pairs between which the weight changes        pair */
    wide low, high;     /* frequencies between which it does      rad / token */
} rope_terms;

/* One scheme. Parameters stand in the order of the gufunc's operands after k. */
typedef struct {
    const char *scheme;
    int n_parameters;    /* operands of the gufunc after k */
    int has_denominator; /* one more parameter at the end, the denominator of `factor`:
                            1, or a Fraction's */
    int pair_parameter;  /* the parameter that holds one value per pair, or -1 */
    int (*prepare)(const double *parameter, rope_terms *terms);
    int (*pair)(const rope_terms *terms, double k, double of_pair, wide *w);
    const char *ufunc, *doc; /* of the gufunc; NULL where there is none */
} rope_formula; /* both return 0 when a number is out of range: the result is NaN */

/* Every scheme, in the order of the papers; NULL ends the list. The module finds
 * schemes by name and makes a gufunc of each row that names one. */
extern const rope_formula *const rope_formulas[];

/* Values along the pairs: value i stands `i * stride` bytes behind `start`, if that is
 * not NULL. */
typedef struct {
    char *start;
    ptrdiff_t stride;
} rope_column;

void rope_frequencies(const rope_formula *formula, ptrdiff_t n, const double *parameter,
                      rope_column k, rope_column of_pair, rope_column inv_freq,
                      rope_column planes, ptrdiff_t plane_stride);

#endif
