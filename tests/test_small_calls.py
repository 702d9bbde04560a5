"""Small calls: the same bits and the same errors as the long way."""

from importlib import import_module
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ropeinterp as ri
from ropeinterp.arrays import small_calls

KINDS = ("float16", "float32", "float64", ml_dtypes.bfloat16)
LAYOUTS = ("half", "interleaved", "interleaved_to_half", "half_reversed")


@pytest.fixture
def calls(monkeypatch):
    """Whether each call was a small one."""
    seen, rotated = [], small_calls.rotated

    def watched(*arguments):
        result = rotated(*arguments)
        seen.append(result is not None)
        return result

    monkeypatch.setattr(small_calls, "rotated", watched)
    return seen


def the_long_way(function, *arguments, **more):
    """Return what a call gives where nothing is small: its result, or its error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_calls, "rotated", lambda *_: None)
        return outcome(function, *arguments, **more)


def outcome(function, *arguments, **more):
    try:
        return function(*arguments, **more)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def same(a, b):
    return (a.dtype, a.shape, a.strides, a.tobytes()) == (
        b.dtype,
        b.shape,
        b.strides,
        b.tobytes(),
    )


def random(shape, kind, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(kind)


@st.composite
def arrays(draw):
    """x as a view of a larger array: any order of axes, steps and signs."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    steps = draw(st.lists(st.sampled_from([1, 2, -1]), min_size=len(lengths) + 1))
    steps = (steps * 4)[: len(lengths) + 1]
    shape = [n * abs(s) for n, s in zip([*lengths, 12], steps, strict=True)]
    whole = random(shape, draw(st.sampled_from(KINDS)), draw(st.integers(0, 9)))
    x = whole[tuple(slice(None, None, s) for s in steps)]
    order = draw(st.permutations(range(len(lengths))))
    return x.transpose(*order, len(lengths))


@settings(max_examples=300, deadline=None)
@given(
    arrays(),
    st.sampled_from(LAYOUTS),
    st.sampled_from([8, 12]),
    st.sampled_from([np.int64, np.float64]),
    st.sampled_from(["fresh", "out", "in place"]),
    st.booleans(),
    st.data(),
)
def test_bits_of_the_long_way(x, layout, rotary_dim, kind, form, inverse, data):
    axis = data.draw(st.integers(-x.ndim, -2))
    n = x.shape[axis]
    p = np.array(data.draw(st.lists(st.integers(-99, 2**40), min_size=n, max_size=n)))
    spec = ri.RopeSpec.yarn(
        rotary_dim, head_dim=12, factor=4.0, trained_length=64, layout=layout
    )
    results = []
    for way in (outcome, the_long_way):
        mine = x.copy(order="K")
        out = {"fresh": None, "out": np.zeros_like(mine), "in place": mine}[form]
        got = way(
            spec.apply, mine, p.astype(kind), seq_axis=axis, out=out, inverse=inverse
        )
        assert out is None or got is out
        results.append(got)
    assert same(*results)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("heads", [(8, 2), (2, 8), (3, 3), (1, 4)])
@pytest.mark.parametrize("form", ["fresh", "out", "in place"])
def test_queries_and_keys(calls, kind, heads, form):
    spec, p = ri.RopeSpec.llama3(16), np.array([5, 6, 7])
    results = []
    for way in (outcome, the_long_way):
        q, k = (random((2, n, 3, 16), kind, n) for n in heads)
        outs = {
            "fresh": None,
            "out": (np.zeros_like(q), np.zeros_like(k)),
            "in place": (q, k),
        }[form]
        results.append(way(spec.apply_qk, q, k, p, out=outs))
    assert calls == [True]
    for a, b in zip(*results, strict=True):
        assert same(a, b)


def test_decode_steps_are_small(calls):
    spec = ri.RopeSpec.default(16)
    for kind in KINDS:
        x = random((4, 8, 1, 16), kind)
        for out in (None, x, np.zeros_like(x)):
            spec.apply(x, np.array([9]), out=out)
        qkv = random((4, 1, 10, 16), kind)  # heads of q, k and v side by side
        q, k = qkv[:, :, :6], qkv[:, :, 6:8]
        spec.apply(q, np.array([9.0]), seq_axis=1, out=q)
        q, k = random((8, 1, 16), kind), random((2, 1, 16), kind)
        spec.apply_qk(q, k, np.array([9]), out=(q, k))
        spec.apply(random((1, 16), kind), np.array([9]))  # no heads
    assert calls == [True] * 4 * 6


class Watched(np.ndarray):
    pass


def locked(x):
    x.flags.writeable = False
    return x


