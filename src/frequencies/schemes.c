/* The formulas of the frequencies, each with what its gufunc says of itself, and the
 * list of them. CONTRIBUTING.md says how to add one. */
#include "frequencies.h"

#include <float.h>

/* ---- terms shared by several schemes ---------------------------------------- */

/* Wide enough for any config; roots start in double and must not overflow there. */
static int
is_positive(double x)
{
    return x > 0x1p-500 && x < 0x1p500;
}

static wide
ratio_of(double numerator, double denominator)
{
    const wide n = wide_from_double(numerator);
    return wide_divide_by(&n, denominator);
}

/*
 * Ratio of neighbouring frequencies of a series of `dim` channels.
 *
 *   Given:
 *     base    number whose root is taken, > 0                     1
 *     dim     channels, > 0; odd is allowed                       channel
 *
 *   Returned:
 *     base^(-2/dim)                                               1
 */
static wide
series_ratio(const wide *base, double dim)
{
    const uint32_t n = (uint32_t)dim;
    if (n % 2 == 0)
        return wide_inverse_root(base, n / 2);
    const wide square = wide_multiply(base, base);
    return wide_inverse_root(&square, n);
}

static int
is_dim(double dim, double least)
{
    return dim >= least && dim <= 0x1p20 && dim == (double)(int32_t)dim;
}

/* Terms of `dim` and `base`, the first two parameters of every scheme but given. */
static int
prepare_default(const double *parameter, rope_terms *terms)
{
    const double dim = parameter[0], base = parameter[1];
    if (!is_dim(dim, 1) || !is_positive(base))
        return 0;
    const wide b = wide_from_double(base);
    terms->start = wide_one;
    terms->ratio = series_ratio(&b, dim);
    return 1;
}

/* The same, and 1 / factor. */
static int
prepare_scaled(const double *parameter, rope_terms *terms, double factor,
               double denominator)
{
    if (!prepare_default(parameter, terms) || !is_positive(factor) ||
        !is_positive(denominator))
        return 0;
    terms->scale = ratio_of(denominator, factor);
    return 1;
}

/* The series of `base` times the series of `lambda` over two channels fewer. */
static int
prepare_base_scaled(const double *parameter, rope_terms *terms, const wide *lambda)
{
    if (!is_dim(parameter[0], 3) || !prepare_default(parameter, terms) ||
        lambda->exponent > 500 || lambda->exponent < -500)
        return 0;
    const wide stretch = series_ratio(lambda, parameter[0] - 2);
    terms->ratio = wide_multiply(&terms->ratio, &stretch);
    return 1;
}

/* a - b for a >= b and a >= 0. */
static wide
difference(double a, double b)
{
    const wide x = wide_from_double(a), y = wide_from_double(b < 0.0 ? -b : b);
    return b < 0.0 ? wide_add(&x, &y) : wide_subtract(&x, &y);
}

/* Slope of a blend from weight 1 to weight 1 / factor over a way of last - first. */
static void
prepare_blend(rope_terms *terms, double first, double last)
{
    terms->slope = wide_from_double(0.0);
    if (first == last)
        return; /* no pair lies between */
    const wide span = first < last ? difference(last, first) : difference(first, last);
    terms->grows = wide_is_less(&wide_one, &terms->scale);
    const wide fall = terms->grows ? wide_subtract(&terms->scale, &wide_one)
                                   : wide_subtract(&wide_one, &terms->scale);
    terms->slope = wide_divide(&fall, &span);
}

/* w times the weight that is left `way` after the blend's start. */
static void
blend(const rope_terms *terms, const wide *way, wide *w)
{
    const wide change = wide_multiply(way, &terms->slope);
    const wide weight =
        terms->grows ? wide_add(&wide_one, &change) : wide_subtract(&wide_one, &change);
    *w = wide_multiply(w, &weight);
}

static void
scale(const rope_terms *terms, wide *w)
{
    *w = wide_multiply(w, &terms->scale);
}

/* ---- what all gufuncs say of themselves -------------------------------------- */

#define DOC_K_DIM_BASE                                                                 \
    "Parameters\n"                                                                     \
    "----------\n"                                                                     \
    "k : array_like of float64, shape (h,), pair\n"                                    \
    "    Indices of pairs, whole numbers from 0 to 2**20 in any order.\n"              \
    "dim : array_like of float64, shape (), channel\n"                                 \
    "    Rotated channels of a head, a whole number up to 2**20.\n"                    \
    "base : array_like of float64, shape (), 1\n"                                      \
    "    Rotary base b (rope_theta), between 2**-500 and 2**500.\n"
