/* Small calls: the arrays of a few tokens, as a decode step has them, straight to the
 * loops of the fused gufuncs. NumPy's way to the same loops takes longer than the
 * rotation, and so do the checks in Python.
 *
 * What needs no conversion, no broadcasting and no word of explanation is a small call.
 * All else gets None and goes the long way, which adapts it or says what is wrong.
 * Nothing is written before all of a call is found small. */
#include "small_calls.h"

#include "frequencies/turn_planes.h"
#include "loops.h"

/* ---- what is a small call ------------------------------------------------------ */

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
} small_call;

/* An ndarray and no subclass, aligned and in the byte order of the machine. */
static int
is_ready(PyObject *object)
{
    return PyArray_CheckExact(object) && PyArray_ISBEHAVED_RO((PyArrayObject *)object);
}

/* The loop for a type; NULL where there is none. bfloat16 is no type of NumPy's, and
 * the only other one that comes here (checked_x in Python); a tensor's comes as
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
takes_x(const small_call *call, PyObject *x, int layout)
{
    if (!is_ready(x) || PyArray_NDIM((PyArrayObject *)x) < 2)
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
    if (!is_ready(out))
        return 0;
    PyArrayObject *const array = (PyArrayObject *)out;
    return PyArray_TYPE(array) == PyArray_TYPE(x) && PyArray_SAMESHAPE(array, x) &&
           PyArray_ISWRITEABLE(array) && is_nested(array) &&
           (array == x || are_apart(array, x));
}

/* k differs from q in the number of heads alone, and what is written of one lies apart
 * from the other. Finds the heads. */
