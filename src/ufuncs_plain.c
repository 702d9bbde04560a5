/* Plain calls: the arrays of a few tokens, as a decode step has them, straight to the
 * loops of the fused gufuncs. NumPy's way to the same loops takes longer than the
 * rotation, and so do the checks in Python.
 *
 * What needs no conversion, no broadcasting and no word of explanation is plain. All
 * else gets None and goes the long way, which adapts it or says what is wrong. Nothing
 * is written before all of a call is found plain. */
#include "ufuncs_plain.h"

#include "ufuncs_plain_call.h"

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
rotate(plain_call *call, PyUFuncGenericFunction loop, void *data)
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
take_results(plain_call *call, PyObject *outs)
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

/* Rotate if the call is plain: the results, None, or NULL with an exception. */
static PyObject *
rotated(const rope_kernels *kernels, plain_call *call, int layout, PyObject *xs,
        PyObject *positions, PyObject *planes, int backwards, PyObject *seq_axis,
        PyObject *outs)
{
    call->planes = (PyArrayObject *)planes;
    if (layout < 0 || layout >= ROPE_LAYOUTS || PyArray_NDIM(call->planes) != 2 ||
        PyArray_TYPE(call->planes) != NPY_DOUBLE || !is_plain_array(planes) ||
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
rotate_plain(PyObject *capsule, PyObject *args)
{
    const rope_kernels *const kernels = PyCapsule_GetPointer(capsule, NULL);
    PyObject *xs, *positions, *planes, *seq_axis, *outs;
    int layout, backwards;
    plain_call call;
    if (kernels == NULL ||
        !PyArg_ParseTuple(args, "iO!OO!dpOO!:_rotate_plain", &layout, &PyTuple_Type,
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
    plain_call call;
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
rope_add_plain(PyObject *module, const rope_kernels *kernels)
{
    static PyMethodDef methods[] = {
        {"_rotate_plain", rotate_plain, METH_VARARGS,
         "_rotate_plain(layout, xs, positions, planes, scale, backwards, seq_axis, "
         "outs)\n\nRotate the arrays of a few tokens; None where a call is not plain."},
        {"_rotate_memory", rotate_memory, METH_VARARGS,
         "_rotate_memory(layout, x, positions, planes, scale, backwards, seq_axis, "
         "out)\n\nThe same for memory (address, type number, shape, strides in "
         "elements), which must live; whether it was plain."}};
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
