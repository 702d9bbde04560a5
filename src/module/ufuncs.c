/* The one place that maps names to code: rows[], rope_formulas[] for the frequencies,
 * and the loops that register both. */
#include "ufuncs.h"

#include <string.h>

#include "frequencies/frequencies.h"
#include "frequencies/turn_planes.h"
#include "loops.h"
#include "ufunc_docs.h"

/* ---- core dimensions: NumPy does not relate them, so we do --------------------- */

static int
check_pairs(npy_intp d, npy_intp h)
{
    /* dask asks for result types with arrays of size 1. */
    if (d / 2 >= h || (d == 1 && h == 1))
        return 0;
    PyErr_Format(
        PyExc_ValueError,
        "x has %zd channels in its last axis, fewer than the %zd that %zd pairs "
        "of cos and sin rotate",
        (Py_ssize_t)d, 2 * (Py_ssize_t)h, (Py_ssize_t)h);
    return -1;
}

/* dask asks for result types with one row of one pair, and one channel where there is
 * x. */
static int
check_planes(npy_intp p, npy_intp h, npy_intp d)
{
    if (p == ROPE_PLANES || (p == 1 && h == 1 && d == 1))
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "turn planes have %zd rows, but shape (..., %d, pairs) is needed",
                 (Py_ssize_t)p, (int)ROPE_PLANES);
    return -1;
}

/* (d),(h),(h)->(d) */
static int
check_rotate(PyUFuncObject *Py_UNUSED(ufunc), npy_intp *dims)
{
    return check_pairs(dims[0], dims[1]);
}

/* A row that changes its layout in place must fit one tile. */
static int
check_to_half(npy_intp h)
{
    if (h <= ROPE_TILE)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "%zd pairs: interleaved_to_half rotates at most %d pairs a row",
                 (Py_ssize_t)h, (int)ROPE_TILE);
    return -1;
}

static int
check_rotate_to_half(PyUFuncObject *ufunc, npy_intp *dims)
{
    return check_rotate(ufunc, dims) < 0 ? -1 : check_to_half(dims[1]);
}

/* (),(p,h),()->(h),(h) */
static int
check_cos_sin(PyUFuncObject *Py_UNUSED(ufunc), npy_intp *dims)
{
    return check_planes(dims[0], dims[1], 1);
}

/* (n,d),(),(p,h),()->(n,d) */
static int
check_rope(PyUFuncObject *Py_UNUSED(ufunc), npy_intp *dims)
{
    const int refused = check_planes(dims[2], dims[3], dims[1]) < 0;
    return refused ? -1 : check_pairs(dims[1], dims[3]);
}

static int
check_rope_to_half(PyUFuncObject *ufunc, npy_intp *dims)
{
    return check_rope(ufunc, dims) < 0 ? -1 : check_to_half(dims[3]);
}

/* (n,d),(m,d),(),(p,h),()->(n,d),(m,d): without m as above. */
static int
check_rope_qk(PyUFuncObject *ufunc, npy_intp *dims)
{
    npy_intp of_q[4] = {dims[0], dims[1], dims[3], dims[4]};
    return check_rope(ufunc, of_q);
}

static int
check_rope_qk_to_half(PyUFuncObject *ufunc, npy_intp *dims)
{
    return check_rope_qk(ufunc, dims) < 0 ? -1 : check_to_half(dims[4]);
}

/* ---- types, in the order in which NumPy tries them ---------------------------- */

/* float16 before float32 before float64: NumPy takes the first loop that holds x. */
static const char rotate_types[] = {
    NPY_HALF,   NPY_FLOAT,  NPY_FLOAT,  NPY_HALF,  /* */
    NPY_FLOAT,  NPY_FLOAT,  NPY_FLOAT,  NPY_FLOAT, /* */
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
};
static const char rotate_bf16_types[] = {NPY_UINT16, NPY_FLOAT, NPY_FLOAT, NPY_UINT16};
static const char rope_types[] = {
    NPY_HALF,   NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_HALF,  /* */
    NPY_FLOAT,  NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_FLOAT, /* */
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
};
static const char rope_bf16_types[] = {NPY_UINT16, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
                                       NPY_UINT16};
