"""apply_qk: the bits of two calls, phases shared where that is possible."""

from itertools import pairwise

import ml_dtypes
import numpy as np
import oracle
import pytest

import ropeinterp as ri
from ropeinterp import RopeSpec

RNG = np.random.default_rng(61)
KINDS = ["float16", ml_dtypes.bfloat16, "float32", "float64"]


def random(shape, kind="float32"):
    return RNG.standard_normal(shape).astype(kind)


def check(spec, q, k, p, **how):
    """The bits of two calls; in fresh arrays, in given ones and in place."""
    want = spec.apply(q, p, **how), spec.apply(k, p, **how)
    outs = np.zeros_like(q), np.zeros_like(k)
    mine = q.copy(), k.copy()
    results = (
        spec.apply_qk(q, k, p, **how),
        spec.apply_qk(q, k, p, out=outs, **how),
        spec.apply_qk(*mine, p, out=mine, **how),
    )
    assert results[1][0] is outs[0]
    assert results[2][1] is mine[1]
    for result in results:
        for got, right in zip(result, want, strict=True):
            assert got.dtype == right.dtype
            np.testing.assert_array_equal(oracle.as_bits(got), oracle.as_bits(right))


@pytest.mark.parametrize("layout", ri.layouts.LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_layouts_and_types(layout, kind):
    spec = RopeSpec.default(16, layout=layout, head_dim=20, rotary_offset=2)
    q, k = random((2, 6, 5, 20), kind), random((2, 3, 5, 20), kind)
    check(spec, q, k, np.arange(100, 105))
    check(spec, q, k, np.arange(10).reshape(2, 5), inverse=True)
    check(spec, q, k, [0.5, 2**40, -3, 2**31, 7])
    check(spec, q, k, None, precision="hf32")


@pytest.mark.parametrize(
    ("q_shape", "k_shape", "seq_axis"),
    [
        ((2, 5, 6, 16), (2, 5, 3, 16), 1),
        ((5, 6, 16), (5, 3, 16), 0),
        ((2, 5, 16), (2, 5, 16), -2),
        ((2, 6, 5, 16), (2, 5, 16), -2),
        ((2, 6, 5, 16), (3, 1, 5, 16), -2),
        ((2, 6, 5, 16), (2, 6, 5, 18), -2),
        ((2, 0, 5, 16), (2, 3, 5, 16), -2),
        ((2, 6, 1, 16), (2, 3, 1, 16), -2),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [700, 2**26])
def test_shapes(monkeypatch, q_shape, k_shape, seq_axis, threads, size):
    monkeypatch.setattr("ropeinterp.arrays.rotate._BYTES_PER_CALL", size)
    spec = RopeSpec.default(16)
    q, k = random(q_shape), random(k_shape)
    p = np.arange(50, 50 + q.shape[seq_axis])
    check(spec, q, k, p, seq_axis=seq_axis, threads=threads)


def test_one_pass_where_heads_alone_differ(monkeypatch):
    names, call = [], ri.arrays.rotate._call

    def recorded(name, *rest, **how):
        names.append(name)
        call(name, *rest, **how)

    monkeypatch.setattr("ropeinterp.arrays.rotate._call", recorded)
    spec = RopeSpec.default(16)
    q, k = random((2, 6, 5, 16)), random((2, 3, 5, 16))
    spec.apply_qk(q, k)
    spec.apply_qk(q, k, out=(q, k))
    assert names == ["_rope_qk"] * 2
    names.clear()
    spec.apply_qk(q, k.astype(np.float64))
    spec.apply_qk(q, k, RNG.integers(0, 99, (1, 3, 5))[:, :1])
    assert names == ["rope", "rope", "_rope_qk"]


def test_types_may_differ():
    spec = RopeSpec.default(16)
    check(spec, random((6, 5, 16), "float64"), random((3, 5, 16), "float16"), None)
    swapped = random((3, 5, 16)).astype(">f4")
    want = spec.apply(swapped)
    got = spec.apply_qk(random((6, 5, 16)), swapped)[1]
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("axis_map", [(0, 1, 1, 0), (0, 1, 1, 0, 0, 0, 1, 1)])
def test_several_axes_of_positions(axis_map):
    spec = RopeSpec.default(8, axis_map=axis_map)
    q, k = random((2, 6, 5, 8)), random((2, 3, 5, 8))
    check(spec, q, k, np.arange(10).reshape(2, 5))


def test_slices_of_one_buffer():
    """Queries, keys and values in one array, rotated in place and elsewhere."""
    spec = RopeSpec.default(16)
    for shape in ((2, 5, 9, 16), (2, 9, 5, 16)):
        seq_axis = 1 if shape[1] == 5 else 2
        heads = 3 - seq_axis
        buffer = random(shape)
        q, k, v = np.split(buffer, 3, axis=heads)
        want = [spec.apply(x.copy(), seq_axis=seq_axis) for x in (q, k)] + [v.copy()]
        spec.apply_qk(q, k, seq_axis=seq_axis, out=(q, k))
        np.testing.assert_array_equal(buffer, np.concatenate(want, axis=heads))


def test_a_result_may_lie_where_the_other_array_is():
    spec = RopeSpec.default(16)
    q, k, other = (random((2, 3, 5, 16)) for _ in range(3))
    want = spec.apply(q.copy()), spec.apply(k.copy())
    for outs in ((k, q), (k, other), (other, q)):
        mine = {id(x): x.copy() for x in (q, k, other)}
        new = tuple(mine[id(x)] for x in (q, k))
        got = spec.apply_qk(*new, out=tuple(mine[id(x)] for x in outs))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


def refused(error, match, *arguments, out=(), **how):
    before = [x.tobytes() for x in out if isinstance(x, np.ndarray)]
    with pytest.raises(error, match=match):
        RopeSpec.default(16).apply_qk(*arguments, out=tuple(out) or None, **how)
    assert before == [x.tobytes() for x in out if isinstance(x, np.ndarray)]


def test_errors_name_q_or_k():
    q, k = random((2, 6, 5, 16)), random((2, 3, 5, 16))
    refused(TypeError, "^q is int64", q.astype(int), k)
    refused(TypeError, "^k is int64", q, k.astype(int))
    refused(ValueError, "^k has no axes", q, np.float32(1))
    refused(ValueError, "^k has 14 channels", q, k[..., :14])
    refused(ValueError, "do not fit k of leading shape", q, k[:, :, :4])
    refused(ValueError, "do not fit q of leading shape", q[:, :, :4], k, range(5))
    refused(ValueError, "seq_axis 7: q has 4 axes", q, k, seq_axis=7)
    refused(ValueError, "seq_axis 2: k has 3 axes", q, k[0], seq_axis=2)
    refused(ValueError, "^precision", q, k, precision="low")
    refused(ValueError, "^threads", q, k, threads=0)


def test_errors_name_the_result():
    q, k = random((2, 6, 5, 16)), random((2, 3, 5, 16))
    shared = np.zeros((2, 9, 5, 16), np.float32)
    frozen = k.copy()
    frozen.flags.writeable = False
    for match, outs in {
        r"out\[0\] has shape .* but q has": (k, k),
        r"out\[1\] has shape .* but k has": (q, q),
        r"out\[1\] is read-only": (q, frozen),
        "share memory": (shared[:, :6], shared[:, 4:7]),
    }.items():
        refused(ValueError, match, q, k, out=outs)
    refused(TypeError, r"out\[0\] is float64, but q is", q, k, out=(q.astype("d"), k))
    refused(TypeError, r"out\[1\] must be an ndarray, not list", q, k, out=(q, [k]))
    refused(TypeError, "out must be a pair of arrays", q, k, out=(q, k, q))
    with pytest.raises(TypeError, match="out must be a pair of arrays, not ndarray"):
        RopeSpec.default(16).apply_qk(q, q, out=np.zeros((2, *q.shape), "f4"))
    refused(ValueError, "share memory", q, q, out=(q, q))


def test_kernels_of_two_arrays_match_those_of_one(core):
    """Whatever the layout of memory, and with planes and scales per position."""
    rng = np.random.default_rng(62)
    planes = np.stack(
        [core._frequencies("default", 9, (18, base), (), True) for base in (1e4, 5e5)]
    )
    for kind, suffix in (("f2", ""), ("f4", ""), ("f8", ""), ("u2", "_bfloat16")):
        for layout in ("", "_interleaved", "_interleaved_to_half"):
            x = rng.standard_normal((2, 40, 21))
            x = x.astype(ml_dtypes.bfloat16).view("u2") if suffix else x.astype(kind)
            pair = getattr(core, f"_rope{layout}_qk{suffix}")
            one = getattr(core, f"{'_' if suffix else ''}rope{layout}{suffix}")
            p, scale = np.array([5.5, -(2.0**33)]), np.array([1.0, 1.25])
            for q, k in (
                (x[:, :30], x[:, 30:]),
                (x[:, 10:20], x[:, 39:]),
                (x[..., ::-1][:, ::3], x[..., ::-1][:, 1::4]),
                (x[:, :0], x[:, 5:6]),
            ):
                got = pair(q, k, p, planes, scale)
                for a, b in zip(got, (q, k), strict=True):
                    want = one(b, p, planes, scale)
                    assert a.tobytes() == want.tobytes()


def test_kernels_of_two_arrays_check_their_shapes(core):
    x, planes = np.zeros((3, 8)), np.zeros((7, 4))
    with pytest.raises(ValueError, match="turn planes have 6 rows"):
        core._rope_qk(x, x, 0.0, planes[:6], 1.0)
    with pytest.raises(ValueError, match="x has 6 channels"):
        core._rope_qk(x[:, :6], x[:, :6], 0.0, planes, 1.0)
    wide = np.zeros((1, 1200))
    with pytest.raises(ValueError, match="at most 512"):
        core._rope_interleaved_to_half_qk(wide, wide, 0.0, np.zeros((7, 600)), 1.0)


def test_large_results_are_streamed_with_the_same_bits():
    spec = RopeSpec.default(128)
    q = random((1, 4, 20_000, 128))
    k = np.ascontiguousarray(q[:, 1:2])
    got = spec.apply_qk(q, k)
    for a, b in zip(got, (q, k), strict=True):
        for first, last in pairwise([0, 1, 9_999, 20_000]):
            part = np.s_[:, :, first:last]
            want = spec.apply(b[part], np.arange(first, last))
            np.testing.assert_array_equal(a[part], want)
