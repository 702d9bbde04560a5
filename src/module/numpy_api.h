/* NumPy's C API, shared by the translation units of the module; module.c imports it. */
#ifndef ROPE_NUMPY_API_H
#define ROPE_NUMPY_API_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define PY_ARRAY_UNIQUE_SYMBOL ropeinterp_array_api
#define PY_UFUNC_UNIQUE_SYMBOL ropeinterp_ufunc_api
#ifndef ROPE_IMPORTS_NUMPY
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/ndarraytypes.h>
#include <numpy/ufuncobject.h>

#endif
