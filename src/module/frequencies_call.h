#ifndef ROPE_FREQUENCIES_CALL_H
#define ROPE_FREQUENCIES_CALL_H

#include "numpy_api.h"

PyObject *rope_frequencies_call(PyObject *module, PyObject *args);

#endif
