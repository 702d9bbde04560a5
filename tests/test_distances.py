"""Every distance in memory has a sign and a unit: rows backwards, far apart, in place.

Calls on such rows give the bits of contiguous ones, and their work is that of their
results. What never returns answers no signal either: a watchdog ends the process.
"""

import faulthandler
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import ropeinterp as ri

CHARS = ["e", "f", "d", "H"]  # H: the bits of bfloat16
ROPES = ["rope", "rope_interleaved", "rope_interleaved_to_half"]
ROTATES = ["rotate_half", "rotate_interleaved", "rotate_interleaved_to_half"]
POSITIONS = {
    "in steps": np.arange(100.0),
    "backwards": np.arange(1000.0, 0.0, -10.0),
    "in no order": np.random.default_rng(0).integers(-(10**6), 10**6, 100) * 1.0,
}


@pytest.fixture(autouse=True)
def watchdog():
    faulthandler.dump_traceback_later(300, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


def named(core, name, char):
    return getattr(core, f"_{name}_bfloat16" if char == "H" else name)


def planes_of(core, pairs):
    return core._frequencies("default", pairs, (2 * pairs, 1e4), (), True)


def values(shape, char, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape)
    if char == "H":
        return x.astype(ml_dtypes.bfloat16).view("H")
    return x.astype(char)


def placed(x, steps):
    """x in memory of its own, whose axes go by these steps; a new array if x is none.

    A step of 0 stands for an axis that is broadcast from one element.
    """
    whole = np.zeros([n * max(abs(s), 1) for n, s in zip(x.shape, steps, strict=True)])
    view = whole.astype(x.dtype)[tuple(slice(None, None, s or 1) for s in steps)]
    view[...] = x
    first = tuple(slice(None) if s else slice(1) for s in steps)
    return np.broadcast_to(view[first], x.shape) if 0 in steps else view


@pytest.mark.parametrize("pairs", [1, 48, 64, 128, 600])
@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("order", POSITIONS)
def test_tables_into_rows_of_any_step(core, char, pairs, order):
    at, planes = POSITIONS[order], planes_of(core, pairs)
    table, dtype = named(core, "cos_sin", char), np.dtype(char)
    want = [np.empty((100, pairs), dtype) for _ in range(2)]
    table(at, planes, 1.25, out=tuple(want), dtype=dtype)
    empty = np.zeros((100, pairs), dtype)
    for steps in [(-1, 1), (2, 1), (50, 1), (-9, 1), (1, -1), (-3, 2)]:
        outs = placed(empty, steps), placed(empty, steps)
        table(at, planes, 1.25, out=outs, dtype=dtype)
        for out, result in zip(outs, want, strict=True):
            assert out.tobytes() == result.tobytes()
    # Both tables in one array, one of them from its end.
    both = np.zeros((100, 2 * pairs), dtype)
    outs = both[:, :pairs], both[:, pairs:]
    table(at, planes, 1.25, out=outs, dtype=dtype)
    assert both.tobytes() == np.hstack(want).tobytes()


@pytest.mark.parametrize("char", CHARS)
def test_the_last_row_stays_where_rows_share_memory(core, char):
    at, planes, dtype = np.arange(300.0), planes_of(core, 64), np.dtype(char)
    table = named(core, "cos_sin", char)
    want = table(at[-1:], planes, 1.0, dtype=dtype)
    for step in (0, dtype.itemsize, -dtype.itemsize):
        memory = np.zeros((2, 700), dtype)
        outs = tuple(
            as_strided(m[300:], (300, 64), (step, dtype.itemsize)) for m in memory
        )
        table(at, planes, 1.0, out=outs, dtype=dtype)
        for out, result in zip(outs, want, strict=True):
            assert out[-1].tobytes() == result.tobytes()


STEPS = [(-1, 1, 1), (1, -1, 1), (-1, -1, -1), (3, -2, 1), (-2, 5, 1), (0, 1, 1)]
STEPS += [(1, 0, 1), (0, 0, 1), (1, 1, -2)]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("name", ROPES)
def test_rotations_of_rows_of_any_step(core, name, char, steps):
    planes, at = planes_of(core, 16), np.arange(50.0) - 7
    x, other = values((50, 4, 36), char), values((50, 2, 36), char, 1)
    x, other = placed(x, steps), placed(other, steps)
    rope = named(core, name, char)
    qk = getattr(core, f"_{name}_qk" + "_bfloat16" * (char == "H"))
    want = rope(x.copy(), at, planes, 1.0), rope(other.copy(), at, planes, 1.0)
    assert rope(x, at, planes, 1.0).tobytes() == want[0].tobytes()
    outs = placed(x, [s or 1 for s in steps]), placed(other, [s or 2 for s in steps])
    rope(x, at[::1], planes, 1.0, out=outs[0])
    assert outs[0].tobytes() == want[0].tobytes()
    for pair in ((None, None), outs):
        got = qk(x, other, at, planes, 1.0, out=pair)
        assert [y.tobytes() for y in got] == [y.tobytes() for y in want]
    if 0 not in steps:
        for planes_there in (planes, placed(planes, (-2, 3))):
            y = placed(x, steps)
            rope(y, placed(at, (-3,)), planes_there, 1.0, out=y)
            assert y.tobytes() == want[0].tobytes()


@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("name", ROTATES)
def test_rotations_by_tables_of_any_step(core, name, char):
    rotate = named(core, name, char)
    kind = "d" if char == "d" else "f"
    x = values((40, 70), char)
    cos, sin = values((40, 32), kind, 1), values((40, 32), kind, 2)
    want = rotate(x, cos, sin).tobytes()
    for steps in [(-1, 1), (2, 1), (-3, -1), (1, 2)]:
        out = placed(x, steps)
        rotate(placed(x, steps), placed(cos, steps), placed(sin, (-1, 1)), out=out)
        assert out.tobytes() == want
    row = placed(x, (0, 1))
    assert rotate(row, cos, sin).tobytes() == rotate(row.copy(), cos, sin).tobytes()


@pytest.mark.parametrize("char", CHARS)
@pytest.mark.parametrize("name", ROPES[:2])
@pytest.mark.parametrize("steps", [(-1, 1, 1), (1, -1, 1), (-2, 3, 1)])
def test_streamed_rows_of_any_step(core, name, char, steps):
    d = 256 // np.dtype(char).itemsize
    planes, at = planes_of(core, d // 2 - 3), np.arange(45000.0)
    rope, x = named(core, name, char), values((3, 2, d), char)
    x = np.ascontiguousarray(np.broadcast_to(x[0], (45000, 2, d)))
    want = x.copy()
    rope(want, at, planes, 1.0, out=want)  # in place: nothing is streamed
    out = np.empty_like(x)
    assert rope(x, at, planes, 1.0, out=out).tobytes() == want.tobytes()
    out = placed(np.zeros_like(x), steps)
    rope(x[::-1], at[::-1], planes, 1.0, out=out[::-1])
    assert out.tobytes() == want.tobytes()


@pytest.mark.parametrize("stride", [0, 1, -(2**63), 2**63 - 1])
def test_an_axis_of_one_element_has_any_stride(core, stride):
    planes, at = planes_of(core, 8), np.array([5.0])
    x = values((1, 1, 1, 16), "f")
    odd = as_strided(x, x.shape, (stride, stride, stride, 4))
    want = core.rope(x, at, planes, 1.0).tobytes()
    assert core.rope(odd, at, planes, 1.0).tobytes() == want
    spec = ri.RopeSpec.default(16)
    assert spec.apply(odd, positions=at, seq_axis=1).tobytes() == want
    out = odd.copy()
    out = as_strided(out, out.shape, odd.strides)
    spec.apply(odd, positions=at, seq_axis=1, out=out)
    assert out.tobytes() == want
    tables = [as_strided(np.zeros(8, "f"), (1, 8), (stride, 4)) for _ in range(2)]
    core.cos_sin(at, planes, 1.0, out=tuple(tables))
    for table, want in zip(tables, core.cos_sin(at, planes, 1.0), strict=True):
        assert table.tobytes() == want.tobytes()


# Rows 256 MB apart, in a file that is nothing but holes: to ask for what lies between
# them would take minutes, to ask for the rows takes milliseconds.
FAR = """
import sys, tempfile
sys.path.insert(0, sys.argv[1])
import numpy as np
from conftest import _core_of
from numpy.lib.stride_tricks import as_strided
import ropeinterp as ri
from test_distances import CHARS, ROPES, named, planes_of, values

step, n, pairs, heads = 1 << int(sys.argv[2]), 64, 96, 3
at = np.arange(float(n))
with tempfile.TemporaryFile() as file:
    bytes_ = np.memmap(file, "u1", "w+", shape=(n * heads + 1) * step)
    def rows(shape, char, offset, *signs):
        "An array whose first axes go through the file, forwards or backwards."
        item = np.dtype(char).itemsize
        far = np.lib.stride_tricks.as_strided(
            bytes_[offset:].view(char), shape,
            [step * int(np.prod(shape[i + 1 : -1])) for i in range(len(shape) - 1)]
            + [item])
        return far[tuple(slice(None, None, sign) for sign in signs)]
    for isa in ri._core.isas:
        core = _core_of(isa)
        planes = planes_of(core, pairs)
        for char in CHARS:
            dtype = np.dtype(char)
            table, rope = named(core, "cos_sin", char), named(core, ROPES[0], char)
            tables = [np.empty((n, pairs), char) for _ in range(2)]
            table(at, planes, 1.0, out=tuple(tables), dtype=dtype)
            x = values((n, heads, 2 * pairs), char)
            want = rope(x, at, planes, 1.0)
            for sign in (1, -1):
                for _ in range(10):
                    outs = [rows((n, pairs), char, i * 4096, sign) for i in range(2)]
                    table(at, planes, 1.0, out=tuple(outs), dtype=dtype)
                assert [t.tobytes() for t in outs] == [t.tobytes() for t in tables]
                for head_sign in (1, -1):
                    y, out = (rows(x.shape, char, i * 4096, sign, head_sign)
                              for i in range(2))
                    y[...] = x
                    for _ in range(10):
                        rope(y, at, planes, 1.0, out=out)
                    assert out.tobytes() == want.tobytes()
                    rope(y, at, planes, 1.0, out=y)
                    assert y.tobytes() == want.tobytes()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs sparse files")
@pytest.mark.parametrize("bits", [16, 28])
def test_far_rows_cost_what_near_rows_cost(bits):
    tests = str(__file__).rsplit("/", 1)[0]
    command = [sys.executable, "-c", FAR, tests, str(bits)]
    subprocess.run(command, check=True, timeout=100)
