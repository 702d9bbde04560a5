"""Hostile arrays and positions, row by row: A memory, B types, C values, D positions,
E calls. Refused means before a single element is written."""

import copy
import ctypes
import gc
import os
import pickle
import platform
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from conftest import REPOSITORY

import ropeinterp as ri
from ropeinterp import RopeSpec, ufuncs

SPEC = RopeSpec.default(8, head_dim=10)
LAYOUTS = ("half", "interleaved", "interleaved_to_half", "half_reversed")
DTYPES = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16]
P = np.array([7, 0, -3, 10**6, 2])


def fresh(dtype=np.float32, shape=(2, 3, 5, 10)):
    return np.random.default_rng(51).standard_normal(shape).astype(dtype)


def layout_spec(layout, **more):
    return RopeSpec.default(8, layout=layout, **({"head_dim": 10} | more))


def refused(error, match, call, out=None):
    """The call raises, and `out` keeps every bit."""
    before = None if out is None else out.tobytes()
    with pytest.raises(error, match=match or None):
        call()
    assert out is None or out.tobytes() == before


def run_python(code, **how):
    """Another interpreter runs `code` with the same package; its standard output."""
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)} | how.pop("env", {})
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **how,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


# ---- A: memory layout ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a1_in_place(layout, dtype):
    for offset in (0, 2):
        spec, x = layout_spec(layout, rotary_offset=offset), fresh(dtype)
        want = spec.apply(x, P)
        assert spec.apply(x, P, out=x) is x
        assert x.tobytes() == want.tobytes()


