#ifndef ROPE_SMALL_CALLS_H
#define ROPE_SMALL_CALLS_H

#include "numpy_api.h"

#include "kernels/kernels.h"

/* Put the functions for small calls into the module; -1 with an exception on failure.
 * `kernels` must live as long as the process. */
int rope_add_small_calls(PyObject *module, const rope_kernels *kernels);

#endif
