/* What the public ufuncs of rows[] say of themselves, in the sections of numpydoc.
 * NumPy puts a line with all keywords before it. Included by ufuncs.c. */
#ifndef ROPE_UFUNC_DOCS_H
#define ROPE_UFUNC_DOCS_H

/* ---- what several of them say -------------------------------------------------- */

#define DOC_POSITION_PLANES_SCALE                                                      \
    "position : array_like of float64, shape (), token\n"                              \
    "    Integers and fractions of any sign; NaN comes out beyond 2**53.\n"            \
    "planes : array_like of float64, shape (7, h), turn / token\n"                     \
    "    Turn planes of h frequencies, from ``RopeSpec.turn_planes(seq_len)``.\n"      \
    "scale : array_like of float64, shape (), 1\n"                                     \
    "    Factor of every cosine and sine (attention_scaling).\n"

#define DOC_X_OF_HEADS                                                                 \
    "Parameters\n"                                                                     \
    "----------\n"                                                                     \
    "x : array_like of float16, float32 or float64, shape (n, d)\n"                    \
    "    The n heads at one position, d channels each, d >= 2h.\n"

#define DOC_X                                                                          \
    "Parameters\n"                                                                     \
    "----------\n"                                                                     \
    "x : array_like of float16, float32 or float64, shape (d,)\n"                      \
    "    The d channels of one head at one position, d >= 2h.\n"                       \
    "cos, sin : array_like, shape (h,), 1\n"                                           \
    "    Cosines and sines as of `cos_sin`, float32, or float64 for a float64 `x`;\n"  \
    "    any other `x` counts as float64 where they are float64.\n"

#define DOC_Y                                                                          \
    "\n"                                                                               \
    "Returns\n"                                                                        \
    "-------\n"                                                                        \
    "ndarray, shape and dtype of `x`\n"                                                \
    "    The channels after the first 2h are copied.\n"                                \
    "\n"                                                                               \
    "Raises\n"                                                                         \
    "------\n"                                                                         \
    "ValueError\n"                                                                     \
    "    If shapes do not fit: d < 2h"

#define DOC_PLANES_FIT ", or planes without 7 rows"
#define DOC_TILE_FITS ", or h > 512"

#define DOC_IN_PLACE                                                                   \
    ".\n"                                                                              \
    "\n"                                                                               \
    "Notes\n"                                                                          \
    "-----\n"                                                                          \
    "`out` may be `x`, which is rotated in place. Where it overlaps an operand in\n"   \
    "another way NumPy works on a copy.\n"                                             \
    "\n"

#define DOC_EXACT_ROTATION                                                             \
    "Accuracy: each product and their sum are rounded once, so a value is within\n"    \
    "1.5 ulp of the largest of the three; float16 is computed in float32 and "         \
    "rounded\n"                                                                        \
    "once more.\n"

#define DOC_EXACT_ROPE                                                                 \
    DOC_EXACT_ROTATION                                                                 \
    "Cosines and sines are those of `cos_sin` in float32, or in float64 for a\n"       \
    "float64 `x`.\n"

#define DOC_PLANES_EXAMPLE                                                             \
    "\n"                                                                               \
    "Examples\n"                                                                       \
    "--------\n"                                                                       \
    ">>> import numpy as np\n"                                                         \
    ">>> import ropeinterp as ri\n"                                                    \
    ">>> planes = ri.RopeSpec.default(4).turn_planes(16)\n"

#define DOC_TABLES_EXAMPLE                                                             \
    "\n"                                                                               \
    "Examples\n"                                                                       \
    "--------\n"                                                                       \
    ">>> import numpy as np\n"                                                         \
    ">>> import ropeinterp as ri\n"                                                    \
    ">>> x = np.array([1, 2, 3, 4], np.float32)\n"                                     \
    ">>> cos, sin = np.array([[0, 1], [1, 0]], np.float32)\n"

/* ---- one after the other -------------------------------------------------------- */

static const char doc_cos_sin[] =
    "cos_sin(position, planes, scale, /)  (),(p,h),()->(h),(h)\n"
    "\n"
    "Cosines and sines of position times frequency, times a scale.\n"
    "\n"
    "Parameters\n"
    "----------\n" DOC_POSITION_PLANES_SCALE "\n"
    "Returns\n"
    "-------\n"
    "cos, sin : ndarray, shape (h,), 1\n"
    "    float32; float64 or float16 where `dtype` or `out` says so.\n"
    "\n"
    "Raises\n"
    "------\n"
    "ValueError\n"
    "    If shapes do not fit: planes without 7 rows.\n"
    "\n"
    "Notes\n"
    "-----\n"
    "`out` may not be shared by the two results. Where it overlaps an operand NumPy\n"
    "works on a copy.\n"
    "\n"
    "Accuracy, up to |position| = 2**31 and frequencies of 1 rad / token: float64\n"
    "within 0.80 ulp at scale 1; float32 and float16 are rounded once, from doubles\n"
    "within 3.2 ulp. docs/accuracy.md has what was measured.\n" DOC_PLANES_EXAMPLE
    ">>> cos, sin = ri.ufuncs.cos_sin([0, 1, 2], planes, 1.0)\n"
    ">>> cos.shape, cos.dtype\n"
    "((3, 2), dtype('float32'))\n";

