/* What is a plain call: the arrays of a few tokens, and what is asked of them. Included
 * by ufuncs_plain.c alone.
 *
 * Nothing is converted, broadcast or written here, and no error is set: a call is
 * plain, or it is not. */
#ifndef ROPE_UFUNCS_PLAIN_CALL_H
#define ROPE_UFUNCS_PLAIN_CALL_H

#include "kernels.h"
#include "ufuncs_loops.h"

enum {
    ARRAYS = 2,      /* queries and keys */
    TOKENS = 256,    /* positions of a call: they go through the stack */
    BYTES = 1 << 24, /* of an array: the long way answers Ctrl-C between pieces */
};

typedef struct {
    int n;             /* arrays */
    int tokens, heads; /* axes; heads is -1 where there is no other axis */
    npy_intp pairs;
    PyArrayObject *x[ARRAYS], *out[ARRAYS], *planes;
    double scale, positions[TOKENS];
} plain_call;

/* An ndarray and no subclass, aligned and in the byte order of the machine. */
static int
is_plain_array(PyObject *object)
{
    return PyArray_CheckExact(object) && PyArray_ISBEHAVED_RO((PyArrayObject *)object);
}

/* The loop for a type; NULL where there is none. bfloat16 is no type of NumPy's, and
 * the only other one that comes here (checked_x in arguments.py); a tensor's comes as
 * its bits. */
static PyUFuncGenericFunction
loop_of(int type, int n)
{
    PyUFuncGenericFunction *const loops = n == 1 ? rope_loops_rope : rope_loops_rope_qk;
    switch (type) {
    case NPY_HALF:
        return loops[0];
    case NPY_FLOAT:
        return loops[1];
    case NPY_DOUBLE:
        return loops[2];
    default:
        if (type != NPY_UINT16 && !PyTypeNum_ISUSERDEF(type))
            return NULL;
        return n == 1 ? rope_loops_rope_bf16[0] : rope_loops_rope_qk_bf16[0];
    }
}

/* Whether all that the two arrays hold lies apart. */
static int
are_apart(PyArrayObject *a, PyArrayObject *b)
{
    const char *low[2], *high[2];
    PyArrayObject *const arrays[2] = {a, b};
    for (int k = 0; k < 2; ++k) {
        low[k] = high[k] = PyArray_BYTES(arrays[k]);
        for (int i = 0; i < PyArray_NDIM(arrays[k]); ++i) {
            const npy_intp way =
                (PyArray_DIM(arrays[k], i) - 1) * PyArray_STRIDE(arrays[k], i);
            *(way < 0 ? &low[k] : &high[k]) += way;
        }
        high[k] += PyArray_ITEMSIZE(arrays[k]);
    }
    return high[0] <= low[1] || high[1] <= low[0];
}

/* No two elements share memory: in the order of their strides, each axis steps over all
 * that those before it hold. */
static int
is_nested(PyArrayObject *a)
{
    npy_intp steps[NPY_MAXDIMS], lengths[NPY_MAXDIMS], held = PyArray_ITEMSIZE(a);
    int axes = 0;
    for (int i = 0; i < PyArray_NDIM(a); ++i) {
        const npy_intp stride = PyArray_STRIDE(a, i), n = PyArray_DIM(a, i);
        if (n == 1) /* of any stride */
            continue;
        const npy_intp step = stride < 0 ? -stride : stride;
        int at = axes++;
        for (; at > 0 && steps[at - 1] > step; --at) {
            steps[at] = steps[at - 1];
            lengths[at] = lengths[at - 1];
        }
        steps[at] = step;
        lengths[at] = n;
    }
    for (int i = 0; i < axes; ++i) {
        if (steps[i] < held)
            return 0;
        held += (lengths[i] - 1) * steps[i];
    }
    return 1;
}

/* x has the channels that a layout needs, and an axis for tokens. */
static int
takes_x(const plain_call *call, PyObject *x, int layout)
{
    if (!is_plain_array(x) || PyArray_NDIM((PyArrayObject *)x) < 2)
        return 0;
    PyArrayObject *const array = (PyArrayObject *)x;
    const npy_intp d = PyArray_DIM(array, PyArray_NDIM(array) - 1);
    return loop_of(PyArray_TYPE(array), 1) != NULL && PyArray_SIZE(array) > 0 &&
           PyArray_NBYTES(array) <= BYTES && d >= 2 * call->pairs &&
           (layout == ROPE_HALF || (d % 2 == 0 && call->pairs <= ROPE_TILE));
}

