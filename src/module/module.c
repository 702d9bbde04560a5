/* The extension module ropeinterp._core: imports NumPy, chooses the kernels, registers
 * the functions. No loops over data and no formulas. */
#define ROPE_IMPORTS_NUMPY
#include "numpy_api.h"

#include <stdlib.h>
#include <string.h>

#include "frequencies_call.h"
#include "small_calls.h"
#include "ufuncs.h"

/* The best kernels of this CPU, or those that ROPEINTERP_ISA names; tests run each. */
static const rope_kernels *
choose_kernels(PyObject *module)
{
    const rope_kernels *tables[4];
    const ptrdiff_t n = rope_available(tables);
    PyObject *names = PyTuple_New(n);
    if (names == NULL)
        return NULL;
    const char *wanted = getenv("ROPEINTERP_ISA");
    const rope_kernels *chosen = wanted == NULL || *wanted == 0 ? tables[n - 1] : NULL;
    for (ptrdiff_t i = 0; i < n; ++i) {
        PyObject *name = PyUnicode_FromString(tables[i]->isa);
        if (name == NULL || PyTuple_SetItem(names, i, name) < 0) {
            Py_DECREF(names);
            return NULL;
        }
        if (chosen == NULL && strcmp(wanted, tables[i]->isa) == 0)
            chosen = tables[i];
    }
    if (chosen == NULL)
        PyErr_Format(PyExc_ImportError,
                     "ROPEINTERP_ISA is %.40s, but this build on this CPU runs %R",
                     wanted, names);
    else if (PyModule_AddObjectRef(module, "isas", names) < 0 ||
             PyModule_AddStringConstant(module, "isa", chosen->isa) < 0)
        chosen = NULL;
    Py_DECREF(names);
    return chosen;
}

static int
execute(PyObject *module)
{
    if (PyArray_ImportNumPyAPI() < 0 || PyUFunc_ImportUFuncAPI() < 0)
        return -1;
    const rope_kernels *kernels = choose_kernels(module);
    if (kernels == NULL || rope_add_ufuncs(module, kernels) < 0)
        return -1;
    return rope_add_small_calls(module, kernels);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    /* NumPy itself does not import in a subinterpreter. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyMethodDef methods[] = {
    {"_frequencies", rope_frequencies_call, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ropeinterp._core",
    .m_doc = "Rotary frequencies, phases and rotations as NumPy ufuncs.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
