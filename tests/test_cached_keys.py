"""Cached keys moved and re-encoded, against keys rotated from scratch.

From scratch means: frequencies and angles from mpmath, the rotation in NumPy's float64,
pair by pair. Only the first rounding to the dtype of the cache is shared.
"""

import ml_dtypes
import numpy as np
import oracle
import pytest

from ropeinterp import RopeSpec, ufuncs

DIM, HEAD, OFFSET = 16, 22, 4
BASE, TRAINED, LENGTH = 500000, 4096, 9000
SHORT, LONG = (1.0,) * 8, (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 9.0, 17.0)
YARN = {"factor": 4.0, "trained_length": TRAINED}
LONGROPE = {"short_factors": SHORT, "long_factors": LONG, "factor": 4.0}
GIVEN = (1.0, 0.5, 0.25, 0.125, 1e-2, 1e-3, 1e-4, 0.0)
SCHEMES = {
    "default": (RopeSpec.default, {}),
    "linear": (RopeSpec.linear, {"factor": 2.0}),
    "ntk": (RopeSpec.ntk, {"factor": 4.0}),
    "dynamic": (RopeSpec.dynamic, {"factor": 2.0, "trained_length": TRAINED}),
    "yarn": (RopeSpec.yarn, YARN),
    "longrope": (RopeSpec.longrope, LONGROPE | {"trained_length": TRAINED}),
    "llama3": (RopeSpec.llama3, {}),
    "proportional": (RopeSpec.proportional, {"partial_rotary_factor": 0.5}),
    "given": (RopeSpec.from_inv_freq, {}),
}
LAYOUTS = ["half", "interleaved", "interleaved_to_half", "half_reversed", "half_blocks"]
# Where apply puts the channels of pair k: [first half, second half].
N = DIM // 2
PLACES = {
    "half": np.arange(DIM).reshape(2, N),
    "interleaved": np.arange(DIM).reshape(N, 2).T,
    "half_reversed": np.arange(DIM).reshape(2, N)[::-1],
    "half_blocks": np.arange(DIM).reshape(2, 2, N // 2).swapaxes(0, 1).reshape(2, N),
}
DTYPES = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}
# Bound of each channel in half ulps (eps / 2) of the length of its pair. Float32: the
# cached key is rounded once, and the rotation rounds the table, the products and their
# sum: 4. Float64: the cosines of shift are within 2 ulp: 4 + 3. Those of a difference
# of angles come from four of them, four products and two sums, and add up to sqrt(2)
# of the length: (2 * 4 + 2) * sqrt(2) + 3, 18 with the ratio of the attention factors.
# Narrow dtypes are rounded once before and once after; the rest is float32.
HALF_ULPS = {"float16": 2.01, "bfloat16": 2.01, "float32": 4.0}
SHIFTED = HALF_ULPS | {"float64": 7.0}
RETARGETED = HALF_ULPS | {"float64": 18.0}


def make(name, layout="half", **more):
    constructor, arguments = SCHEMES[name]
    how = {"layout": layout, "head_dim": HEAD, "rotary_offset": OFFSET} | more
    if name == "given":
        return constructor(GIVEN, attention_scaling=1.5, **how)
    return constructor(DIM, BASE, **arguments | how)


def exact(name):
    """Frequencies and attention factor of `make(name)` at LENGTH, in mpmath."""
    factor = {"yarn": oracle.yarn_attention(4), "given": 1.5}
    factor["longrope"] = oracle.longrope_attention(4, TRAINED)
    w = {
        "default": lambda: oracle.default(DIM, BASE),
        "linear": lambda: oracle.linear(DIM, BASE, 2),
        "ntk": lambda: oracle.ntk(DIM, BASE, 4),
        "dynamic": lambda: oracle.dynamic(DIM, BASE, 2, TRAINED, LENGTH),
        "yarn": lambda: oracle.yarn(DIM, BASE, 4, TRAINED),
        "longrope": lambda: oracle.longrope(DIM, BASE, LONG),
        "llama3": lambda: oracle.llama3(DIM, BASE, 8, 1, 4, 8192),
        "proportional": lambda: oracle.proportional(DIM, BASE, 0.5),
        "given": lambda: [oracle.real(x) for x in GIVEN],
    }
    return w[name](), factor.get(name, 1.0)