static const char rope_qk_types[] = {
    NPY_HALF,   NPY_HALF,   NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_HALF,   NPY_HALF,
    NPY_FLOAT,  NPY_FLOAT,  NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_FLOAT,  NPY_FLOAT,
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
};
static const char rope_qk_bf16_types[] = {
    NPY_UINT16, NPY_UINT16, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_UINT16, NPY_UINT16};
/* The inputs are the same for every table: the first one, float32, is the default. */
static const char cos_sin_types[] = {
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_FLOAT,  NPY_FLOAT,  /* */
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, /* */
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_HALF,   NPY_HALF,
};
static const char cos_sin_bf16_types[] = {NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
                                          NPY_UINT16, NPY_UINT16};
/* k, parameters and the result of a frequency gufunc: as many as any formula takes. */
static const char doubles[2 + ROPE_MAX_PARAMETERS] = {
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
    NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE,
};

typedef struct {
    const char *name, *signature;
    int n_in, n_out, n_types;
    const char *types;
    PyUFuncGenericFunction *loops;
    int layout; /* whose kernels the loops get */
    PyUFunc_ProcessCoreDimsFunc *check;
    const char *doc;
} ufunc_row;

#define HALF ROPE_HALF
#define INTERLEAVED ROPE_INTERLEAVED
#define TO_HALF ROPE_INTERLEAVED_TO_HALF

/* clang-format off */
static const ufunc_row rows[] = {
    /* name, signature, inputs, outputs, types, loops, layout, check, doc */
    {"cos_sin", "(),(p,h),()->(h),(h)", 3, 2, 3, cos_sin_types, rope_loops_cos_sin,
     HALF, check_cos_sin, doc_cos_sin},
    {"_cos_sin_bfloat16", "(),(p,h),()->(h),(h)", 3, 2, 1, cos_sin_bf16_types,
     rope_loops_cos_sin_bf16, HALF, check_cos_sin, NULL},

    {"rotate_half", "(d),(h),(h)->(d)", 3, 1, 3, rotate_types, rope_loops_rotate,
     HALF, check_rotate, doc_rotate_half},
    {"rotate_interleaved", "(d),(h),(h)->(d)", 3, 1, 3, rotate_types, rope_loops_rotate,
     INTERLEAVED, check_rotate, doc_rotate_interleaved},
    {"rotate_interleaved_to_half", "(d),(h),(h)->(d)", 3, 1, 3, rotate_types,
     rope_loops_rotate, TO_HALF, check_rotate_to_half, doc_rotate_interleaved_to_half},
    {"_rotate_half_bfloat16", "(d),(h),(h)->(d)", 3, 1, 1, rotate_bf16_types,
     rope_loops_rotate_bf16, HALF, check_rotate, NULL},
    {"_rotate_interleaved_bfloat16", "(d),(h),(h)->(d)", 3, 1, 1, rotate_bf16_types,
     rope_loops_rotate_bf16, INTERLEAVED, check_rotate, NULL},
    {"_rotate_interleaved_to_half_bfloat16", "(d),(h),(h)->(d)", 3, 1, 1,
     rotate_bf16_types, rope_loops_rotate_bf16, TO_HALF, check_rotate_to_half, NULL},

    {"rope", "(n,d),(),(p,h),()->(n,d)", 4, 1, 3, rope_types, rope_loops_rope,
     HALF, check_rope, doc_rope},
    {"rope_interleaved", "(n,d),(),(p,h),()->(n,d)", 4, 1, 3, rope_types,
     rope_loops_rope, INTERLEAVED, check_rope, doc_rope_interleaved},
    {"rope_interleaved_to_half", "(n,d),(),(p,h),()->(n,d)", 4, 1, 3, rope_types,
     rope_loops_rope, TO_HALF, check_rope_to_half, doc_rope_interleaved_to_half},
    {"_rope_bfloat16", "(n,d),(),(p,h),()->(n,d)", 4, 1, 1, rope_bf16_types,
     rope_loops_rope_bf16, HALF, check_rope, NULL},
    {"_rope_interleaved_bfloat16", "(n,d),(),(p,h),()->(n,d)", 4, 1, 1, rope_bf16_types,
     rope_loops_rope_bf16, INTERLEAVED, check_rope, NULL},
    {"_rope_interleaved_to_half_bfloat16", "(n,d),(),(p,h),()->(n,d)", 4, 1, 1,
     rope_bf16_types, rope_loops_rope_bf16, TO_HALF, check_rope_to_half, NULL},

    /* Queries and keys at the same positions share their phases. */
    {"_rope_qk", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 3,
     rope_qk_types, rope_loops_rope_qk, HALF, check_rope_qk, NULL},
    {"_rope_qk_bfloat16", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 1,
     rope_qk_bf16_types, rope_loops_rope_qk_bf16, HALF, check_rope_qk, NULL},
    {"_rope_interleaved_qk", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 3,
     rope_qk_types, rope_loops_rope_qk, INTERLEAVED, check_rope_qk, NULL},
    {"_rope_interleaved_qk_bfloat16", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 1,
     rope_qk_bf16_types, rope_loops_rope_qk_bf16, INTERLEAVED, check_rope_qk, NULL},
    {"_rope_interleaved_to_half_qk", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 3,
     rope_qk_types, rope_loops_rope_qk, TO_HALF, check_rope_qk_to_half, NULL},
    {"_rope_interleaved_to_half_qk_bfloat16", "(n,d),(m,d),(),(p,h),()->(n,d),(m,d)", 5, 2, 1,
     rope_qk_bf16_types, rope_loops_rope_qk_bf16, TO_HALF, check_rope_qk_to_half, NULL},
};
/* clang-format on */