static const char doc_rotate_half[] =
    "rotate_half(x, cos, sin, /)  (d),(h),(h)->(d)\n"
    "\n"
    "Rotate channels (i, i + h), i < h, by ready tables.\n"
    "\n" DOC_X DOC_Y DOC_IN_PLACE DOC_EXACT_ROTATION DOC_TABLES_EXAMPLE
    ">>> ri.ufuncs.rotate_half(x, cos, sin)\n"
    "array([-3.,  2.,  1.,  4.], dtype=float32)\n";

static const char doc_rotate_interleaved[] =
    "rotate_interleaved(x, cos, sin, /)  (d),(h),(h)->(d)\n"
    "\n"
    "Rotate channels (2i, 2i + 1), i < h, by ready tables.\n"
    "\n" DOC_X DOC_Y DOC_IN_PLACE DOC_EXACT_ROTATION DOC_TABLES_EXAMPLE
    ">>> ri.ufuncs.rotate_interleaved(x, cos, sin)\n"
    "array([-2.,  1.,  3.,  4.], dtype=float32)\n";

static const char doc_rotate_interleaved_to_half[] =
    "rotate_interleaved_to_half(x, cos, sin, /)  (d),(h),(h)->(d)\n"
    "\n"
    "Rotate channels (2i, 2i + 1), i < h, and write them to (i, i + h).\n"
    "\n" DOC_X DOC_Y DOC_TILE_FITS DOC_IN_PLACE DOC_EXACT_ROTATION DOC_TABLES_EXAMPLE
    ">>> ri.ufuncs.rotate_interleaved_to_half(x, cos, sin)\n"
    "array([-2.,  3.,  1.,  4.], dtype=float32)\n";

static const char doc_rope[] =
    "rope(x, position, planes, scale, /)  (n,d),(),(p,h),()->(n,d)\n"
    "\n"
    "Rotate channels (i, i + h), i < h, of n heads by the angles of one position.\n"
    "\n" DOC_X_OF_HEADS DOC_POSITION_PLANES_SCALE DOC_Y DOC_PLANES_FIT DOC_IN_PLACE
        DOC_EXACT_ROPE DOC_PLANES_EXAMPLE
    ">>> x = np.ones((3, 8, 4), np.float16)  # tokens, heads, channels\n"
    ">>> y = ri.ufuncs.rope(x, [0, 1, 2], planes, 1.0)\n"
    ">>> y.shape, y.dtype\n"
    "((3, 8, 4), dtype('float16'))\n";

static const char doc_rope_interleaved[] =
    "rope_interleaved(x, position, planes, scale, /)  (n,d),(),(p,h),()->(n,d)\n"
    "\n"
    "Rotate channels (2i, 2i + 1), i < h, of n heads by the angles of one position.\n"
    "\n" DOC_X_OF_HEADS DOC_POSITION_PLANES_SCALE DOC_Y DOC_PLANES_FIT DOC_IN_PLACE
        DOC_EXACT_ROPE DOC_PLANES_EXAMPLE
    ">>> x = np.ones((3, 8, 4), np.float32)  # tokens, heads, channels\n"
    ">>> ri.ufuncs.rope_interleaved(x, [0, 1, 2], planes, 1.0, out=x) is x\n"
    "True\n";

static const char doc_rope_interleaved_to_half[] =
    "rope_interleaved_to_half(x, position, planes, scale, /)\n"
    "(n,d),(),(p,h),()->(n,d)\n"
    "\n"
    "Rotate channels (2i, 2i + 1), i < h, of n heads by the angles of one position,\n"
    "and write them to (i, i + h).\n"
    "\n" DOC_X_OF_HEADS DOC_POSITION_PLANES_SCALE DOC_Y DOC_PLANES_FIT DOC_TILE_FITS
        DOC_IN_PLACE DOC_EXACT_ROPE DOC_PLANES_EXAMPLE
    ">>> x = np.ones((8, 3, 4), np.float64)  # heads, tokens, channels\n"
    ">>> axes = [(0, 2), (), (0, 1), (), (0, 2)]\n"
    ">>> y = ri.ufuncs.rope_interleaved_to_half(x, [0, 1, 2], planes, 1, axes=axes)\n"
    ">>> y.shape\n"
    "(8, 3, 4)\n";

#endif
