#ifndef ROPE_UFUNCS_H
#define ROPE_UFUNCS_H

#include "numpy_api.h"

#include "kernels/kernels.h"

/* Put the ufuncs of rows[] and of rope_formulas[] into the module; -1 with an exception
 * on failure. `kernels` must live as long as the process. */
int rope_add_ufuncs(PyObject *module, const rope_kernels *kernels);

#endif