OVERLAPS = {
    "shifted by one row": lambda b: (b[..., :5, :], b[..., 1:6, :]),
    "shifted back": lambda b: (b[..., 1:6, :], b[..., :5, :]),
    "shifted by one channel": lambda b: (b[..., :5, :10], b[..., :5, 1:11]),
    "reversed rows": lambda b: (b[..., :5, :10], b[..., 4::-1, :10]),
    "reversed channels": lambda b: (b[..., :5, :10], b[..., :5, 9::-1]),
    "transposed": lambda b: (
        b[:2, :2, :5, :10],
        b[:2, :2, :5, :10].swapaxes(0, 1),
    ),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a2_partial_overlap(layout, overlap):
    buffer, spec = fresh(shape=(2, 3, 6, 11)), layout_spec(layout)
    x, out = OVERLAPS[overlap](buffer)
    if x.shape[-1] == 11:
        x, out = x[..., :10], out[..., :10]
    want = spec.apply(x.copy(), P)
    assert spec.apply(x, P, out=out) is out
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("overlap", ["shifted by one row", "reversed channels"])
@pytest.mark.parametrize("name", ["rope", "rope_interleaved", "rotate_half"])
def test_a2_partial_overlap_of_ufuncs(name, overlap):
    buffer = fresh(shape=(2, 3, 6, 11))
    x, out = (v[..., :10] for v in OVERLAPS[overlap](buffer))
    operands = (
        SPEC.cos_sin(P) if name == "rotate_half" else (4, SPEC.turn_planes(), 1.0)
    )
    want = getattr(ufuncs, name)(x.copy(), *operands)
    getattr(ufuncs, name)(x, *operands, out=out)
    np.testing.assert_array_equal(out, want)


def test_a3_out_overlaps_positions_and_tables():
    buffer = fresh(np.float64, (5, 10))
    buffer[:, 0] = P
    x = fresh(np.float64, (5, 10))
    want = SPEC.apply(x, P)
    SPEC.apply(x, buffer[:, 0], out=buffer)
    np.testing.assert_array_equal(buffer, want)

    tables = np.concatenate(SPEC.cos_sin(P, dtype=np.float64), axis=-1)
    cos, sin = tables[:, :4], tables[:, 4:]
    want = ufuncs.rotate_half(x[:, :8], cos.copy(), sin.copy())
    ufuncs.rotate_half(x[:, :8], cos, sin, out=tables)
    np.testing.assert_array_equal(tables, want)

    planes = np.array(SPEC.turn_planes())
    want = ufuncs.rope(x[:, None, :4], 3.0, planes[:, :2].copy(), 1.0)
    ufuncs.rope(x[:, None, :4], 3.0, planes[:, :2], 1.0, out=planes[:5, None, :])
    np.testing.assert_array_equal(planes[:5, None, :], want)


def test_a4_out_read_only(tmp_path):
    x = fresh()
    frozen = np.zeros_like(x)
    frozen.flags.writeable = False
    broadcast = np.broadcast_to(np.float32(0), x.shape)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for out in (frozen, broadcast, mapped):
        refused(ValueError, "read-only", lambda out=out: SPEC.apply(x, P, out=out), out)
        call = lambda out=out: ufuncs.rope(x, 1, SPEC.turn_planes(), 1, out=out)  # noqa: E731
        refused(ValueError, "read-only", call, out)


def test_a5_out_overlaps_itself():
    x = fresh()
    base = np.zeros(10 * 5 * 3 * 2, np.float32)
    for strides in ((0, 200, 40, 4), (600, 200, 36, 4), (600, 200, 40, 0)):
        out = np.lib.stride_tricks.as_strided(base, x.shape, strides)
        refused(
            ValueError,
            "overlaps itself",
            lambda out=out: SPEC.apply(x, P, out=out),
            base,
        )
    view = np.zeros((3, 5, 2, 20), np.float32).transpose(2, 0, 1, 3)[::-1, ..., ::-2]
    np.testing.assert_array_equal(SPEC.apply(x, P, out=view), SPEC.apply(x, P))


def misaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def every_second(a):
    big = np.zeros([2 * n for n in a.shape], a.dtype)
    view = big[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


STORAGE = {
    "negative": lambda a: np.flip(np.flip(a).copy()),
    "transposed": np.asfortranarray,
    "every second": every_second,
    "channels outside": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGE)
def test_a6_strides(storage, layout, dtype):
    spec, x, stored = layout_spec(layout), fresh(dtype), STORAGE[storage]
    want = spec.apply(x, P).tobytes()
    odd = stored(x)
    assert odd.strides != x.strides
    assert spec.apply(odd, stored(P)).tobytes() == want
    out = stored(np.zeros_like(x))
    spec.apply(odd, P, out=out)
    assert out.tobytes() == want
    spec.apply(odd, P, out=odd)
    assert odd.tobytes() == want


def test_a6_strides_of_zero():
    row = fresh(shape=(10,))
    x = np.broadcast_to(row, (4, 5, 10))
    np.testing.assert_array_equal(SPEC.apply(x, P), SPEC.apply(x.copy(), P))
    p = np.broadcast_to(np.int64(9), (5,))
    np.testing.assert_array_equal(SPEC.apply(x, p), SPEC.apply(x, p.copy()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a7_misaligned(layout, dtype):
    spec, x = layout_spec(layout), fresh(dtype)
    want = spec.apply(x, P).tobytes()
    assert spec.apply(misaligned(x), misaligned(P)).tobytes() == want
    out = misaligned(np.zeros_like(x))
    spec.apply(x, misaligned(P.astype(np.float64)), out=out)
    assert out.tobytes() == want
    spec.apply(out, P, out=out)
    assert out.tobytes() == spec.apply(spec.apply(x, P), P).tobytes()


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", "<f4"])
def test_a8_byte_swapped(dtype):
    x, native = fresh(dtype), fresh(np.dtype(dtype).newbyteorder("="))
    want = SPEC.apply(native, P)
    for p in (P.astype(">i8"), P.astype(">i4"), P.astype(">f8")):
        got = SPEC.apply(x, p)
        assert got.dtype.isnative
        assert got.tobytes() == want.tobytes()
        for a, b in zip(SPEC.cos_sin(p), SPEC.cos_sin(P), strict=True):
            assert a.tobytes() == b.tobytes()
    for out in (np.zeros_like(x), np.zeros_like(native)):
        assert SPEC.apply(x, P, out=out) is out
        np.testing.assert_array_equal(out, want)
    SPEC.apply(x, P, out=x)
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a9_axes_of_length_zero(axis):
    shape = [2, 3, 5, 10]
    shape[axis] = 0
    x = np.zeros(shape, np.float32)
    for p in (None, 3, np.arange(shape[2])):
        assert SPEC.apply(x, p).shape == tuple(shape)
    assert SPEC.apply(x, out=x) is x
    assert SPEC.shift(x, 1).shape == SPEC.retarget(x, 1, SPEC).shape == tuple(shape)
    assert SPEC.cos_sin(np.zeros((0, 3)))[0].shape == (0, 3, 4)
    assert SPEC.cos_sin([])[0].shape == (0, 4)


def test_a10_no_sequence_axis():
    refused(ValueError, "no axes", lambda: SPEC.apply(np.float32(1.0), 0))
    row = fresh(shape=(10,))
    refused(ValueError, "seq_axis -2: x has 1 axes", lambda: SPEC.apply(row, [1]))
    refused(ValueError, "seq_axis -2: x has 1 axes", lambda: SPEC.apply(row))
    for axis in (-5, -1, 3, 7):
        refused(
            ValueError,
            f"seq_axis {axis}: x has 4 axes",
            lambda axis=axis: SPEC.apply(fresh(), P, seq_axis=axis),
        )
    assert SPEC.apply(row, 3).shape == (10,)


def test_a11_too_few_channels():
    for n in (0, 1, 7):
        x = np.ones((5, n), np.float32)
        refused(
            ValueError,
            rf"x has {n} channels .* rotary_dim 8 need 8",
            lambda x=x: SPEC.apply(x, P, out=x),
            x,
        )
    spec = RopeSpec.default(8, rotary_offset=3)
    x = np.ones((5, 10), np.float32)
    refused(
        ValueError,
        r"x has 10 channels .* rotary_offset 3 \+ rotary_dim 8 need 11",
        lambda: spec.apply(x, P, out=x),
        x,
    )
    odd = np.ones((5, 9), np.float32)
    for layout in ("interleaved", "interleaved_to_half"):
        spec = RopeSpec.default(8, layout=layout)
        refused(
            ValueError,
            r"x has 9 channels .* odd .* rotary_dim is 8",
            lambda spec=spec: spec.apply(odd, P, out=odd),
            odd,
        )


@pytest.mark.parametrize("name", ["rotate_half", "rope", "rope_interleaved_to_half"])
def test_a12_gufunc_with_more_pairs_than_channels(name):
    x = np.ones((2, 7), np.float32)
    table = np.ones((2, 4), np.float32)
    operands = (table, table) if name.startswith("rotate") else (1, np.ones((7, 4)), 1)
    refused(
        ValueError,
        "7 channels.*8",
        lambda: getattr(ufuncs, name)(x, *operands, out=x),
        x,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a13_the_rest_is_copied_bit_for_bit(layout, dtype):
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    bits = np.random.default_rng(52).integers(
        0, np.iinfo(unsigned).max, (5, 14), unsigned, endpoint=True
    )
    bits[:, 0] = bits[:, 13] = np.iinfo(unsigned).max  # a NaN with a payload
    x = bits.view(dtype)
    for offset in (0, 2, 6):
        spec = RopeSpec.default(8, layout=layout, rotary_offset=offset, head_dim=14)
        out = np.zeros_like(x)
        for y in (spec.apply(x, P), spec.apply(x, P, out=out), out):
            y = y.view(unsigned)
            np.testing.assert_array_equal(y[:, :offset], bits[:, :offset])
            np.testing.assert_array_equal(y[:, offset + 8 :], bits[:, offset + 8 :])


@pytest.mark.parametrize("shape", [(2**31, 2**20), (2**40, 1), (2**54, 1)])
def test_a14_giant_views(shape):
    x = np.broadcast_to(np.float32(1), (*shape, 8))
    spec = RopeSpec.default(8)
    with pytest.raises((MemoryError, ValueError)):
        spec.apply(x, 3)
    with pytest.raises((MemoryError, ValueError)):
        spec.apply(x)
    with pytest.raises((MemoryError, ValueError)):
        ufuncs.rope(x, 3, spec.turn_planes(), 1.0)
    with pytest.raises((MemoryError, ValueError)):
        spec.cos_sin(np.broadcast_to(np.int64(1), shape))


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_a15_memory_not_available():
    assert run_python(
        """
        import resource
        import numpy as np
        from ropeinterp import RopeSpec
        spec = RopeSpec.default(64)
        x = np.ones((1 << 20, 64), np.float32)
        p = np.arange(1 << 20)
        with open("/proc/self/statm") as file:
            limit = int(file.read().split()[0]) * 4096 + (100 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for call in (lambda: spec.apply(x, p), lambda: spec.cos_sin(p, dtype="f8"),
                     lambda: spec.apply(x[1:], p[1:], out=x[:-1]) ):
            try:
                call()
            except MemoryError:
                print("refused")
        print(x.min() == x.max() == 1)
        spec.apply(x[:9], p[:9])
        """
    ) == ["refused"] * 3 + ["True"]


def test_a16_out_of_another_shape_or_dtype():
    x = fresh()
    for shape in ((2, 3, 5, 8), (3, 5, 10), (1, 2, 3, 5, 10), (2, 3, 1, 10)):
        out = np.zeros(shape, np.float32)
        refused(
            ValueError, "out has shape", lambda out=out: SPEC.apply(x, P, out=out), out
        )
    for dtype in (np.float64, np.float16, np.int32, object, ml_dtypes.bfloat16):
        out = np.zeros(x.shape, dtype)
        refused(
            TypeError, "out is .* but x is", lambda out=out: SPEC.apply(x, P, out=out)
        )
        assert not out.any()
    for out in (x.tolist(), (x,), "x", np.ma.masked_array(x)):
        refused(TypeError, "out must be", lambda out=out: SPEC.apply(x, P, out=out))


# ---- B: dtypes and objects -----------------------------------------------------------


class Spy:
    """Every way to turn it into a number is a fault."""

    def __float__(self):
        raise AssertionError("__float__ was called")

    __int__ = __index__ = cos = sin = __float__


@pytest.mark.parametrize(
    "make",
    [
        lambda shape: np.full(shape, Spy(), object),
        lambda shape: np.full(shape, None, object),
        lambda shape: np.full(shape, "1"),
        lambda shape: np.full(shape, b"1"),
        lambda shape: np.zeros(shape, "M8[s]"),
        lambda shape: np.zeros(shape, "m8[s]"),
        lambda shape: np.zeros(shape, [("a", "f4")]),
        lambda shape: np.zeros(shape, "V4"),
    ],
    ids=["spy", "none", "str", "bytes", "date", "time", "struct", "void"],
)
def test_b1_objects_and_other_kinds(make):
    x, p = make((5, 10)), make((5,))
    name = str(x.dtype)[:6].replace("[", r"\[").replace("(", r"\(")
    refused(TypeError, name, lambda: SPEC.apply(x, P))
    refused(TypeError, name, lambda: SPEC.cos_sin(p))
    refused(TypeError, name, lambda: SPEC.apply(fresh(), p))
    if x.dtype.kind != "V" or x.dtype.names is None:
        refused(TypeError, "", lambda: SPEC.cos_sin(p.tolist()))


def test_b1_lists_of_objects():
    refused(TypeError, "object", lambda: SPEC.cos_sin([Spy()]))
    refused(TypeError, "object", lambda: SPEC.cos_sin([Fraction(1, 2)]))
    refused(TypeError, "object", lambda: SPEC.cos_sin(Spy()))
    refused(TypeError, "object", lambda: SPEC.cos_sin([None, 1]))
    refused(TypeError, "object", lambda: SPEC.cos_sin({1, 2}))


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_b2_complex(dtype):
    refused(TypeError, "complex", lambda: SPEC.apply(fresh().astype(dtype), P))
    refused(TypeError, "complex", lambda: SPEC.cos_sin(P.astype(dtype)))
    refused(TypeError, "complex", lambda: SPEC.cos_sin([1j]))
    refused(TypeError, "complex", lambda: SPEC.cos_sin(1 + 0j))


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "u8"])
def test_b3_bool_and_integer_x(dtype):
    x = np.ones((5, 10), dtype)
    refused(TypeError, "convert it to a float type", lambda: SPEC.apply(x, P, out=x), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_b4_the_same_dtype_comes_back(dtype):
    x = fresh(dtype)
    assert SPEC.apply(x, P).dtype == x.dtype
    assert SPEC.shift(x, 1).dtype == x.dtype
    assert SPEC.retarget(x, P, RopeSpec.linear(8, factor=2.0)).dtype == x.dtype


def test_b5_float_types_that_no_kernel_has():
    names = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float4_e2m1fn")
    for dtype in (np.longdouble, *(getattr(ml_dtypes, n) for n in names)):
        if np.dtype(dtype) == np.float64:
            continue  # longdouble of some platforms
        x = np.ones((5, 10)).astype(dtype)
        refused(TypeError, "x is", lambda x=x: SPEC.apply(x, P))
        refused(TypeError, "positions must be", lambda x=x: SPEC.cos_sin(x[0]))
        refused(TypeError, "dtype", lambda d=dtype: SPEC.cos_sin(P, dtype=d))


def test_b6_masked_arrays():
    x = np.ma.masked_array(fresh(), mask=False)
    refused(TypeError, "x is a masked array", lambda: SPEC.apply(x, P))
    p = np.ma.masked_array(P, mask=[0, 1, 0, 0, 0])
    refused(TypeError, "positions is a masked array", lambda: SPEC.cos_sin(p))
    refused(TypeError, "positions is a masked array", lambda: SPEC.apply(fresh(), p))


def test_b7_subclasses_give_base_class_results():
    class Mine(np.ndarray):
        pass

    for x in (fresh(shape=(5, 10)).view(Mine), fresh(shape=(5, 10)).view(np.matrix)):
        got = SPEC.apply(x, P)
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, SPEC.apply(np.asarray(x), P))
    assert type(SPEC.cos_sin(P.view(Mine))[0]) is np.ndarray


def test_b8_arrays_that_misbehave():
    class Raises:
        def __array__(self, dtype=None, copy=None):
            raise KeyError("mine")

    class Itself:
        def __array__(self, dtype=None, copy=None):
            return self

    class Grows:
        n = 3

        def __array__(self, dtype=None, copy=None):
            Grows.n += 1
            return np.ones((Grows.n, 10), np.float32)

    for call in (lambda x: SPEC.apply(x, 3), SPEC.cos_sin):
        refused(KeyError, "mine", lambda call=call: call(Raises()))
        refused((TypeError, ValueError), "", lambda call=call: call(Itself()))
    assert SPEC.apply(Grows(), 3).shape[1] == 10  # asked once


def test_b9_array_interfaces_that_lie():
    class Lies:
        def __init__(self, **interface):
            self.__array_interface__ = {
                "shape": (5, 10), "typestr": "<f4", "version": 3,
            } | interface  # fmt: skip

    short = bytes(8)
    for lie in (
        Lies(data=short),
        Lies(data=short, shape=(10**9, 10)),
        Lies(data=short, shape=(-1, 10)),
        Lies(data=short, shape="ab"),
        Lies(data=short, typestr="<f3"),
        Lies(data=short, strides=(4000, 4)),
        Lies(data=(None, False)),
        Lies(data=3.5),
    ):
        with pytest.raises((TypeError, ValueError)):
            SPEC.apply(lie, 3)

    class ForeignDevice:
        def __dlpack__(self, **_):
            raise BufferError("on another device")

        def __dlpack_device__(self):
            return (2, 0)

    refused(TypeError, "object", lambda: SPEC.apply(ForeignDevice(), 3))

    class Struct:
        __array_struct__ = None

    refused(TypeError, "describes memory", lambda: SPEC.cos_sin(Struct()))


# ---- C: values -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_c1_nan_and_infinity(layout, dtype):
    spec, partner = layout_spec(layout), {"half": 5, "half_reversed": 5}.get(layout, 0)
    for bad in (np.nan, np.inf, -np.inf):
        x = fresh(dtype, (5, 10))
        x[2, 1] = bad
        clean = spec.apply(fresh(dtype, (5, 10)), P)
        with np.errstate(all="raise"):
            got = spec.apply(x, P)
        touched = ~np.isfinite(got.astype(np.float64))
        first = 0 if layout.startswith("interleaved") else 1
        second = {"half": 5, "half_reversed": 5, "interleaved_to_half": 4}.get(
            layout, 1
        )
        assert np.argwhere(touched).tolist() == [[2, first], [2, second]], partner
        assert got[~touched].tobytes() == clean[~touched].tobytes()


def test_c2_subnormal_x():
    x = np.full((1, 8), 1e-42, np.float32)
    got = RopeSpec.default(8).apply(x, [1])
    assert (got[0, 1:4] != 0).all()


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux",
    reason="MXCSR through glibc's fenv_t",
)
def test_c2_tables_do_not_depend_on_flush_to_zero():
    positions = np.arange(-2000, 2000) * 1048583
    dtypes = (np.float64, np.float32, np.float16, "bfloat16")
    specs = [RopeSpec.default(128, 5e5), RopeSpec.linear(64, 1e30, factor=3.7)]
    # Tables hold no float32 subnormals here; frequencies of specs made in that mode
    # must be the same too.
    want = [s.cos_sin(positions, dtype=d) for s in specs for d in dtypes]
    libm = ctypes.CDLL("libm.so.6")
    saved = (ctypes.c_uint32 * 8)()
    assert libm.fegetenv(saved) == 0
    changed = (ctypes.c_uint32 * 8)(*saved)
    changed[7] |= 0x8040  # FTZ and DAZ
    assert libm.fesetenv(changed) == 0
    try:
        flushed = np.float32(1e-42) * np.float32(1.0) == 0
        again = [RopeSpec.default(128, 5e5), RopeSpec.linear(64, 1e30, factor=3.7)]
        got = [s.cos_sin(positions, dtype=d) for s in again for d in dtypes]
        same_planes = all(
            a.turn_planes().tobytes() == b.turn_planes().tobytes()
            for a, b in zip(specs, again, strict=True)
        )
        now = (ctypes.c_uint32 * 8)()
        libm.fegetenv(now)
    finally:
        libm.fesetenv(saved)
    assert flushed
    assert same_planes
    assert now[7] & 0x8040 == 0x8040  # left as found
    for a, b in zip(got, want, strict=True):
        assert a[0].tobytes() == b[0].tobytes()
        assert a[1].tobytes() == b[1].tobytes()


def test_c3_tables_that_are_no_cosines():
    rng = np.random.default_rng(53)
    x = fresh(np.float64, (5, 8))
    c, s = rng.uniform(0, 9, (2, 5, 4))
    got = ufuncs.rotate_half(x, c, s)
    want = np.concatenate(
        [x[:, :4] * c - x[:, 4:] * s, x[:, 4:] * c + x[:, :4] * s], axis=-1
    )
    np.testing.assert_array_equal(got, want)


# ---- D: positions --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_d1_integer_types(dtype):
    info = np.iinfo(dtype)
    p = [0, 1, 100, min(info.max, 2**53), max(info.min, -(2**53))]
    want = SPEC.cos_sin(np.array(p, np.float64))
    for given in (np.array(p, dtype), np.array(p, dtype).astype(f">{dtype}")):
        for a, b in zip(SPEC.cos_sin(given), want, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "value", [2**53 + 1, -(2**53) - 1, 2**62, 2**63, 2**64 - 1, -(2**63), 2**63 - 1]
)
def test_d2_integers_beyond_2_53(value):
    kinds = [k for k in ("i8", "u8") if np.iinfo(k).min <= value <= np.iinfo(k).max]
    x = fresh()
    for kind in kinds:
        for p in (np.array(value, kind), np.array([1, 2, 3, 4, value], kind)):
            refused(ValueError, r"at most 2\*\*53", lambda p=p: SPEC.cos_sin(p))
            refused(
                ValueError, r"at most 2\*\*53", lambda p=p: SPEC.apply(x, p, out=x), x
            )
    refused(ValueError, r"at most 2\*\*53", lambda: SPEC.cos_sin(value))
    refused(ValueError, r"at most 2\*\*53", lambda: SPEC.shift(x, value, out=x), x)


def test_d3_python_integers():
    want = SPEC.cos_sin(np.arange(5))
    for p in ([0, 1, 2, 3, 4], (0, 1, 2, 3, 4), range(5)):
        np.testing.assert_array_equal(SPEC.cos_sin(p), want)
    np.testing.assert_array_equal(SPEC.cos_sin(4), np.array(want)[:, 4])
    for huge in (10**30, -(10**30), 10**400):
        for p in (huge, [huge], [1, huge], [[1], [huge]], (huge, 2)):
            refused(ValueError, r"2\*\*53", lambda p=p: SPEC.cos_sin(p))
    refused(ValueError, r"2\*\*53", lambda: SPEC.cos_sin(range(2**53, 2**53 + 2)))
    refused(ValueError, "", lambda: SPEC.cos_sin([[1, 2], [3]]))


def test_d4_float64_positions_are_exact():
    p = np.array([0.5, -0.25, 1e-30, 3.0, 2.0**53, -(2.0**53), 1234567.890625])
    cos, sin = SPEC.cos_sin(p, dtype=np.float64)
    integers = SPEC.cos_sin(p.astype(np.int64)[3:6], dtype=np.float64)
    np.testing.assert_array_equal(cos[3:6], integers[0])
    np.testing.assert_array_equal(sin[3:6], integers[1])
    np.testing.assert_allclose(cos[0, 0], np.cos(0.5), rtol=3e-16)
    assert sin[2, 0] == 1e-30
    np.testing.assert_array_equal(SPEC.cos_sin(0.5)[0], SPEC.cos_sin(p)[0][0])
    np.testing.assert_array_equal(SPEC.cos_sin([0.5, 3])[0], SPEC.cos_sin(p)[0][[0, 3]])


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, 2.0**53 + 2, -1e300, 1.7976931348623157e308]
)
def test_d5_floats_that_are_no_positions(value):
    x = fresh()
    for p in (value, [value], np.array([0.0, 1, 2, 3, value])):
        refused(ValueError, "must be finite and at most", lambda p=p: SPEC.cos_sin(p))
    p = np.array([0.0, 1, 2, 3, value])
    refused(
        ValueError, "must be finite and at most", lambda: SPEC.apply(x, p, out=x), x
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "bfloat16", "g"])
def test_d6_narrow_float_positions(dtype):
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    if dtype == np.float64:
        pytest.skip("longdouble is float64 here")
    p = np.arange(5).astype(dtype)
    refused(TypeError, "positions must be integers or float64", lambda: SPEC.cos_sin(p))
    x = fresh()
    refused(TypeError, "positions must be", lambda: SPEC.apply(x, p, out=x), x)
    if dtype.itemsize < 8:
        refused(TypeError, "positions must be", lambda: SPEC.cos_sin(p[0]))


