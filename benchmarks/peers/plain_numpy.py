"""The straightforward way in NumPy, in the arithmetic of the arrays."""

import numpy as np

from peers import FRESH, OUT


def rotations(case):
    if (
        case.dtype == "bfloat16"
    ):  # NumPy has none; ml_dtypes takes a hundred times longer
        return
    heads = {-2: (None, slice(None)), -3: (slice(None), None)}[case.seq_axis]
    cos, sin = (t[heads] for t in case.tables(case.numpy_dtype))
    first, second = halves(case)
    rest = slice(case.rotary_dim, None)

    def rotate(x):
        out = np.empty_like(x)
        a, b = x[..., first], x[..., second]
        out[..., first] = a * cos - b * sin
        out[..., second] = b * cos + a * sin
        out[..., rest] = x[..., rest]
        return out

    xs = case.arrays()
    yield FRESH, lambda: [rotate(x) for x in xs]


def halves(case):
    """Channels of the two halves of the pairs."""
    n = case.rotary_dim
    if case.layout == "interleaved":
        return slice(0, n, 2), slice(1, n, 2)
    return slice(0, n // 2), slice(n // 2, n)


def tables(length):
    """Angles in float32, as one writes it: large positions lose their low bits."""
    p = np.arange(length, dtype=np.float32)
    inv_freq = (5e5 ** (-np.arange(64) / 64)).astype(np.float32)

    def both():
        angles = p[:, None] * inv_freq
        return np.cos(angles), np.sin(angles)

    cos, sin = (np.ones((length, 64), np.float32) for _ in range(2))

    def into():
        np.multiply(p[:, None], inv_freq, out=cos)
        np.sin(cos, out=sin)
        np.cos(cos, out=cos)

    yield FRESH, both
    yield OUT, into


def frequencies():
    yield "default", "function", lambda: 5e5 ** (-2.0 * np.arange(64) / 128)
