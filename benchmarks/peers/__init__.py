"""Who is compared: one module each, and the environment of its process.

A module has any of these, each a generator of a form and a call:

    rotations(case)   the arrays of a case; a call returns what it has rotated
    tables(length)    cosines and sines of the positions below length
    frequencies()     a scheme, a form and a call

`to_numpy`, where its results are no NumPy arrays, makes them so. Forms that are
compared have the same name; a module that cannot be imported becomes a line that
says why, and so does a case that raises.
"""

from typing import NamedTuple

IN_PLACE, OUT, FRESH = "in place", "preallocated", "fresh"
UFUNC = "ufunc, preallocated"
MADE = "from parameters"


class Peer(NamedTuple):
    module: str
    packages: tuple = ()
    environment: dict = {}  # noqa: RUF012 - nobody changes it


_HUGE = {"THP_MEM_ALLOC_ENABLE": "1"}
_TORCH = ("torch", "transformers")
OURS, NUMPY = "ropeinterp", "NumPy"
OURS_TORCH = "ropeinterp.torch"
EAGER, EAGER_HUGE = "transformers", "transformers, huge pages"
COMPILED, COMPILED_HUGE = "torch.compile", "torch.compile, huge pages"
ORT, NUMBA, GGML = "onnxruntime", "numba", "ggml"

PEERS = {
    OURS: Peer("ours"),
    OURS_TORCH: Peer("ours_torch", _TORCH),
    NUMPY: Peer("plain_numpy", ("numpy",)),
    EAGER: Peer("transformers_eager", _TORCH),
    EAGER_HUGE: Peer("transformers_eager", _TORCH, _HUGE),
    COMPILED: Peer("transformers_compiled", _TORCH),
    COMPILED_HUGE: Peer("transformers_compiled", _TORCH, _HUGE),
    ORT: Peer("onnx_runtime", ("onnxruntime", "onnx")),
    NUMBA: Peer("numba_kernel", ("numba",)),
    GGML: Peer("ggml_rope", ("ggml-python",)),
}

# One thread everywhere; NumPy takes huge pages for large arrays by itself.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "ROPEINTERP_NUM_THREADS",
    ),
    "1",
)