def test_d7_neighbours_of_2_24_differ():
    cos, sin = SPEC.cos_sin([2**24, 2**24 + 1])
    assert (cos[0] != cos[1]).any()
    assert (sin[0] != sin[1]).all()


def test_d8_bool_positions():
    x = fresh()
    for p in (True, np.True_, [True, False], np.ones(5, bool)):
        refused(TypeError, "positions must be", lambda p=p: SPEC.cos_sin(p))
        refused(TypeError, "positions must be", lambda p=p: SPEC.apply(x, p, out=x), x)


@pytest.mark.parametrize(
    "shape",
    [
        (4,),
        (6,),
        (1,),
        (0,),
        (3, 5),
        (2, 4),
        (5, 2),
        (2, 2, 5),
        (2, 3, 4),
        (1, 2, 3, 5),
    ],
)
def test_d9_positions_that_do_not_fit(shape):
    x = fresh()
    p = np.zeros(shape, int)
    message = r"positions of shape .* do not fit x of leading shape \(2, 3, 5\)"
    refused(ValueError, message, lambda: SPEC.apply(x, p, out=x), x)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_d10_wrong_number_of_axes(n):
    spec = RopeSpec.default(8, head_dim=10, axis_map=(0, 1, 2, 0))
    x, p = fresh(), np.zeros((n, 5), int)
    refused(ValueError, "the 3 position axes", lambda: spec.cos_sin(p))
    refused(ValueError, "the 3 position axes", lambda: spec.apply(x, p, out=x), x)
    refused(ValueError, "the 3 position axes", lambda: spec.shift(x, p, out=x), x)