static int
take_pair(small_call *call, PyObject *outs)
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
take_positions(small_call *call, PyObject *positions, int backwards)
{
    if (!is_ready(positions) || PyArray_NDIM((PyArrayObject *)positions) != 1)
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
longest_axis(const small_call *call)
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
take_arrays(small_call *call, int layout, PyObject *xs, PyObject *seq_axis,
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

/* ---- the rotation --------------------------------------------------------------- */

/* Distance in bytes along an axis. That of an axis of one element is never taken, and
 * may be any number. */
static npy_intp
step_along(PyArrayObject *array, int axis)
{
    return PyArray_DIM(array, axis) == 1 ? 0 : PyArray_STRIDE(array, axis);
}

/* Call a loop as NumPy does for (n,d),(),(p,h),()->(n,d), with (m,d) after (n,d) for
 * two arrays; once for each index of the axes that are left. */
static void
rotate(small_call *call, PyUFuncGenericFunction loop, void *data)
{
    const int n = call->n, ndim = PyArray_NDIM(call->x[0]), operands = 2 * n + 3;
    char *args[2 * ARRAYS + 3];
    npy_intp dims[2 * ARRAYS + 3], steps[4 * ARRAYS + 3 + 2 * ARRAYS + 2] = {0};
    npy_intp index[NPY_MAXDIMS] = {0};
    npy_intp *core = steps + operands;
    dims[0] = PyArray_DIM(call->x[0], call->tokens);
    for (int a = 0; a < n; ++a) {
        PyArrayObject *const both[2] = {call->x[a], call->out[a]};
        for (int k = 0; k < 2; ++k) {
            const int operand = a + k * (n + 3);
            npy_intp *const own = core + 2 * (a + k * (n + 1));
            args[operand] = PyArray_BYTES(both[k]);
            steps[operand] = step_along(both[k], call->tokens);
            own[0] = call->heads < 0 ? 0 : step_along(both[k], call->heads);
            own[1] = step_along(both[k], ndim - 1);
        }
        dims[a == 0 ? 1 : 3] =
            call->heads < 0 ? 1 : PyArray_DIM(call->x[a], call->heads);
    }
    dims[2] = PyArray_DIM(call->x[0], ndim - 1);
    dims[n + 2] = ROPE_PLANES;
    dims[n + 3] = call->pairs;
    args[n] = (char *)call->positions;
    args[n + 1] = PyArray_BYTES(call->planes);
    args[n + 2] = (char *)&call->scale;
    steps[n] = (npy_intp)sizeof(double);
    core[2 * n] = step_along(call->planes, 0);
    core[2 * n + 1] = step_along(call->planes, 1);
    for (int axis = 0; axis >= 0;) {
        loop(args, dims, steps, data);
        for (axis = ndim - 2; axis >= 0; --axis) {
            if (axis == call->tokens || axis == call->heads)
                continue;
            const int is_last = ++index[axis] == PyArray_DIM(call->x[0], axis);
            const npy_intp by = is_last ? 1 - index[axis] : 1;
            for (int a = 0; a < n; ++a) {
                args[a] += by * step_along(call->x[a], axis);
                args[a + n + 3] += by * step_along(call->out[a], axis);
            }
            if (!is_last)
                break;
            index[axis] = 0;
        }
    }
}

/* The results as a tuple: those given, or new arrays in the order of x. */
static PyObject *
take_results(small_call *call, PyObject *outs)
{
    PyObject *const results = PyTuple_New(call->n);
    for (int a = 0; results != NULL && a < call->n; ++a) {
        PyObject *result = PyTuple_GetItem(outs, a);
        if (result == Py_None)
            result = PyArray_NewLikeArray(call->x[a], NPY_KEEPORDER, NULL, 0);
        else
            Py_INCREF(result);
        if (result == NULL || PyTuple_SetItem(results, a, result) < 0) {
            Py_DECREF(results);
            return NULL;
        }
        call->out[a] = (PyArrayObject *)result;
    }
    return results;
}

/* Rotate if the call is small: the results, None, or NULL with an exception. */
static PyObject *
rotated(const rope_kernels *kernels, small_call *call, int layout, PyObject *xs,
        PyObject *positions, PyObject *planes, int backwards, PyObject *seq_axis,
        PyObject *outs)
{
    call->planes = (PyArrayObject *)planes;
    if (layout < 0 || layout >= ROPE_LAYOUTS || PyArray_NDIM(call->planes) != 2 ||
        PyArray_TYPE(call->planes) != NPY_DOUBLE || !is_ready(planes) ||
        PyArray_DIM(call->planes, 0) != ROPE_PLANES) {
        PyErr_SetString(PyExc_ValueError, "no such layout, or no turn planes");
        return NULL;
    }
    call->pairs = PyArray_DIM(call->planes, 1);
    if (!take_arrays(call, layout, xs, seq_axis, outs) ||
        !take_positions(call, positions, backwards))
        Py_RETURN_NONE;
    PyObject *const results = take_results(call, outs);
    if (results == NULL)
        return NULL;
    const PyUFuncGenericFunction loop = loop_of(PyArray_TYPE(call->x[0]), call->n);
    Py_BEGIN_ALLOW_THREADS;
    rotate(call, loop, (void *)kernels[layout].self[0]);
    Py_END_ALLOW_THREADS;
    return results;
}

static PyObject *
rotate_small(PyObject *capsule, PyObject *args)
{
    const rope_kernels *const kernels = PyCapsule_GetPointer(capsule, NULL);
    PyObject *xs, *positions, *planes, *seq_axis, *outs;
    int layout, backwards;
    small_call call;
    if (kernels == NULL ||
        !PyArg_ParseTuple(args, "iO!OO!dpOO!:_rotate_small", &layout, &PyTuple_Type,
                          &xs, &positions, &PyArray_Type, &planes, &call.scale,
                          &backwards, &seq_axis, &PyTuple_Type, &outs))
        return NULL;
    return rotated(kernels, &call, layout, xs, positions, planes, backwards, seq_axis,
                   outs);
}

/* ---- memory that no ndarray holds ------------------------------------------------ */

/* An array on (address, type number, shape, strides in elements); it does not keep the
 * memory alive. */
static PyObject *
array_at(PyObject *memory)
{
    PyObject *shape, *strides;
    Py_ssize_t address;
    int type;
    npy_intp lengths[NPY_MAXDIMS], steps[NPY_MAXDIMS];
    if (!PyArg_ParseTuple(memory, "niO!O!", &address, &type, &PyTuple_Type, &shape,
                          &PyTuple_Type, &strides))
        return NULL;
    PyArray_Descr *const descr = PyArray_DescrFromType(type);
    const Py_ssize_t ndim = PyTuple_Size(shape);
    if (descr == NULL)
        return NULL;
    if (ndim > NPY_MAXDIMS || ndim != PyTuple_Size(strides))
        PyErr_SetString(PyExc_ValueError, "shape and strides do not fit");
    for (Py_ssize_t i = 0; i < ndim && !PyErr_Occurred(); ++i) {
        lengths[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
        steps[i] =
            PyLong_AsSsize_t(PyTuple_GetItem(strides, i)) * PyDataType_ELSIZE(descr);
    }
    if (PyErr_Occurred()) {
        Py_DECREF(descr);
        return NULL;
    }
    return PyArray_NewFromDescr(&PyArray_Type, descr, (int)ndim, lengths, steps,
                                (void *)address, NPY_ARRAY_WRITEABLE, NULL);
}

/* x at positions to `out`, which may be x: three memories as above. */
static PyObject *
rotate_memory(PyObject *capsule, PyObject *args)
{
    const rope_kernels *const kernels = PyCapsule_GetPointer(capsule, NULL);
    PyObject *x, *positions, *planes, *seq_axis, *out;
    int layout, backwards;
    small_call call;
    if (kernels == NULL ||
        !PyArg_ParseTuple(args, "iO!O!O!dpOO!:_rotate_memory", &layout, &PyTuple_Type,
                          &x, &PyTuple_Type, &positions, &PyArray_Type, &planes,
                          &call.scale, &backwards, &seq_axis, &PyTuple_Type, &out))
        return NULL;
    PyObject *const from = array_at(x), *const p = array_at(positions);
    PyObject *const to = out == x ? Py_XNewRef(from) : array_at(out);
    PyObject *const xs = from == NULL ? NULL : PyTuple_Pack(1, from);
    PyObject *const outs = to == NULL ? NULL : PyTuple_Pack(1, to);
    PyObject *result = NULL;
    if (xs != NULL && p != NULL && outs != NULL)
        result =
            rotated(kernels, &call, layout, xs, p, planes, backwards, seq_axis, outs);
    Py_XDECREF(from);
    Py_XDECREF(p);
    Py_XDECREF(to);
    Py_XDECREF(xs);
    Py_XDECREF(outs);
    if (result == NULL)
        return NULL;
    const int done = result != Py_None;
    Py_DECREF(result);
    return PyBool_FromLong(done);
}

int
rope_add_small_calls(PyObject *module, const rope_kernels *kernels)
{
    static PyMethodDef methods[] = {
        {"_rotate_small", rotate_small, METH_VARARGS,
         "_rotate_small(layout, xs, positions, planes, scale, backwards, seq_axis, "
         "outs)\n\nRotate the arrays of a few tokens; None where a call is not small."},
        {"_rotate_memory", rotate_memory, METH_VARARGS,
         "_rotate_memory(layout, x, positions, planes, scale, backwards, seq_axis, "
         "out)\n\nThe same for memory (address, type number, shape, strides in "
         "elements), which must live; whether it was small."}};
    PyObject *const capsule = PyCapsule_New((void *)kernels, NULL, NULL);
    if (capsule == NULL)
        return -1;
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof methods / sizeof *methods; ++i) {
        PyObject *const function = PyCFunction_New(&methods[i], capsule);
        failed = function == NULL ||
                 PyModule_AddObjectRef(module, methods[i].ml_name, function) < 0;
        Py_XDECREF(function);
    }
    Py_DECREF(capsule);
    return failed ? -1 : 0;
}