def misaligned(x):
    memory = np.zeros(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


X = random((2, 3, 16), "float32")
P = np.array([4, 5, 6])

# What is no small call: arguments of apply() beside the spec.
NOT_PLAIN = {
    "subclass": lambda: (X, P, -2, None, X.copy().view(Watched)),
    "swapped bytes": lambda: (X.astype(">f4"), P),
    "misaligned": lambda: (misaligned(X), P),
    "integers": lambda: (X.astype(int), P),
    "bits": lambda: (X.astype(np.uint16), P),
    "nothing": lambda: (X[:0], P),
    "one axis": lambda: (X[0, 0], P[:1]),
    "too few channels": lambda: (X[..., :14], P),
    "list": lambda: (X, [4, 5, 6]),
    "no positions": lambda: (X, None),
    "short positions": lambda: (X, P.astype(np.int32)),
    "unsigned positions": lambda: (X, P.astype(np.uint64)),
    "float32 positions": lambda: (X, P.astype(np.float32)),
    "batch of positions": lambda: (X, np.array([P, P])),
    "one for all": lambda: (X, P[:1]),
    "too many positions": lambda: (X, np.arange(4)),
    "far": lambda: (X, np.array([0, 1, 2**53 + 1])),
    "just too far": lambda: (X, np.array([0, 1, -(2**53)])),
    "NaN": lambda: (X, np.array([0, 1, np.nan])),
    "infinite": lambda: (X, np.array([0, 1, -np.inf])),
    "axis true": lambda: (X, P, True),
    "axis of channels": lambda: (X, P, 2),
    "axis beyond": lambda: (X, P, -4),
    "axis far beyond": lambda: (X, P, 2**70),
    "float axis": lambda: (X, P, 1.0),
    "other dtype": lambda: (X, P, -2, None, X.astype("f8")),
    "other shape": lambda: (X, P, -2, None, X[:1].copy()),
    "list as out": lambda: (X, P, -2, None, X.tolist()),
    "read-only": lambda: (X, P, -2, None, locked(X.copy())),
    "shifted out": lambda: (
        X[:, :, :16],
        P,
        -2,
        None,
        X.reshape(-1, 16)[::-1].reshape(2, 3, 16),
    ),
    "one row": lambda: (X, P, -2, None, np.broadcast_to(np.zeros(16, "f4"), X.shape)),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_everything_else_goes_the_long_way(calls, name):
    spec = ri.RopeSpec.default(16)
    got = outcome(spec.apply, *NOT_PLAIN[name]())
    want = the_long_way(spec.apply, *NOT_PLAIN[name]())
    assert calls in ([], [False])
    if isinstance(want, str):
        assert got == want
    else:
        assert same(got, want)


def test_out_that_lies_across_x(calls):
    memory = random((6, 16), "float32")
    want = ri.RopeSpec.default(16).apply(memory[1:4].copy(), P)
    got = ri.RopeSpec.default(16).apply(memory[1:4], P, out=memory[:3])
    assert calls == [True, False]
    np.testing.assert_array_equal(got, want)


def test_queries_and_keys_that_share_memory(calls):
    spec, buffer = ri.RopeSpec.default(16), random((6, 1, 16), "float32")
    q, k = buffer[:4], buffer[3:]
    with pytest.raises(ValueError, match="share memory"):
        spec.apply_qk(q, k, P[:1], out=(q, k))
    assert calls == [False]


def test_specs_that_take_more(calls):
    x = random((2, 3, 16), "float32")
    for spec in (
        ri.RopeSpec.default(8, head_dim=16, rotary_offset=8),
        ri.RopeSpec.default(16, layout="half_blocks"),
        ri.RopeSpec.default(16, position_scale=0.5),
    ):
        got, want = spec.apply(x, P), the_long_way(spec.apply, x, P)
        np.testing.assert_array_equal(got, want)
    assert calls == [False] * 3


def test_nothing_is_written_where_a_later_array_is_refused():
    q, k = random((4, 3, 16), "float32"), random((2, 3, 14), "float32")
    kept = q.copy()
    with pytest.raises(ValueError, match="k has 14 channels"):
        ri.RopeSpec.default(16).apply_qk(q, k, P, out=(q, k))
    np.testing.assert_array_equal(q, kept)


def test_the_table_of_rules_names_what_exists():
    source = (Path(__file__).parents[1] / "src/module/small_calls.c").read_text()
    rows = small_calls.__doc__.split("=\n")[2].splitlines()[:-1]
    decides = {w.strip(",") for row in rows for w in row[20:48].split()}
    explains = {w.strip(",") for row in rows for w in row[48:].split()}
    assert len(decides) == 7
    assert len(explains) == 8
    for name in decides:
        assert f"\n{name}(" in source
    for word in explains:
        module, name = word.split(".")
        assert callable(getattr(import_module(f"ropeinterp.arrays.{module}"), name))