/* `out` is None, x itself or another array like it, apart from it. */
static int
takes_out(PyArrayObject *x, PyObject *out)
{
    if (out == Py_None)
        return 1;
    if (!is_plain_array(out))
        return 0;
    PyArrayObject *const array = (PyArrayObject *)out;
    return PyArray_TYPE(array) == PyArray_TYPE(x) && PyArray_SAMESHAPE(array, x) &&
           PyArray_ISWRITEABLE(array) && is_nested(array) &&
           (array == x || are_apart(array, x));
}

/* k differs from q in the number of heads alone, and what is written of one lies apart
 * from the other. Finds the heads. */
static int
take_pair(plain_call *call, PyObject *outs)
{
    PyArrayObject *const q = call->x[0], *const k = call->x[1];
    PyArrayObject *const q_out = (PyArrayObject *)PyTuple_GetItem(outs, 0);
    PyArrayObject *const k_out = (PyArrayObject *)PyTuple_GetItem(outs, 1);
    const int writes_q = (PyObject *)q_out != Py_None;
    const int writes_k = (PyObject *)k_out != Py_None;
    if (PyArray_NDIM(q) != PyArray_NDIM(k) || PyArray_TYPE(q) != PyArray_TYPE(k) ||
        (writes_q && !are_apart(q_out, k)) || (writes_k && !are_apart(q, k_out)) ||
        (writes_q && writes_k && !are_apart(q_out, k_out)))
        return 0;
    int differ = 0;
    for (int i = 0; i < PyArray_NDIM(q); ++i)
        if (PyArray_DIM(q, i) != PyArray_DIM(k, i)) {
            call->heads = i;
            ++differ;
        }
    return differ == 0 || (differ == 1 && call->heads != call->tokens &&
                           call->heads != PyArray_NDIM(q) - 1);
}

/* Integers or doubles of at most 2^53, one for each token, signed as they turn. */
static int
take_positions(plain_call *call, PyObject *positions, int backwards)
{
    if (!is_plain_array(positions) || PyArray_NDIM((PyArrayObject *)positions) != 1)
        return 0;
    PyArrayObject *const p = (PyArrayObject *)positions;
    const npy_intp n = PyArray_DIM(p, 0), step = PyArray_STRIDE(p, 0);
    const int type = PyArray_TYPE(p);
    const int is_integer = PyTypeNum_ISSIGNED(type) && PyArray_ITEMSIZE(p) == 8;
    if (n > TOKENS || n != PyArray_DIM(call->x[0], call->tokens) ||
        !(is_integer || type == NPY_DOUBLE))
        return 0;
    for (npy_intp i = 0; i < n; ++i) {
        const void *const from = PyArray_BYTES(p) + i * step;
        const double value =
            is_integer ? (double)*(const npy_int64 *)from : *(const double *)from;
        /* An integer beyond 2^53 may be rounded to it: the long way takes that one. */
        if (!(value < 0x1p53 && value > -0x1p53))
            return 0;
        call->positions[i] = backwards ? -value : value;
    }
    return 1;
}

/* The longest axis beside those of tokens and channels. */
static int
longest_axis(const plain_call *call)
{
    PyArrayObject *const x = call->x[0];
    int longest = -1;
    for (int i = 0; i < PyArray_NDIM(x) - 1; ++i)
        if (i != call->tokens &&
            (longest < 0 || PyArray_DIM(x, i) > PyArray_DIM(x, longest)))
            longest = i;
    return longest;
}

static int
take_arrays(plain_call *call, int layout, PyObject *xs, PyObject *seq_axis,
            PyObject *outs)
{
    const Py_ssize_t n = PyTuple_Size(xs);
    if (n < 1 || n > ARRAYS || n != PyTuple_Size(outs) || !PyLong_CheckExact(seq_axis))
        return 0;
    call->n = (int)n;
    for (int a = 0; a < n; ++a) {
        PyObject *const x = PyTuple_GetItem(xs, a);
        if (!takes_x(call, x, layout) ||
            !takes_out((PyArrayObject *)x, PyTuple_GetItem(outs, a)))
            return 0;
        call->x[a] = (PyArrayObject *)x;
    }
    const int ndim = PyArray_NDIM(call->x[0]);
    int is_too_long;
    const long axis = PyLong_AsLongAndOverflow(seq_axis, &is_too_long);
    if (is_too_long || axis < -ndim || axis >= ndim)
        return 0;
    call->tokens = (int)(axis < 0 ? axis + ndim : axis);
    if (call->tokens == ndim - 1)
        return 0;
    call->heads = longest_axis(call);
    return n == 1 || take_pair(call, outs);
}

#endif
