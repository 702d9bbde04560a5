"""ONNX Runtime: one graph of RotaryEmbedding nodes (opset 23), outputs bound."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from peers import OUT

TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
}


def rotations(case):
    cos, sin = case.tables(case.numpy_dtype)
    shared = {"cos": cos, "sin": sin, "p": np.arange(len(cos))[None]}
    # (B,S,H,D) is (B,S,H*D) here, and the operator is told how many heads there are.
    flat = case.seq_axis == -3
    xs = {
        f"x{i}": x.reshape(*x.shape[:2], -1) if flat else x
        for i, x in enumerate(case.arrays())
    }
    ys = {name.replace("x", "y"): np.ones_like(x) for name, x in xs.items()}
    kind = TYPES[case.dtype]
    nodes = [
        helper.make_node(
            "RotaryEmbedding",
            [x, "cos", "sin", "p"],
            [y],
            interleaved=int(case.layout == "interleaved"),
            num_heads=case.shapes[i][2] if flat else 0,
            rotary_embedding_dim=case.rotary_dim % case.shapes[i][-1],
        )
        for i, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "rope",
        [
            info(name, TensorProto.INT64 if name == "p" else kind, a.shape)
            for name, a in {**xs, **shared}.items()
        ],
        [info(name, kind, a.shape) for name, a in ys.items()],
    )
    opset = helper.make_opsetid("", 23)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, a in {**xs, **shared}.items():
        binding.bind_cpu_input(name, a)
    for name, a in ys.items():
        binding.bind_output(name, "cpu", 0, a.dtype, a.shape, a.ctypes.data)

    def run():
        session.run_with_iobinding(binding)
        return [y.reshape(s) for y, s in zip(ys.values(), case.shapes, strict=True)]

    yield OUT, run