#define DOC_FACTOR                                                                     \
    "factor : array_like of float64, shape (), 1\n"                                    \
    "    Context multiplier, between 2**-500 and 2**500.\n"
#define DOC_RETURNS                                                                    \
    "\n"                                                                               \
    "Returns\n"                                                                        \
    "-------\n"                                                                        \
    "ndarray of float64, shape (h,)\n"                                                 \
    "    Inverse frequencies, rad / token. Each is the double nearest to the exact\n"  \
    "    value (0.5 ulp); NaN where a number is out of range.\n"                       \
    "\n"                                                                               \
    "Notes\n"                                                                          \
    "-----\n"                                                                          \
    "Operands broadcast: one set of parameters for each index of their loop axes.\n"   \
    "`out` may be `k` or overlap any operand. A ValueError says that shapes do not\n"  \
    "fit; values are not checked.\n"                                                   \
    "\n"                                                                               \
    "Examples\n"                                                                       \
    "--------\n"                                                                       \
    ">>> import ropeinterp as ri\n"

/* ---- one scheme after the other --------------------------------------------- */

/*
 * Inverse frequency of a pair, without any interpolation.
 *
 *   Given:
 *     dim     rotated channels of one head                        channel
 *     base    rotary base b (theta)                               1
 *
 *   Returned:
 *     b^(-2k/dim), i.e. 2*pi / T_k                                rad / token
 *
 *   Notes:
 *     1) k counts from 0; arXiv 2501.09223 counts from 1.
 *
 *   Source: arXiv 2104.09864.
 */
static int
pair_default(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)terms, (void)k, (void)of_pair, (void)w;
    return 1;
}

static const rope_formula default_formula = {
    "default",
    2,
    0,
    -1,
    prepare_default,
    pair_default,
    "inv_freq_default",
    "inv_freq_default(k, dim, base, /)  (h),(),()->(h)\n"
    "\n"
    "Inverse frequencies without any interpolation: base**(-2k/dim).\n"
    "\n" DOC_K_DIM_BASE DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_default([0, 1, 2, 3], 8, 10000.0)\n"
    "array([1.   , 0.1  , 0.01 , 0.001])\n",
};

/*
 * Inverse frequency after position interpolation.
 *
 *   Given:
 *     dim, base                                                   as in default
 *     factor  context multiplier m / m_l, as a fraction of two    1
 *
 *   Returned:
 *     b^(-2k/dim) / factor                                        rad / token
 *
 *   Notes:
 *     1) Dividing the frequency by `factor` equals i -> i * m_l / m, so the phase
 *        stays inside the range seen in training, and positions stay integers.
 *
 *   Source: arXiv 2306.15595; arXiv 2501.09223, position interpolation.
 */
static int
prepare_linear(const double *parameter, rope_terms *terms)
{
    if (!prepare_scaled(parameter, terms, parameter[2], parameter[3]))
        return 0;
    terms->start = terms->scale;
    return 1;
}

static const rope_formula linear_formula = {
    "linear",
    3,
    1,
    -1,
    prepare_linear,
    pair_default,
    "inv_freq_linear",
    "inv_freq_linear(k, dim, base, factor, /)  (h),(),(),()->(h)\n"
    "\n"
    "After position interpolation: base**(-2k/dim) / factor.\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_linear([0, 1, 2, 3], 8, 10000.0, 2.0)\n"
    "array([0.5   , 0.05  , 0.005 , 0.0005])\n",
};

/*
 * Inverse frequency after base scaling ("NTK-aware").
 *
 *   Given:
 *     dim     rotated channels, > 2                               channel
 *     base    rotary base b                                       1
 *     factor  context multiplier m / m_l, as a fraction of two    1
 *
 *   Returned:
 *     (lambda * b)^(-2k/dim), lambda = factor^(dim/(dim-2))       rad / token
 *
 *   Notes:
 *     1) Taken as b^(-2k/dim) * factor^(-2k/(dim-2)): no rounded base in between.
 *     2) Pair 0 stays, the last pair is interpolated by exactly `factor`.
 *
 *   Source: arXiv 2501.09223, base scaling; bloc97's "NTK-aware scaled RoPE".
 */
