"""ggml's own graph, on its own memory order: (B,S,H,D), what a decoded token has too.

It has no table: it computes its phases, by a recurrence, as llama.cpp does.
"""

import ctypes

import ggml
import numpy as np

from peers import OUT

TYPES = {"float32": ggml.GGML_TYPE_F32, "float16": ggml.GGML_TYPE_F16}
ROOM = 2**24  # bytes for what ggml keeps beside the arrays


def array_of(tensor, shape, dtype):
    """The memory of a tensor as an array."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = (ctypes.c_char * nbytes).from_address(tensor.contents.data)
    return np.frombuffer(memory, dtype).reshape(shape)


def rotations(case):
    by_token = case.seq_axis == -3 or case.positions.size == 1
    if not by_token or case.dtype not in TYPES:  # bfloat16 would abort the process
        return
    xs = case.arrays()
    pool = np.ones(2 * sum(x.nbytes for x in xs) + ROOM, np.uint8)  # huge pages
    context = ggml.ggml_init(
        ggml.ggml_init_params(pool.nbytes, pool.ctypes.data, False)
    )
    positions = ggml.ggml_new_tensor_1d(
        context, ggml.GGML_TYPE_I32, case.positions.size
    )
    array_of(positions, case.positions.shape, np.int32)[...] = case.positions
    # llama.cpp has Llama-3's scaling as divisors of the frequencies of its base.
    n = case.rotary_dim // 2
    factors = ggml.ggml_new_tensor_1d(context, ggml.GGML_TYPE_F32, n)
    plain = 5e5 ** (-np.arange(n) / n)
    array_of(factors, (n,), np.float32)[...] = plain / case.spec.inv_freq()
    graph, ys = ggml.ggml_new_graph(context), []
    for x in xs:
        tokens = case.positions.size
        a = ggml.ggml_new_tensor_4d(
            context, TYPES[case.dtype], x.shape[-1], x.size // tokens // 128, tokens, 1
        )
        array_of(a, x.shape, x.dtype)[...] = x
        mode = ggml.GGML_ROPE_TYPE_NEOX
        y = ggml.ggml_rope_ext(
            context,
            a,
            positions,
            factors,
            2 * n,
            mode,
            0,
            5e5,
            1.0,
            0.0,
            1.0,
            32.0,
            1.0,
        )
        ggml.ggml_build_forward_expand(graph, y)
        ys.append(array_of(y, x.shape, x.dtype))
    plan = ggml.ggml_graph_plan(graph, 1, None)
    work = np.ones(plan.work_size + 64, np.uint8)
    plan.work_data = work.ctypes.data_as(type(plan.work_data))

    def run(keep=(pool, work)):
        ggml.ggml_graph_compute(graph, ctypes.byref(plan))
        return ys

    yield OUT, run
    ggml.ggml_free(context)
