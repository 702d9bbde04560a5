"""No kernel touches memory outside its arrays: they lie against pages without access.

A read or write past the end, or before the beginning, ends the process. Prefetching an
address is no access.
"""

import ctypes
import mmap
import sys

import numpy as np
import pytest

import ropeinterp as ri

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mprotect through ctypes is for Linux"
)
PAGE = mmap.PAGESIZE


class Guarded:
    """Arrays with a forbidden page right behind, or right before, their memory."""

    def __init__(self, at_end):
        self.at_end = at_end
        self.maps = []

    def empty(self, shape, dtype):
        dtype = np.dtype(dtype)
        size = int(np.prod(shape)) * dtype.itemsize
        pages = -(-size // PAGE)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for page in (0, pages + 1):
            address = ctypes.c_void_p(start + page * PAGE)
            assert libc.mprotect(address, ctypes.c_size_t(PAGE), 0) == 0
        self.maps.append(memory)
        first = (pages + 1) * PAGE - size if self.at_end else PAGE
        return np.frombuffer(memory, dtype, size // dtype.itemsize, first).reshape(
            shape
        )

    def copy(self, values):
        result = self.empty(values.shape, values.dtype)
        result[...] = values
        return result


@pytest.fixture(params=[False, True], ids=["before", "behind"])
def guarded(request):
    return Guarded(request.param)


@pytest.mark.parametrize("h", [1, 3, 8, 17, 33, 64])
@pytest.mark.parametrize("char", ["e", "f", "d", "H"])
def test_kernels_stay_inside(core, guarded, char, h):
    rng = np.random.default_rng(h)
    planes = guarded.copy(core._frequencies("default", h, (2 * h, 1e4), (), True))
    positions = guarded.copy(rng.integers(0, 10**6, 5).astype(np.float64))
    suffix = "_bfloat16" if char == "H" else ""
    prefix = "_" if char == "H" else ""
    values = rng.standard_normal((2, 5, 2 * h + 1))
    bits = (values.astype("f").view("u4") >> 16).astype("u2")
    x = guarded.copy(bits if char == "H" else values.astype(char))

    tables = [guarded.empty((5, h), char) for _ in range(2)]
    table = getattr(core, f"{prefix}cos_sin{suffix}")
    table(positions, planes, 1.0, out=tuple(tables), dtype=np.dtype(char))
    kind = "d" if char == "d" else "f"
    cos, sin = (guarded.empty((5, h), kind) for _ in range(2))
    core.cos_sin(positions, planes, 1.0, out=(cos, sin), dtype=np.dtype(kind))
    for layout in ("half", "interleaved", "interleaved_to_half"):
        out, other = guarded.empty(x.shape, char), guarded.empty(x.shape, char)
        getattr(core, f"{prefix}rotate_{layout}{suffix}")(x, cos, sin, out=out)
        name = "rope" if layout == "half" else f"rope_{layout}"
        rope = getattr(core, f"{prefix}{name}{suffix}")
        axes = [(0, 2), (), (0, 1), (), (0, 2)]
        rope(x, positions, planes, 1.0, out=other, axes=axes)
        assert out.tobytes() == other.tobytes()
        rope(other, positions, planes, 1.0, out=other, axes=axes)  # in place


@pytest.mark.parametrize("h", [1, 8, 17, 64])
@pytest.mark.parametrize("char", ["e", "f", "d", "H"])
def test_plain_calls_stay_inside(core, guarded, char, h):
    rng = np.random.default_rng(h)
    planes = guarded.copy(core._frequencies("default", h, (2 * h, 1e4), (), True))
    positions = guarded.copy(np.array([7, 8, 9]))
    shapes = (2, 3, 3, 2 * h), (2, 1, 3, 2 * h)  # tokens: axis 2
    q, k = (guarded.copy(rng.standard_normal(s).astype("e")) for s in shapes)
    q, k = (
        guarded.copy(x.view("H") if char == "H" else x.astype(char)) for x in (q, k)
    )
    outs = guarded.empty(q.shape, char), guarded.empty(k.shape, char)
    for layout in range(3):
        call = positions, planes, 1.0, False, -2
        assert core._rotate_small(layout, (q, k), *call, outs)[0] is outs[0]
        single = guarded.empty(k.shape, char)
        assert core._rotate_small(layout, (k,), *call, (single,)) is not None
        assert single.tobytes() == outs[1].tobytes()
        assert core._rotate_small(layout, (q, k), *call, (q, k)) is not None


def test_streamed_rows_stay_inside(guarded):
    x = guarded.empty((33, 4096, 64), "f8")
    x[...] = 1.0
    out = guarded.empty(x.shape, x.dtype)
    ri.RopeSpec.default(62, head_dim=64).apply(x, out=out)
    assert (out[..., 62:] == 1.0).all()
