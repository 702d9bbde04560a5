#ifndef ROPE_MODULE_FREQUENCIES_H
#define ROPE_MODULE_FREQUENCIES_H

#include "numpy_api.h"

PyObject *rope_module_frequencies(PyObject *module, PyObject *args);

#endif