def test_d11_no_table_is_looked_up_and_negative_positions_never_wrap():
    cos, sin = SPEC.cos_sin([-1, 1, 10**9])
    np.testing.assert_array_equal(cos[0], cos[1])
    np.testing.assert_array_equal(sin[0], -sin[1])


def test_d12_tables_of_another_width():
    x = fresh(shape=(5, 8))
    for widths in ((4, 3), (5, 5), (3, 4)):
        c, s = (np.ones((5, w), np.float32) for w in widths)
        refused(ValueError, "", lambda c=c, s=s: ufuncs.rotate_half(x, c, s, out=x), x)


@pytest.mark.parametrize("value", [0, -1, np.nan, 4096.0, True, 10**30, "8", [8]])
def test_d13_sequence_lengths(value):
    spec = RopeSpec.dynamic(8, factor=2.0, trained_length=4096, head_dim=10)
    x = fresh()
    error = ValueError if value in (0, -1, 10**30) else TypeError
    refused(error, "seq_len", lambda: spec.apply(x, P, seq_len=value, out=x), x)
    refused(error, "seq_len", lambda: spec.cos_sin(P, seq_len=value))


# ---- E: calls ------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("call", ["apply", "retarget", "cos_sin"])
def test_e1_ctrl_c(call):
    """The rest of the work is left: the call did not run to its end first."""
    assert run_python(
        f"""
        import os, signal, threading
        import numpy as np
        from ropeinterp.arrays import rotate
        from ropeinterp import RopeSpec
        spec = RopeSpec.default(128)
        p = np.arange(1 << 20) + 0.5
        x = np.zeros((1 << 20, 128), np.float16)
        out = np.full_like(x, 7)
        calls = {{
            "apply": lambda: spec.apply(x, p, out=out),
            "retarget": lambda: spec.retarget(x, p, spec, out=out),
            "cos_sin": lambda: spec.cos_sin(p, dtype=np.float64),
        }}
        rotate._BYTES_PER_CALL = 2**20
        # A shell's background jobs ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            for _ in range(1000):
                out[-1] = 7
                calls[{call!r}]()
        except KeyboardInterrupt:
            print("interrupted")
            if {call!r} != "cos_sin":
                print(bool((out[-1] == 7).all()))
        """,
        env={"ROPEINTERP_ISA": "baseline"},
    ) == ["interrupted"] + ["True"] * (call != "cos_sin")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_e2_fork_after_a_threaded_call():
    assert run_python(
        """
        import os, warnings
        import numpy as np
        from ropeinterp.arrays import rotate
        from ropeinterp import RopeSpec
        rotate._BYTES_PER_CALL = 4096
        spec = RopeSpec.default(64)
        x = np.ones((64, 256, 64), np.float32)
        want = spec.apply(x, threads=4)
        warnings.simplefilter("ignore")
        child = os.fork()
        if child == 0:
            same = np.array_equal(spec.apply(x, threads=4), want)
            os._exit(0 if same and np.array_equal(spec.apply(x), want) else 1)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))
        """
    ) == ["0"]