static int
prepare_ntk(const double *parameter, rope_terms *terms)
{
    if (!is_positive(parameter[2]) || !is_positive(parameter[3]))
        return 0;
    const wide lambda = ratio_of(parameter[2], parameter[3]);
    return prepare_base_scaled(parameter, terms, &lambda);
}

static const rope_formula ntk_formula = {
    "ntk",
    3,
    1,
    -1,
    prepare_ntk,
    pair_default,
    "inv_freq_ntk",
    "inv_freq_ntk(k, dim, base, factor, /)  (h),(),(),()->(h)\n"
    "\n"
    "After base scaling: (base * factor**(dim/(dim-2)))**(-2k/dim); dim from 3.\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_ntk([0, 3], 8, 10000.0, 2.0)\n"
    "array([1.e+00, 5.e-04])\n",
};

/*
 * Inverse frequency under dynamic base scaling, at one sequence length.
 *
 *   Given:
 *     dim, base, factor                                           as in ntk
 *     length          longest position + 1, L                     token
 *     trained_length  m_l                                         token
 *
 *   Returned:
 *     as in ntk with factor s = factor * L / m_l - (factor - 1) rad / token
 *
 *   Notes:
 *     1) L below m_l counts as m_l, where s = 1 and nothing is scaled.
 *     2) s = (factor * (L - m_l) + m_l) / m_l: sums of positive numbers only.
 *
 *   Source: transformers modeling_rope_utils.py, _compute_dynamic_ntk_parameters.
 */
static int
prepare_dynamic(const double *parameter, rope_terms *terms)
{
    const double factor = parameter[2], denominator = parameter[5];
    const double trained = parameter[4], given = parameter[3];
    const double length = given < trained ? trained : given;
    if (!is_positive(factor) || !is_positive(denominator) || !is_positive(trained) ||
        !is_positive(given))
        return 0;
    const wide f = ratio_of(factor, denominator), m = wide_from_double(trained);
    const wide beyond = difference(length, trained);
    wide s = wide_multiply(&f, &beyond);
    s = wide_add(&s, &m);
    s = wide_divide_by(&s, trained);
    return prepare_base_scaled(parameter, terms, &s);
}

static const rope_formula dynamic_formula = {
    "dynamic",
    5,
    1,
    -1,
    prepare_dynamic,
    pair_default,
    "inv_freq_dynamic",
    "inv_freq_dynamic(k, dim, base, factor, length, trained_length, /)\n"
    "(h),(),(),(),(),()->(h)\n"
    "\n"
    "Dynamic base scaling at one sequence length: inv_freq_ntk with\n"
    "factor * length / trained_length - (factor - 1) for its factor, dim from 3.\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR "length : array_like of float64, shape (), token\n"
    "    Longest position + 1, > 0; up to trained_length nothing scales.\n"
    "trained_length : array_like of float64, shape (), token\n"
    "    Length that the model was trained with, > 0.\n" DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_dynamic([0, 3], 8, 10000.0, 2.0, 4096, 2048)\n"
    "array([1.00000000e+00, 3.33333333e-04])\n",
};

/*
 * Inverse frequency after interpolation by parts (YaRN).
 *
 *   Given:
 *     dim, base, factor                                           as in linear
 *     first, last  pairs where the ramp begins and ends           pair
 *
 *   Returned:
 *     ((1 - r) + r / factor) * b^(-2k/dim),
 *     r = clamp((k - first) / (last - first), 0, 1)               rad / token
 *
 *   Notes:
 *     1) first and last come from beta_fast and beta_slow by a logarithm, rounded
 *        once to double (yarn_ramp in Python); r itself is not rounded.
 *     2) last < first is the inverted ramp that swapped betas ask for.
 *
 *   Source: arXiv 2309.00071, section 3.2.
 */
static int
pair_yarn(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)of_pair;
    const double first = terms->first, last = terms->last;
    const int falling = last < first;
    if (falling ? k <= last : k >= last)
        scale(terms, w);
    else if (falling ? k < first : k > first) {
        const wide way = falling ? difference(first, k) : difference(k, first);
        blend(terms, &way, w);
    }
    return 1;
}