def keys(seed, shape):
    """Keys of no small channels: bounds are relative to the length of a pair."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.5, 2, shape) * rng.choice([-1.0, 1.0], shape)


def from_scratch(k, positions, frequencies, scale, layout):
    """Rotate keys (..., seq, HEAD) of one layout into the layout of its results."""
    tables = [[oracle.cos_sin(p, w, scale) for w in frequencies] for p in positions]
    cos, sin = np.moveaxis(np.array(tables, float), -1, 0)
    x, result = k[..., OFFSET : OFFSET + DIM], k.copy()
    y = result[..., OFFSET : OFFSET + DIM]
    a, b = (x[..., i] for i in PLACES[layout.removesuffix("_to_half")])
    first, second = PLACES["half" if layout.endswith("_to_half") else layout]
    y[..., first], y[..., second] = a * cos - b * sin, a * sin + b * cos
    return result


def half_ulps(got, want, layout):
    """Largest error, in half ulps of the length of a pair; the rest must be equal."""
    eps = float(ml_dtypes.finfo(got.dtype).eps)
    places = PLACES["half" if layout.endswith("_to_half") else layout] + OFFSET
    rest = np.setdiff1d(np.arange(HEAD), places)
    assert got[..., rest].tobytes() == want[..., rest].astype(got.dtype).tobytes()
    error = np.abs(got.astype(float) - want)[..., places].max(axis=-2)
    return (error / np.linalg.norm(want[..., places], axis=-2)).max() / (eps / 2)


# ---- against rotating from scratch ---------------------------------------------------


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SCHEMES)
def test_shifted_keys_are_those_of_the_new_positions(name, layout, kind, largest):
    spec, (w, scale) = make(name, layout), exact(name)
    k, p = keys(81, (2, 4, HEAD)), np.array([0, 17, 4096, 8999])
    cache = from_scratch(k, p, w, scale, layout).astype(DTYPES[kind])
    for delta in (-4096, 12345, np.array([3, -17, 0, 2**31])):
        want = from_scratch(k, p + delta, w, scale, layout)
        got = spec.shift(cache, delta, seq_len=LENGTH)
        assert got.dtype == cache.dtype
        error = half_ulps(got, want, layout)
        largest(f"shifted keys {kind}", error / 2, got.size)
        assert error <= SHIFTED[kind]
        moved = cache.copy()
        assert spec.shift(moved, delta, seq_len=LENGTH, out=moved) is moved
        assert moved.tobytes() == got.tobytes()


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("old", SCHEMES)
@pytest.mark.parametrize("new", ["default", "yarn", "longrope"])
def test_retargeted_keys_are_those_of_the_other_spec(old, new, layout, kind, largest):
    k, p = keys(82, (2, 4, HEAD)), np.array([0, 17, 4096, 8999])
    cache = from_scratch(k, p, *exact(old), layout).astype(DTYPES[kind])
    want = from_scratch(k, p, *exact(new), layout)
    a, b = make(old, layout), make(new, layout)
    got = a.retarget(cache, p, b, seq_len=LENGTH)
    assert got.dtype == cache.dtype
    error = half_ulps(got, want, layout)
    largest(f"retargeted keys {kind}", error / 2, got.size)
    assert error <= RETARGETED[kind]
    in_place = cache.copy()
    assert a.retarget(in_place, p, b, seq_len=LENGTH, out=in_place) is in_place
    assert in_place.tobytes() == got.tobytes()


# ---- the attention factor ------------------------------------------------------------


def test_the_attention_factor_counts_once():
    """The length of a pair is that of the key times the factor of its spec."""
    yarn, plain = make("yarn"), make("default")
    k = keys(83, (5, HEAD))
    p, turned = np.arange(5), slice(OFFSET, OFFSET + DIM)

    def norm(x):
        return np.linalg.norm(x[..., turned], axis=-1)

    cache = yarn.apply(k, p)
    m = oracle.yarn_attention(4)
    for got, factor in (
        (cache, m),
        (yarn.shift(cache, 7), m),
        (yarn.shift(yarn.shift(cache, 7), -7), m),
        (yarn.retarget(cache, p, plain), 1.0),
        (plain.retarget(plain.apply(k, p), p, yarn), m),
        (yarn.retarget(cache, p, make("yarn", factor=16.0)), oracle.yarn_attention(16)),
    ):
        # A norm of 16 float64 channels: 18 half ulps each, and the sums.
        np.testing.assert_allclose(norm(got) / norm(k), factor, rtol=1e-14)


# ---- switches of length --------------------------------------------------------------


def test_llama_2_goes_from_linear_to_yarn_at_a_length_switch():
    """32 heads of 128 channels; the scores of a new query are those from scratch."""
    linear = RopeSpec.linear(128, factor=2.0, trained_length=4096)
    yarn = RopeSpec.yarn(128, factor=4.0, trained_length=4096)
    rng = np.random.default_rng(84)
    k = rng.standard_normal((4, 8192, 128)).astype(np.float32)
    q = rng.standard_normal((4, 1, 128)).astype(np.float32)
    p = np.arange(8192)
    cache = linear.apply(k)
    linear.retarget(cache, p, yarn, out=cache)
    query = yarn.apply(q, [8192]).astype(float)
    angles = p[:, None] * np.array(oracle.yarn(128, 10000, 4, 4096), float)
    c, s = (oracle.yarn_attention(4) * f(angles) for f in (np.cos, np.sin))
    a, b = k[..., :64].astype(float), k[..., 64:].astype(float)
    want = np.concatenate((a * c - b * s, a * s + b * c), axis=-1)
    scores = query @ cache.astype(float).swapaxes(-1, -2)
    exact_scores = query @ want.swapaxes(-1, -2)
    # The cache is off by 4 + 4 half ulps of float32 of a pair, of both rotations; a
    # score sums 64 pairs of it. Angles in float64 are good to 1e-12.
    size = np.linalg.norm(query, axis=-1) * np.linalg.norm(want, axis=-1)
    worst = np.abs(scores - exact_scores)[:, 0] / size
    assert worst.max() <= 8 * np.finfo(np.float32).eps / 2 * np.sqrt(2)


@pytest.mark.parametrize("name", ["dynamic", "longrope"])
def test_a_cache_follows_a_spec_that_depends_on_the_length(name):
    spec = make(name)
    k, p = keys(85, (3, 4, HEAD)), np.arange(4)
    before, after = spec.at(TRAINED), spec.at(LENGTH)
    cache = before.apply(k, p)
    got = before.retarget(cache, p, after)
    want = from_scratch(k, p, *exact(name), "half")
    # Two rotations in float64, of 7 and 18 half ulps.
    assert half_ulps(got, want, "half") <= 25.0
    moved = spec.shift(got, 100, seq_len=LENGTH)
    assert moved.tobytes() == after.shift(got, 100).tobytes()
    assert half_ulps(moved, from_scratch(k, p + 100, *exact(name), "half"), "half") < 32


# ---- several axes --------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["half", "interleaved_to_half"])
def test_keys_of_several_axes(layout):
    axes = (0, 1, 2, 0, 1, 2, 0, 1)
    old = make("yarn", layout, axis_map=axes)
    new = make("default", layout, axis_map=axes)
    k, rng = keys(86, (5, HEAD)), np.random.default_rng(86)
    p, delta = rng.integers(0, 9000, (3, 5)), rng.integers(-500, 500, (3, 5))

    def want(positions, name):
        w, scale = exact(name)
        by_axis = [from_scratch(k, own, w, scale, layout) for own in positions]
        result = by_axis[0]
        places = PLACES["half" if layout.endswith("_to_half") else layout] + OFFSET
        for pair, axis in enumerate(axes):
            result[..., places[:, pair]] = by_axis[axis][..., places[:, pair]]
        return result

    cache = want(p, "yarn")
    assert half_ulps(old.shift(cache, delta), want(p + delta, "yarn"), layout) <= 7
    assert half_ulps(old.shift(cache, -64), want(p - 64, "yarn"), layout) <= 7
    assert half_ulps(old.retarget(cache, p, new), want(p, "default"), layout) <= 18


# ---- what they do not do -------------------------------------------------------------


def test_no_call_makes_a_spec(monkeypatch):
    """The checks and the frequencies of a changed copy would cost ten rotations."""
    old, new = (
        make("yarn", "interleaved_to_half"),
        make("linear", "interleaved_to_half"),
    )
    k, p = keys(87, (4, HEAD)), np.arange(4)
    for way in ("__init__", "_with"):
        monkeypatch.setattr(RopeSpec, way, lambda *_, **__: pytest.fail("a copy"))
    old.shift(k, 3)
    old.retarget(k, p, new)


def test_tables_of_all_pairs_take_the_planes_as_they_are(monkeypatch):
    spec, seen = make("yarn"), []

    def recorded(p, planes, scale, **how):
        seen.append(planes)
        return ufuncs.cos_sin(p, planes, scale, **how)

    monkeypatch.setattr("ropeinterp._core.cos_sin", recorded)
    spec.cos_sin([1, 2])
    assert np.shares_memory(seen[0], spec.turn_planes())


def test_a_cache_in_any_storage():
    """A ring buffer's view, heads last, rotated where it is; the rest stays."""
    spec = make("llama3")
    ring = keys(88, (6, 3, 2, HEAD)).astype(
        np.float32
    )  # slots, layers, heads, channels
    before = ring.copy()
    view = ring[2:5, 1]
    spec.shift(view, -100, seq_axis=0, out=view)
    want = spec.shift(before[2:5, 1].copy(), -100, seq_axis=0)
    assert view.tobytes() == want.tobytes()
    ring[2:5, 1] = before[2:5, 1]
    assert ring.tobytes() == before.tobytes()
