#ifndef ROPE_UFUNCS_PLAIN_H
#define ROPE_UFUNCS_PLAIN_H

#include "numpy_api.h"

#include "kernels.h"

/* Put the function for plain calls into the module; -1 with an exception on failure.
 * `kernels` must live as long as the process. */
int rope_add_plain(PyObject *module, const rope_kernels *kernels);

#endif