static int
prepare_yarn(const double *parameter, rope_terms *terms)
{
    const double first = parameter[3], last = parameter[4];
    if (!prepare_scaled(parameter, terms, parameter[2], parameter[5]) ||
        !(first >= 0.0 && first <= DBL_MAX && last >= -DBL_MAX && last <= DBL_MAX) ||
        first == last)
        return 0;
    terms->first = first;
    terms->last = last;
    prepare_blend(terms, first, last);
    return 1;
}

static const rope_formula yarn_formula = {
    "yarn",
    5,
    1,
    -1,
    prepare_yarn,
    pair_yarn,
    "inv_freq_yarn",
    "inv_freq_yarn(k, dim, base, factor, first, last, /)\n"
    "(h),(),(),(),(),()->(h)\n"
    "\n"
    "Interpolation by parts (YaRN): ((1 - r) + r / factor) * base**(-2k/dim),\n"
    "r = clamp((k - first) / (last - first), 0, 1).\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR
    "first, last : array_like of float64, shape (), pair\n"
    "    Where the ramp begins, >= 0, and where it ends, elsewhere; last < first\n"
    "    turns the ramp round.\n" DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_yarn([0, 1, 2, 3], 8, 10000.0, 2.0, 0, 2)\n"
    "array([1.0e+00, 7.5e-02, 5.0e-03, 5.0e-04])\n",
};

/*
 * Inverse frequency with one factor per pair (LongRoPE).
 *
 *   Given:
 *     dim, base                                                   as in default
 *     factors  the list of the config, one value per pair, > 0    1
 *
 *   Returned:
 *     b^(-2k/dim) / factors[k]                                    rad / token
 *
 *   Source: arXiv 2402.13753.
 */
static int
pair_longrope(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)terms, (void)k;
    if (!is_positive(of_pair))
        return 0;
    *w = wide_divide_by(w, of_pair);
    return 1;
}

static const rope_formula longrope_formula = {
    "longrope",
    3,
    0,
    2,
    prepare_default,
    pair_longrope,
    "inv_freq_longrope",
    "inv_freq_longrope(k, dim, base, factors, /)  (h),(),(),(h)->(h)\n"
    "\n"
    "One factor per pair (LongRoPE): base**(-2k/dim) / factors[k].\n"
    "\n" DOC_K_DIM_BASE "factors : array_like of float64, shape (h,), 1\n"
    "    One factor for each index in k, between 2**-500 and 2**500.\n" DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_longrope([0, 1], 4, 10000.0, [1.0, 2.0])\n"
    "array([1.   , 0.005])\n",
};

/*
 * Inverse frequency of the Llama-3 scheme.
 *
 *   Given:
 *     dim, base, factor                                           as in linear
 *     low_freq_factor   turns below which a pair is interpolated  turn
 *     high_freq_factor  turns above which it is left alone        turn
 *     trained_length    m_l                                       token
 *
 *   Returned:
 *     w/factor if t < low; w if t > high; else ((1-g)/factor + g) * w,
 *     t = m_l * w / (2 pi) and g = (t - low) / (high - low)       rad / token
 *
 *   Notes:
 *     1) t is the number of turns that the pair makes within the trained length.
 *     2) low == high leaves no middle, and nothing is divided by their difference.
 *
 *   Source: meta-llama/llama-models, apply_scaling; transformers 5.23.0,
 *   _compute_llama3_parameters.
 */
static int
pair_llama3(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)k, (void)of_pair;
    if (wide_is_less(w, &terms->low))
        scale(terms, w);
    else if (wide_is_less(w, &terms->high)) {
        const wide way = wide_subtract(&terms->high, w);
        blend(terms, &way, w);
    }
    return 1;
}

static int
prepare_llama3(const double *parameter, rope_terms *terms)
{
    const double low = parameter[3], high = parameter[4], length = parameter[5];
    if (!prepare_scaled(parameter, terms, parameter[2], parameter[6]) ||
        !is_positive(low) || !is_positive(high) || !is_positive(length))
        return 0;
    prepare_blend(terms, low, high);
    /* From turns to the frequencies that make them: once here, not for every pair. */
    const wide l = wide_from_double(length), lo = wide_from_double(low),
               hi = wide_from_double(high);
    const wide turns = wide_multiply(&l, &wide_inverse_two_pi);
    const wide once = wide_divide(&wide_one, &turns);
    terms->low = wide_multiply(&lo, &once);
    terms->high = wide_multiply(&hi, &once);
    terms->slope = wide_multiply(&terms->slope, &turns);
    return 1;
}

