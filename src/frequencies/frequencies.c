#include "frequencies.h"

#include "bits.h"
#include "turn_planes.h"

static double *
at(rope_column column, ptrdiff_t i)
{
    return (double *)(void *)(column.start + i * column.stride);
}

/*
 * Inverse frequencies and turn planes of one parameter set.
 *
 *   Given:
 *     formula    the scheme
 *     n          number of pairs                                  pair
 *     parameter  its parameters, n_parameters and a denominator   as the scheme says
 *     k          pair indices, whole numbers >= 0, in any order; without a start they
 *                are 0, 1, 2, ...                                 pair
 *     of_pair    the scheme's values per pair, if it has any; one of the results may
 *                begin where they do                              as the scheme says
 *
 *   Returned:
 *     inv_freq   nearest doubles of the exact values              rad / token
 *     planes     seven rows, `plane_stride` bytes apart           turn / token
 *
 *   Notes:
 *     1) Where a parameter or an index is out of range the results are NaN; a result
 *        without a start is left out.
 *     2) Neighbouring indices cost one multiplication, others a power.
 *
 *   Source: docs/numerics.md, "Powers and roots".
 */
void
rope_frequencies(const rope_formula *formula, ptrdiff_t n, const double *parameter,
                 rope_column k, rope_column of_pair, rope_column inv_freq,
                 rope_column planes, ptrdiff_t plane_stride)
{
    rope_terms terms;
    const int usable = formula->prepare(parameter, &terms);
    wide series = wide_one;
    double previous = -2.0;
    for (ptrdiff_t i = 0; i < n; ++i) {
        const double index = k.start != NULL ? *at(k, i) : (double)i;
        double plane[ROPE_PLANES], frequency = not_a_number();
        int good = usable && index >= 0.0 && index <= 0x1p20 &&
                   index == (double)(int32_t)index;
        if (good) {
            if (index == previous + 1.0)
                series = wide_multiply(&series, &terms.ratio);
            else {
                series = wide_power(&terms.ratio, (uint32_t)index);
                series = wide_multiply(&series, &terms.start);
            }
            previous = index;
            wide w = series;
            const double own = formula->pair_parameter < 0 ? 0.0 : *at(of_pair, i);
            good = formula->pair(&terms, index, own, &w);
            if (good) {
                frequency = wide_to_double(&w);
                if (planes.start != NULL)
                    rope_turn_planes(&w, plane);
            }
        }
        if (inv_freq.start != NULL)
            *at(inv_freq, i) = frequency;
        for (int j = 0; planes.start != NULL && j < ROPE_PLANES; ++j) {
            const rope_column row = {planes.start + j * plane_stride, planes.stride};
            *at(row, i) = good ? plane[j] : not_a_number();
        }
    }
}
