"""The rows of the benchmark: shapes, dtypes and the arrays that every peer gets."""

from typing import NamedTuple

import ml_dtypes
import numpy as np

import ropeinterp as ri


class Case(NamedTuple):
    """Arrays that are rotated in one step: the queries and the keys of a layer."""

    row: str
    dtype: str
    shapes: tuple
    seq_axis: int = -2
    rotary_dim: int = 128
    layout: str = "half"
    start: int = 0  # position of the first token
    alone: bool = False  # a row about a single call of ours, of no other peer's

    @property
    def positions(self):
        return np.arange(self.start, self.start + self.shapes[0][self.seq_axis])

    @property
    def numpy_dtype(self):
        bfloat16 = self.dtype == "bfloat16"
        return np.dtype(ml_dtypes.bfloat16 if bfloat16 else self.dtype)

    @property
    def spec(self):
        return ri.RopeSpec.llama3(
            self.rotary_dim, 5e5, layout=self.layout, head_dim=self.shapes[0][-1]
        )

    def arrays(self):
        """New arrays; a million numbers, again and again."""
        rng = np.random.default_rng(20261123)
        numbers = rng.standard_normal(2**20, dtype=np.float32).astype(self.numpy_dtype)
        return [np.resize(numbers, shape) for shape in self.shapes]

    def tables(self, dtype=np.float32):
        """Cosines and sines for the peers, which do not count the time of a table."""
        return self.spec.cos_sin(self.positions, dtype=dtype)


def _pair(tokens, heads_first=True):
    """Shapes of the queries and keys of Llama-3-8B."""
    return tuple(
        (1, heads, tokens, 128) if heads_first else (1, tokens, heads, 128)
        for heads in (32, 8)
    )


FLOATS = ("float32", "bfloat16", "float16")
PREFILL, BY_TOKEN, LONG = "prefill", "prefill (B,S,H,D)", "long"
PARTIAL, INTERLEAVED = "partial", "interleaved"
DECODE, DECODE_64, DECODE_Q = "decode 1", "decode 64", "decode q"

CASES = (
    *(Case(PREFILL, d, _pair(4096)) for d in FLOATS),
    *(Case(BY_TOKEN, d, _pair(4096, heads_first=False), -3) for d in FLOATS),
    *(Case(LONG, d, ((1, 8, 131072, 128),)) for d in FLOATS[:2]),
    *(Case(PARTIAL, d, _pair(4096), rotary_dim=64) for d in FLOATS[:2]),
    *(Case(INTERLEAVED, d, _pair(4096), layout="interleaved") for d in FLOATS[:2]),
    *(Case(DECODE, d, _pair(1), start=4096) for d in FLOATS[:2]),
    *(Case(DECODE_64, d, _pair(64), start=4096) for d in FLOATS[:2]),
    *(Case(DECODE_Q, d, _pair(1)[:1], start=4096, alone=True) for d in FLOATS[:2]),
)

# Cosines and sines of so many positions, 64 pairs, float32.
TABLES = {"131k": 131072, "1M": 1048576}

WHAT = {
    PREFILL: "q (1,32,4096,128) and k (1,8,4096,128)",
    BY_TOKEN: "q (1,4096,32,128) and k (1,4096,8,128)",
    LONG: "k (1,8,131072,128)",
    PARTIAL: "prefill, 64 of 128 channels rotated",
    INTERLEAVED: "prefill, pairs of neighbours",
    DECODE: "q (1,32,1,128) and k (1,8,1,128)",
    DECODE_64: "q (1,32,64,128) and k (1,8,64,128)",
    DECODE_Q: "q (1,32,1,128) alone: the time of one call",
    "tables": "cos and sin in float32, 64 pairs; mu is against filling them",
    "inv_freq": "64 frequencies, from the parameters to an array",
}