def test_e3_eight_threads_one_spec():
    spec = RopeSpec.default(64, 5e5)
    x = np.random.default_rng(54).standard_normal((8, 400, 64)).astype(np.float32)
    want = spec.apply(x, np.arange(400))
    out, start = np.zeros_like(x), threading.Barrier(8)

    def work(i):
        start.wait()
        for _ in range(20):
            spec.apply(x[i], np.arange(400), out=out[i])
            fresh_spec = RopeSpec.default(64, 5e5)
            assert fresh_spec == spec

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    np.testing.assert_array_equal(out, want)


@pytest.mark.skipif(os.name != "posix", reason="raises a signal")
def test_e4_from_odd_places():
    assert run_python(
        """
        import atexit, signal
        import numpy as np
        from ropeinterp import RopeSpec
        spec, x = RopeSpec.default(8), np.ones((3, 8), np.float32)
        class Dies:
            def __del__(self):
                print(spec.apply(x).shape[0])
        Dies()
        signal.signal(signal.SIGUSR1, lambda *_: print(len(spec.cos_sin([1, 2])[0])))
        signal.raise_signal(signal.SIGUSR1)
        atexit.register(lambda: print(spec.apply(x).shape[1]))
        last = Dies()
        """
    )[:3] == ["3", "2", "8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_e5_no_spurious_floating_point_errors(dtype):
    with np.errstate(all="raise"):
        for spec in (SPEC, RopeSpec.linear(8, 1e30, factor=1e30, head_dim=10)):
            spec.cos_sin(np.arange(-9, 9) * 12345.678, dtype=dtype)
            spec.inv_freq(), spec.periods()
            x = fresh(dtype)
            spec.apply(x, P)
            spec.shift(x, 1)
            spec.retarget(x, P, spec)
            spec.apply(x * np.asarray(0, dtype), P)


def test_e6_specs_are_values_and_results_alias_nothing():
    spec = RopeSpec.yarn(64, factor=4.0, trained_length=4096)
    for other in (
        pickle.loads(pickle.dumps(spec)), copy.copy(spec), copy.deepcopy(spec),
    ):  # fmt: skip
        assert other == spec
        assert hash(other) == hash(spec)
    p = np.arange(5)
    tables = [t.copy() for t in spec.cos_sin(p)]
    kept = spec.cos_sin(p)
    p[:] = 99
    np.testing.assert_array_equal(kept, tables)
    x = fresh(shape=(5, 64))
    y = spec.apply(x, 0)
    assert not np.shares_memory(x, y)
    assert not np.shares_memory(spec.inv_freq(), spec.inv_freq())


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="counts references")
def test_no_reference_is_kept_even_by_calls_that_fail():
    x, spec = fresh(), RopeSpec.default(8, head_dim=10)
    table = spec.cos_sin(P)[0]
    short = x[..., :7]

    def calls():
        spec.apply(x, P)
        ufuncs.rotate_half(x, table, table)
        ufuncs.inv_freq_default(np.arange(4.0), 8, 1e4)
        for bad in (
            lambda: ufuncs.rotate_half(short, table, table),
            lambda: ufuncs.rope(x, 1, table, 1.0),
            lambda: spec.apply(x, P, out=short),
        ):
            with pytest.raises(ValueError, match=r"channels|rows|shape"):
                bad()

    calls()
    gc.collect()
    before = [sys.getrefcount(v) for v in (x, table, short, P, spec)]
    for _ in range(200):
        calls()
    gc.collect()
    assert [sys.getrefcount(v) for v in (x, table, short, P, spec)] == before


def test_isa_that_this_machine_cannot_run_is_refused():
    code = "import ropeinterp"
    env = os.environ | {"ROPEINTERP_ISA": "z80", "PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert "ROPEINTERP_ISA is z80" in result.stderr
    for isa in ri._core.isas:
        named = run_python(
            "import ropeinterp._core as c; print(c.isa)", env={"ROPEINTERP_ISA": isa}
        )
        assert named == [isa]