/* Put a ufunc into the module. NumPy keeps its pointers: name, doc, types and data live
 * as long as the process. */
static int
add_ufunc(PyObject *module, const ufunc_row *row, const void *const *data)
{
    PyObject *ufunc = PyUFunc_FromFuncAndDataAndSignature(
        row->loops, (void *const *)data, row->types, row->n_types, row->n_in,
        row->n_out, PyUFunc_None, row->name, row->doc, 0, row->signature);
    if (ufunc == NULL)
        return -1;
    ((PyUFuncObject *)ufunc)->process_core_dims_func = row->check;
    const int failed = PyModule_AddObjectRef(module, row->name, ufunc) < 0;
    Py_DECREF(ufunc);
    return failed ? -1 : 0;
}

/* The gufunc of a formula: k, its parameters, one of which may have a value per pair,
 * to frequencies. What its loop gets is where the list points to the formula. */
static int
add_inv_freq(PyObject *module, const rope_formula *const *listed)
{
    const rope_formula *formula = *listed;
    char signature[sizeof "(h)->(h)" + ROPE_MAX_PARAMETERS * (sizeof ",(h)" - 1)];
    strcpy(signature, "(h)");
    for (int i = 0; i < formula->n_parameters; ++i)
        strcat(signature, i == formula->pair_parameter ? ",(h)" : ",()");
    strcat(signature, "->(h)");
    const ufunc_row row = {.name = formula->ufunc,
                           .signature = signature, /* which NumPy copies */
                           .n_in = 1 + formula->n_parameters,
                           .n_out = 1,
                           .n_types = 1,
                           .types = doubles,
                           .loops = rope_loops_inv_freq,
                           .doc = formula->doc};
    return add_ufunc(module, &row, (const void *const *)listed);
}

int
rope_add_ufuncs(PyObject *module, const rope_kernels *kernels)
{
    for (const rope_formula *const *row = rope_formulas; *row != NULL; ++row)
        if ((*row)->ufunc != NULL && add_inv_freq(module, row) < 0)
            return -1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
        if (add_ufunc(module, &rows[i], kernels[rows[i].layout].self) < 0)
            return -1;
    return 0;
}