static const rope_formula llama3_formula = {
    "llama3",
    6,
    1,
    -1,
    prepare_llama3,
    pair_llama3,
    "inv_freq_llama3",
    "inv_freq_llama3(k, dim, base, factor, low_freq_factor, high_freq_factor,\n"
    "                trained_length, /)  (h),(),(),(),(),(),()->(h)\n"
    "\n"
    "The Llama-3 scheme. Of t turns within the trained length, a pair of few has\n"
    "w / factor and a pair of many has w = base**(-2k/dim); between them it is\n"
    "((1-g)/factor + g) * w, g = (t - low) / (high - low).\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR
    "low_freq_factor, high_freq_factor : array_like of float64, shape (), turn\n"
    "    Below and above so many turns the weight is constant, > 0.\n"
    "trained_length : array_like of float64, shape (), token\n"
    "    Length that the model was trained with, > 0.\n" DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_llama3([0, 3], 8, 10000.0, 8.0, 1.0, 4.0, 8192)\n"
    "array([1.00000000e+00, 2.13607544e-04])\n",
};

/*
 * Inverse frequency of proportional RoPE: the fast pairs turn, the others do not.
 *
 *   Given:
 *     dim     channels of the whole head, which divide the exponents   channel
 *     base, factor                                                as in linear
 *     pairs   number of pairs that turn                           pair
 *
 *   Returned:
 *     b^(-2k/dim) / factor for k < pairs, else 0                  rad / token
 *
 *   Notes:
 *     1) A frequency of 0 is the identity for its pair.
 *
 *   Source: transformers 5.23.0, _compute_proportional_rope_parameters (Gemma 4);
 *   arXiv 2410.06205 (p-RoPE).
 */
static int
pair_proportional(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)of_pair;
    if (!(k < terms->last))
        *w = wide_from_double(0.0);
    return 1;
}

static int
prepare_proportional(const double *parameter, rope_terms *terms)
{
    if (!prepare_scaled(parameter, terms, parameter[2], parameter[4]))
        return 0;
    terms->start = terms->scale;
    terms->last = parameter[3];
    return 1;
}

static const rope_formula proportional_formula = {
    "proportional",
    4,
    1,
    -1,
    prepare_proportional,
    pair_proportional,
    "inv_freq_proportional",
    "inv_freq_proportional(k, dim, base, factor, pairs, /)  (h),(),(),(),()->(h)\n"
    "\n"
    "Proportional RoPE: base**(-2k/dim) / factor for k < pairs, else 0, which\n"
    "leaves a pair where it is. `dim` counts the channels of the whole head.\n"
    "\n" DOC_K_DIM_BASE DOC_FACTOR "pairs : array_like of float64, shape (), pair\n"
    "    Number of pairs that turn.\n" DOC_RETURNS
    ">>> ri.ufuncs.inv_freq_proportional([0, 1, 2], 8, 10000.0, 1.0, 2)\n"
    "array([1. , 0.1, 0. ])\n",
};

/*
 * Inverse frequencies that come from elsewhere: a GGUF file, a model's buffer.
 *
 *   Given:
 *     inv_freq  one value per pair, 0 or from 2^-1022 to 2^1000; each counts as the
 *               exact number it is                              rad / token
 *
 *   Returned:
 *     the same                                                    rad / token
 */
static int
pair_given(const rope_terms *terms, double k, double of_pair, wide *w)
{
    (void)terms, (void)k;
    if (of_pair != 0.0 && !(of_pair >= 0x1p-1022 && of_pair < 0x1p1000))
        return 0;
    *w = wide_from_double(of_pair);
    return 1;
}

static int
prepare_given(const double *parameter, rope_terms *terms)
{
    (void)parameter;
    terms->start = terms->ratio = wide_one;
    return 1;
}

static const rope_formula given_formula = {
    "given", 1, 0, 0, prepare_given, pair_given, NULL, NULL,
};

const rope_formula *const rope_formulas[] = {
    &default_formula, &linear_formula,
    &ntk_formula,     &dynamic_formula,
    &yarn_formula,    &longrope_formula,
    &llama3_formula,  &proportional_formula,
    &given_formula,   NULL,
};
