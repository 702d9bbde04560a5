/* From Python numbers to the frequencies of one spec, in a third of the time that a
 * gufunc takes to make arrays of a few numbers. */
#include "frequencies_call.h"

#include <string.h>

#include "fp_state.h"
#include "frequencies/frequencies.h"
#include "frequencies/turn_planes.h"

static const rope_formula *
formula_of(const char *scheme)
{
    for (const rope_formula *const *row = rope_formulas; *row != NULL; ++row)
        if (strcmp((*row)->scheme, scheme) == 0)
            return *row;
    PyErr_Format(PyExc_ValueError, "no scheme has the name %.40s", scheme);
    return NULL;
}

/* Copy the n floats of a tuple; -1 with an exception if it is none. */
static int
take_numbers(double *to, Py_ssize_t n, PyObject *tuple)
{
    if (!PyTuple_Check(tuple) || PyTuple_Size(tuple) != n) {
        PyErr_Format(PyExc_ValueError, "must be a tuple of %zd numbers: %R", n, tuple);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; ++i) {
        to[i] = PyFloat_AsDouble(PyTuple_GetItem(tuple, i));
        if (to[i] == -1.0 && PyErr_Occurred())
            return -1;
    }
    return 0;
}

/*
 * _frequencies(scheme, n, parameters, of_pair, with_planes, /)
 *
 *   Given:
 *     scheme       name of a formula                              str
 *     n            number of pairs                                pair
 *     parameters   its parameters but for those per pair          tuple of float
 *     of_pair      the parameter that has a value per pair, or () tuple of float
 *     with_planes  turn planes instead of frequencies             bool
 *
 *   Returned:
 *     inverse frequencies of pairs 0 .. n-1, shape (n,), in rad / token, or their turn
 *     planes, shape (7, n); read-only
 *
 *   Notes:
 *     1) Every factor is followed, at the very end, by its denominator, so that a
 *        Fraction stays exact.
 */
PyObject *
rope_frequencies_call(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *scheme;
    Py_ssize_t n;
    PyObject *parameters, *of_pair;
    int with_planes;
    if (!PyArg_ParseTuple(args, "snOOp:_frequencies", &scheme, &n, &parameters,
                          &of_pair, &with_planes))
        return NULL;
    const rope_formula *formula = formula_of(scheme);
    if (formula == NULL)
        return NULL;
    const int per_pair = formula->pair_parameter >= 0;
    const int n_numbers = formula->n_parameters + formula->has_denominator - per_pair;
    double parameter[ROPE_MAX_PARAMETERS];
    if (take_numbers(parameter, n_numbers, parameters) < 0)
        return NULL;
    const npy_intp shape[] = {ROPE_PLANES, n};
    PyObject *result =
        PyArray_SimpleNew(1 + with_planes, shape + !with_planes, NPY_DOUBLE);
    if (result == NULL)
        return NULL;
    /* A pair's own value waits where its first result will stand. */
    PyArrayObject *array = (PyArrayObject *)result;
    const rope_column none = {NULL, 0}, own = {PyArray_BYTES(array), sizeof(double)};
    if (take_numbers(PyArray_DATA(array), per_pair ? n : 0, of_pair) < 0) {
        Py_DECREF(result);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    const fp_state found = enter_loop();
    rope_frequencies(formula, n, parameter, none, own, with_planes ? none : own,
                     with_planes ? own : none, n * (npy_intp)sizeof(double));
    leave_loop(found);
    Py_END_ALLOW_THREADS;
    PyArray_CLEARFLAGS(array, NPY_ARRAY_WRITEABLE);
    return result;
}
