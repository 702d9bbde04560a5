"""RopeSpec: invariants, lengths, tables, rotations, the book's examples."""

import copy
import dataclasses
import inspect
import math
import pickle
from fractions import Fraction

import hypothesis.extra.numpy as hnp
import ml_dtypes
import numpy as np
import oracle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ropeinterp as ri
from ropeinterp import ParameterError, RopeSpec, ufuncs

LISTS = {"short_factors": (1.0,) * 4, "long_factors": (1.0, 2.0, 3.0, 4.0)}
MAKE = {
    "default": lambda **more: RopeSpec.default(8, **more),
    "linear": lambda **more: RopeSpec.linear(8, **{"factor": 4.0} | more),
    "ntk": lambda **more: RopeSpec.ntk(8, **{"factor": 4.0} | more),
    "dynamic": lambda **more: RopeSpec.dynamic(
        8, **{"factor": 4.0, "trained_length": 4096} | more
    ),
    "yarn": lambda **more: RopeSpec.yarn(
        8, **{"factor": 4.0, "trained_length": 4096} | more
    ),
    "longrope": lambda **more: RopeSpec.longrope(
        8, **LISTS | {"factor": 4.0, "trained_length": 4096} | more
    ),
    "llama3": lambda **more: RopeSpec.llama3(8, **more),
    "proportional": lambda **more: RopeSpec.proportional(
        8, **{"partial_rotary_factor": 0.5} | more
    ),
    "given": lambda **more: RopeSpec.from_inv_freq([1.0, 0.5, 0.25, 0.0], **more),
}
NEEDS_LENGTH = ("dynamic", "longrope")
X = np.random.default_rng(41).standard_normal((2, 3, 5, 8)).astype(np.float32)


def fixed(name):
    spec = MAKE[name]()
    return spec.at(5000) if spec.depends_on_length else spec


# ---- values --------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKE)
def test_specs_are_values(name):
    spec, same = MAKE[name](), MAKE[name]()
    assert spec.scheme == name
    assert spec == same
    assert hash(spec) == hash(same)
    assert spec != MAKE[name](layout="interleaved")
    for other in (
        pickle.loads(pickle.dumps(spec)),
        copy.copy(spec),
        copy.deepcopy(spec),
        eval(repr(spec), {"RopeSpec": RopeSpec, "Fraction": Fraction}),
    ):
        assert other == spec
        assert hash(other) == hash(spec)
        np.testing.assert_array_equal(other.inv_freq(), spec.inv_freq())
        np.testing.assert_array_equal(
            other.cos_sin([3], seq_len=9), spec.cos_sin([3], seq_len=9)
        )
    with pytest.raises(AttributeError):
        spec.dim = 4


@pytest.mark.parametrize("name", MAKE)
def test_pickles_carry_no_array(name):
    """Arrays from another process may be unaligned: each makes its own."""
    spec = fixed(name)
    fresh = pickle.dumps(spec, 5)
    x = np.ones((2, spec.head_dim))
    want = spec.apply(x, [5, 7]), spec.inv_freq()
    buffers = []
    used = pickle.dumps(spec, 5, buffer_callback=buffers.append)
    assert not buffers
    assert used == fresh
    other = pickle.loads(used)
    for got, expected in zip(
        (other.apply(x, [5, 7]), other.inv_freq()), want, strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", MAKE)
def test_results_do_not_alias_the_spec(name):
    spec = fixed(name)
    spec.inv_freq()[:] = 7.0
    spec.cos_sin([1.0])[0][:] = 7.0
    spec.periods()[:] = 7.0
    np.testing.assert_array_equal(spec.inv_freq(), fixed(name).inv_freq())


def test_numbers_of_any_type_make_the_same_spec():
    a = RopeSpec.linear(64, 500000, factor=4, trained_length=8192.0, length=np.int32(5))
    b = RopeSpec.linear(
        np.int64(64), 5e5, factor=Fraction(4), trained_length=8192, length=5
    )
    assert a == b
    assert hash(a) == hash(b)
    assert isinstance(a.dim, int)
    assert isinstance(a.base, float)
    lists = [1, 2.0, np.float32(3.0), 4]
    spec = MAKE["longrope"](short_factors=lists, long_factors=np.arange(1.0, 5.0))
    assert spec.short_factors == spec.long_factors == (1.0, 2.0, 3.0, 4.0)
    assert not spec.depends_on_length


def test_widths():
    spec = RopeSpec.default(64, head_dim=128, rotary_offset=32)
    assert (spec.rotary_dim, spec.head_dim, spec.rotary_offset) == (64, 128, 32)
    assert RopeSpec.default(64, rotary_offset=32).head_dim == 96
    odd = RopeSpec(scheme="default", dim=25, base=1e4)
    assert (odd.rotary_dim, odd.head_dim, len(odd.inv_freq())) == (26, 26, 13)


# Arguments of a constructor that it must refuse, by name; TypeError where a type is
# wrong, ParameterError with argument, value and reason otherwise.
BAD = [
    ("default", "dim", (63, 63.0, 0, -2, 2**21, 64.5, np.nan)),
    ("default", "base", (0.5, 0.0, -1e4, 1e31, np.nan, np.inf, 10**400)),
    ("default", "head_dim", (6, -8, 7.5)),
    ("default", "rotary_offset", (-1, 0.5, 2**53)),
    ("default", "layout", ("blocks", None, 3)),
    ("default", "length", (0, -1, 1.5, 2**53 + 1)),
    ("default", "trained_length", (0, -4096, 0.5, np.nan, 10**30)),
    ("default", "attention_scaling", (0.0, -1.0, np.nan, np.inf)),
    ("default", "logit_scale", (0.0, -1.0, np.nan)),
    ("default", "position_scale", (0.0, -1.0, np.inf)),
    ("linear", "factor", (0, -1.0, np.nan, np.inf, Fraction(-1, 2), 1e31, 1e-13)),
    ("linear", "factor", (Fraction(2**60, 3), Fraction(1, 2**60 + 1))),
    ("dynamic", "seq_len", (0, -5, 2.5)),
    ("yarn", "beta_fast", (0.0, -1.0, np.nan)),
    ("yarn", "beta_slow", (0.0, -1.0, np.inf)),
    ("yarn", "base", (1.0,)),
    ("yarn", "attention_factor", (0.0, -1.0, np.nan)),
    ("yarn", "mscale", (np.nan, np.inf, -1.0)),
    ("yarn", "mscale_all_dim", (np.nan, np.inf, -1.0)),
    ("longrope", "attention_factor", (0.0, -1.0, np.nan)),
    ("longrope", "trained_length", (0, 1)),
    ("longrope", "short_factors", ([1.0] * 3, [1.0] * 5)),
    ("longrope", "long_attention_scaling", (0.0, np.nan)),
    ("llama3", "low_freq_factor", (0.0, -1.0, np.nan)),
    ("llama3", "high_freq_factor", (0.0, -1.0, np.inf)),
    ("proportional", "partial_rotary_factor", (0.0, 1.5, -0.5, np.nan)),
    ("default", "axis_map", ([0, 1], [0] * 5)),
    ("default", "long_attention_scaling", (2.0,)),
]


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [(name, argument, v) for name, argument, values in BAD for v in values],
    ids=lambda v: str(v)[:20],
)
def test_bad_arguments_are_named(name, argument, value):
    call = RopeSpec.default if argument == "dim" else MAKE[name]
    with pytest.raises((ParameterError, TypeError)) as caught:
        call(**{argument: value})
    message = str(caught.value)
    if isinstance(caught.value, ParameterError):
        expected = (
            "trained_length" if argument == "long_attention_scaling" else argument
        )
        assert caught.value.argument in (expected, argument, "factor")
        assert caught.value.reason in message
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.argument, again.reason, str(again)) == (
            caught.value.argument,
            caught.value.reason,
            message,
        )
    assert caught.value.args[0]
    assert argument in message or "trained_length" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        (argument, value)
        for argument in ("dim", "factor", "trained_length", "beta_fast")
        for value in ("8", b"8", None, True, [8], 8j, object())
        if (argument, value) != ("trained_length", None)  # a field that is missing
    ],
    ids=lambda v: type(v).__name__,
)
def test_arguments_of_a_wrong_type_are_named(argument, value):
    arguments = {"dim": 64, "factor": 2.0, "trained_length": 4096, argument: value}
    with pytest.raises(TypeError, match=rf"{argument} must be a number"):
        RopeSpec.yarn(**arguments)


@pytest.mark.parametrize("value", [5, "abc", None, {1.0: 2}])
def test_lists_that_are_none(value):
    with pytest.raises((TypeError, ParameterError), match="short_factors"):
        MAKE["longrope"](short_factors=value)


def test_entries_of_lists_are_named_by_their_index():
    with pytest.raises(ParameterError, match=r"long_factors\[2\] nan"):
        MAKE["longrope"](long_factors=[1.0, 2.0, np.nan, 4.0])
    with pytest.raises(ParameterError, match=r"inv_freq\[1\] -0.5"):
        RopeSpec.from_inv_freq([1.0, -0.5])
    for value in (1e300, 1e-310, np.inf):
        with pytest.raises(ParameterError, match=r"inv_freq\[0\]"):
            RopeSpec.from_inv_freq([value])
    with pytest.raises(ParameterError, match=r"axis_map\[0\] 255"):
        RopeSpec.default(2, axis_map=[255])


@pytest.mark.parametrize(
    ("scheme", "field", "value"),
    [
        ("default", "factor", 4.0),
        ("default", "beta_fast", 3.0),
        ("default", "partial_rotary_factor", 0.25),
        ("linear", "seq_len", 7),
        ("llama3", "truncate", False),
        ("ntk", "frequencies", [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_parameters_of_other_schemes_are_refused(scheme, field, value):
    message = f"{field} .*: has no meaning for {scheme}"
    with pytest.raises(ParameterError, match=message):
        MAKE[scheme](**{field: value})


@pytest.mark.parametrize("value", [[], [[1.0]], 1.0, ["1"], [True], [1j]])
def test_given_frequencies_of_a_wrong_kind(value):
    with pytest.raises(TypeError, match="inv_freq must be one axis of real numbers"):
        RopeSpec.from_inv_freq(value)


def test_fields_that_a_scheme_needs():
    with pytest.raises(ParameterError, match="base None: is needed by default"):
        RopeSpec(scheme="default", dim=8)
    with pytest.raises(ParameterError, match="trained_length None: is needed by yarn"):
        RopeSpec(scheme="yarn", dim=8, base=1e4)
    with pytest.raises(ParameterError, match="scheme 'su': must be one of default"):
        RopeSpec(scheme="su", dim=8, base=1e4)
    for scheme in ("ntk", "dynamic"):
        with pytest.raises(ParameterError, match=r"dim 2: .* needs at least 3"):
            getattr(RopeSpec, scheme)(
                2, factor=2.0, **({"trained_length": 9} if scheme == "dynamic" else {})
            )
    with pytest.raises(ParameterError, match="yarn needs an even dim"):
        RopeSpec(scheme="yarn", dim=7, base=1e4, factor=2.0, trained_length=4096)


# ---- lengths -------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKE)
def test_depends_on_length(name):
    spec = MAKE[name]()
    assert spec.depends_on_length == (name in NEEDS_LENGTH)
    frozen = spec.at(10000)
    assert not frozen.depends_on_length
    assert frozen.at(77) is frozen  # frozen for good
    np.testing.assert_array_equal(frozen.inv_freq(), spec.inv_freq(10000))
    if name not in NEEDS_LENGTH:
        assert frozen is spec


@pytest.mark.parametrize("name", NEEDS_LENGTH)
def test_a_missing_seq_len_is_refused(name):
    spec = MAKE[name]()
    other = spec.at(5000)
    for call in (
        lambda: spec.cos_sin([1]),
        lambda: spec.apply(X),
        lambda: spec.shift(X, 1),
        lambda: spec.retarget(X, 1, other),
        lambda: other.retarget(X, 1, spec),
    ):
        with pytest.raises(ValueError, match="seq_len is missing"):
            call()
    # inv_freq() without it is that of the trained length.
    np.testing.assert_array_equal(spec.inv_freq(), spec.inv_freq(4096))
    np.testing.assert_array_equal(spec.inv_freq(1), spec.inv_freq(4096))
    assert (spec.inv_freq(4097) != spec.inv_freq(4096)).any()


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(
    ("value", "error"),
    [(0, ValueError), (-1, ValueError), (10**30, ValueError), (2**53 + 1, ValueError),
     (np.nan, TypeError), (4096.0, TypeError), (True, TypeError), ("9", TypeError)],
)  # fmt: skip
def test_seq_len_that_is_none(name, value, error):
    spec = MAKE[name]()
    for call in (
        lambda: spec.at(value),
        lambda: spec.inv_freq(value),
        lambda: spec.periods(value),
        lambda: spec.cos_sin([1], seq_len=value),
        lambda: spec.apply(X, seq_len=value),
    ):
        with pytest.raises(error, match="seq_len"):
            call()


def test_attention_factors_may_differ_by_length():
    spec = MAKE["longrope"](attention_factor=1.5, long_attention_scaling=1.75)
    assert spec.at(4096).attention_scaling == 1.5
    assert spec.at(4097).attention_scaling == 1.75
    assert spec.cos_sin(0, seq_len=4097)[0][0] == 1.75


def test_without_scaling():
    for name in MAKE:
        plain = MAKE[name]().without_scaling()
        assert not plain.depends_on_length
        if name not in ("given", "proportional"):
            np.testing.assert_array_equal(
                plain.inv_freq(), RopeSpec.default(8, plain.base).inv_freq()
            )


# ---- tables --------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_tables_are_the_rounded_exact_values(name, dtype):
    """Also the regression: a float64 table once held float32 numbers."""
    spec = fixed(name)
    p = np.array([0, 1, -7, 4095, 131071, 10**7, 2**31 - 1])
    tables = spec.cos_sin(p, dtype=dtype)
    exact = [oracle.real(w) for w in spec.inv_freq().tolist()]  # to 2^-53 relative
    for j, table in enumerate(tables):
        assert table.shape == (7, 4)
        assert table.dtype == np.dtype(getattr(ml_dtypes, dtype, dtype))
        for i, position in enumerate(p[:4].tolist()):
            for k in range(4):
                value = oracle.cos_sin(position, exact[k], spec.attention_scaling)[j]
                error = abs(
                    oracle.fraction(float(table[i, k])) - oracle.fraction(value)
                )
                # half an ulp of the type, and what the rounded frequency costs
                unit = float(oracle.ulp(oracle.fraction(value), dtype))
                assert error <= 0.51 * unit + 2e-16 * abs(position) + 2e-16


def test_float64_tables_have_53_bits():
    series = oracle.default(128, 5e5)
    cos, sin = RopeSpec.default(128, 5e5).cos_sin([548383, 12345], dtype=np.float64)
    for k in range(64):
        exact = oracle.cos_sin(548383, series[k])
        assert oracle.ulps(cos[0, k], exact[0]) <= 1.0
        assert oracle.ulps(sin[0, k], exact[1]) <= 1.0


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (2, 0, 3)])
def test_shapes_of_tables(shape):
    p = np.arange(math.prod(shape)).reshape(shape)
    for table in MAKE["default"]().cos_sin(p):
        assert table.shape == (*shape, 4)
        assert table.dtype == np.float32


@pytest.mark.parametrize("dtype", ["int32", "uint16", "U3", "complex64", "O", "g"])
def test_dtypes_that_no_table_has(dtype):
    with pytest.raises(
        TypeError, match="must be float32, float64, float16 or bfloat16"
    ):
        MAKE["default"]().cos_sin([1], dtype=dtype)


def test_bfloat16_without_ml_dtypes_comes_as_bits(monkeypatch):
    spec = MAKE["default"]()
    want = spec.cos_sin([1, 2], dtype="bfloat16")
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    got = spec.cos_sin([1, 2], dtype="bfloat16")
    for a, b in zip(got, want, strict=True):
        assert a.dtype == np.uint16
        np.testing.assert_array_equal(a, b.view(np.uint16))


def test_periods():
    spec = RopeSpec.proportional(8, partial_rotary_factor=0.5)
    assert spec.periods().tolist()[2:] == [np.inf, np.inf]
    np.testing.assert_allclose(spec.periods()[:2], [2 * np.pi, 20 * np.pi], rtol=4e-16)


@pytest.mark.parametrize("precision", ["", "fast", None, 1])
def test_unknown_precision(precision):
    spec = MAKE["default"]()
    for call in (
        lambda: spec.inv_freq(precision=precision),
        lambda: spec.cos_sin([1], precision=precision),
        lambda: spec.apply(X, precision=precision),
    ):
        with pytest.raises(ValueError, match="precision"):
            call()


# ---- rotations -----------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["half", "interleaved", "interleaved_to_half"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "bfloat16"])
@pytest.mark.parametrize("offset", [0, 2])
def test_apply_is_rotate_of_cos_sin(layout, dtype, offset):
    dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = np.random.default_rng(42).standard_normal((2, 3, 5, 13 + offset % 2 + 1))
    x = x.astype(dtype)
    spec = RopeSpec.default(8, head_dim=14, rotary_offset=offset, layout=layout)
    positions = np.array([3, 1, 4, 1, 5])
    wide = np.float64 if dtype == np.float64 else np.float32
    cos, sin = spec.cos_sin(positions, dtype=wide)
    part = x[..., offset:]
    rotate = getattr(ufuncs, f"rotate_{layout}")
    if dtype == ml_dtypes.bfloat16:
        rotate = getattr(ri._core, f"_rotate_{layout}_bfloat16")
        part = part.view(np.uint16)
    want = np.concatenate([x[..., :offset], rotate(part, cos, sin).view(dtype)], -1)
    got = spec.apply(x, positions)
    assert got.dtype == x.dtype
    assert got.tobytes() == want.tobytes()


def test_half_reversed_turns_the_other_way():
    a = RopeSpec.default(8, layout="half_reversed")
    b = RopeSpec.default(8)
    p = np.arange(5)
    np.testing.assert_array_equal(a.apply(X, p), b.apply(X, -p))
    # Tables are those of the angles; the layout is how they are applied.
    np.testing.assert_array_equal(a.cos_sin(p), b.cos_sin(p))


def test_positions_by_default_count_from_zero():
    spec = MAKE["default"]()
    np.testing.assert_array_equal(spec.apply(X), spec.apply(X, np.arange(5)))
    np.testing.assert_array_equal(
        spec.apply(X, seq_axis=1), spec.apply(X, np.arange(3), seq_axis=-3)
    )


@pytest.mark.parametrize(
    ("shape", "seq_axis", "full"),
    [
        ((), -2, (1, 1, 1)),
        ((5,), -2, (1, 1, 5)),
        ((3,), 1, (1, 3, 1)),
        ((2,), 0, (2, 1, 1)),
        ((2, 5), -2, (2, 1, 5)),
        ((2, 3), 1, (2, 3, 1)),
        ((1, 5), -2, (1, 1, 5)),
        ((2, 1), -2, (2, 1, 1)),
        ((2, 3, 5), -2, (2, 3, 5)),
        ((2, 1, 5), -2, (2, 1, 5)),
        ((1, 3, 1), 1, (1, 3, 1)),
    ],
)
def test_shapes_of_positions(shape, seq_axis, full):
    spec = MAKE["default"]()
    p = np.random.default_rng(43).integers(0, 10**6, shape)
    aligned = np.broadcast_to(p.reshape(full), (2, 3, 5))
    want = ufuncs.rotate_half(X, *spec.cos_sin(aligned))
    np.testing.assert_array_equal(spec.apply(X, p, seq_axis=seq_axis), want)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("layout", ["half", "interleaved", "half_reversed"])
def test_the_inverse_takes_a_rotation_back(name, layout):
    spec = MAKE[name](layout=layout)
    spec = spec.at(5000)
    x = X.astype(np.float64)
    turned = spec.apply(x, np.arange(100, 105))
    back = spec.apply(turned, np.arange(100, 105), inverse=True)
    np.testing.assert_allclose(back, x * spec.attention_scaling**2, rtol=0, atol=2e-15)
    minus = spec.apply(x, -np.arange(100, 105))
    np.testing.assert_array_equal(
        spec.apply(x, np.arange(100, 105), inverse=True), minus
    )


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("layout", ["half", "interleaved", "interleaved_to_half"])
def test_shift_moves_rotated_keys(name, layout):
    spec = MAKE[name](layout=layout).at(5000)
    x, p = X.astype(np.float64), np.arange(1000, 1005)
    for delta in (0, -900, 1234567, 0.5):
        moved = spec.shift(spec.apply(x, p), delta)
        np.testing.assert_allclose(moved, spec.apply(x, p + delta), rtol=0, atol=4e-15)
    each = np.array([1, -2, 3, -4, 5])
    moved = spec.shift(spec.apply(x, p), each)
    np.testing.assert_allclose(moved, spec.apply(x, p + each), rtol=0, atol=4e-15)


@pytest.mark.parametrize("a", MAKE)
@pytest.mark.parametrize("b", ["default", "linear", "yarn", "longrope"])
@pytest.mark.parametrize("layout", ["half", "interleaved_to_half"])
def test_retarget_re_encodes_keys(a, b, layout):
    old, new = (MAKE[n](layout=layout).at(5000) for n in (a, b))
    x, p = X.astype(np.float64), np.arange(4000, 4005)
    got = old.retarget(old.apply(x, p), p, new)
    np.testing.assert_allclose(got, new.apply(x, p), rtol=0, atol=2e-14)
    narrow = old.retarget(old.apply(X, p), p, new)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, new.apply(X, p), rtol=0, atol=2e-6)


def test_retarget_refuses_specs_of_other_channels():
    a = RopeSpec.default(8)
    for b in (
        RopeSpec.default(6),
        RopeSpec.default(8, layout="interleaved"),
        RopeSpec.default(8, rotary_offset=2),
        RopeSpec.default(8, axis_map=(0, 1, 0, 1)),
    ):
        with pytest.raises(ValueError, match="of the two specs differs"):
            a.retarget(X, 1, b)


def test_axes_drive_their_pairs():
    spec = RopeSpec.default(8, axis_map=(0, 1, 2, 1))
    p = np.array([[5, 6, 7, 8, 9], [0, 1, 0, 1, 0], [3, 3, 4, 4, 5]])
    cos, sin = spec.cos_sin(p)
    plain = RopeSpec.default(8)
    for k, axis in enumerate(spec.axis_map):
        want = plain.cos_sin(p[axis])
        np.testing.assert_array_equal(cos[:, k], want[0][:, k])
        np.testing.assert_array_equal(sin[:, k], want[1][:, k])
    np.testing.assert_array_equal(spec.apply(X, p), ufuncs.rotate_half(X, cos, sin))
    text = np.arange(5)  # plain positions count on every axis
    np.testing.assert_array_equal(spec.apply(X, text), plain.apply(X, text))
    np.testing.assert_array_equal(spec.cos_sin(text), plain.cos_sin(text))
    same = np.stack([text] * 3)
    np.testing.assert_array_equal(spec.apply(X, same), plain.apply(X, text))


def test_position_scale():
    spec = RopeSpec.default(8, position_scale=2 * math.pi)
    p = np.array([0.125, 0.5, 0.75])
    np.testing.assert_array_equal(
        spec.cos_sin(p), RopeSpec.default(8).cos_sin(p * (2 * math.pi))
    )


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("positions", ["seq", "batch", "scalar", "axes"])
def test_pieces_and_threads_do_not_show(monkeypatch, threads, positions):
    x = np.random.default_rng(44).standard_normal((2, 3, 67, 10)).astype(np.float32)
    spec = RopeSpec.default(8, head_dim=10)
    p = {
        "seq": np.arange(67),
        "batch": np.arange(134).reshape(2, 67),
        "scalar": np.array(9),
        "axes": np.arange(134).reshape(2, 67),
    }[positions]
    if positions == "axes":
        spec = RopeSpec.default(8, head_dim=10, axis_map=(0, 1, 1, 0))
    whole = spec.apply(x, p)
    monkeypatch.setattr("ropeinterp.arrays.rotate._BYTES_PER_CALL", 999)
    np.testing.assert_array_equal(spec.apply(x, p, threads=threads), whole)
    out = x.copy()
    assert spec.apply(out, p, threads=threads, out=out) is out
    np.testing.assert_array_equal(out, whole)
    monkeypatch.setenv("ROPEINTERP_NUM_THREADS", str(threads))
    np.testing.assert_array_equal(spec.apply(x, p), whole)
    one_row = x[0, 0, 0]
    np.testing.assert_array_equal(
        spec.apply(one_row, 0), spec.apply(x[:1, :1, :1], 0)[0, 0, 0]
    )


@pytest.mark.parametrize(
    "shape", [(60, 2, 8), (2, 60, 8), (3, 50, 2, 8), (2, 3, 40, 8)]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_are_small_whatever_the_shape(monkeypatch, shape, threads):
    """A short sequence of many heads was once a single call: deaf to Ctrl-C."""
    x, sizes = np.ones(shape, np.float32), []
    call = ri.arrays.rotate._call

    def recorded(name, pieces, *operands, **how):
        sizes.append(sum(piece.nbytes for piece in pieces))
        call(name, pieces, *operands, **how)

    want = RopeSpec.default(8).apply(x)
    monkeypatch.setattr("ropeinterp.arrays.rotate._call", recorded)
    monkeypatch.setattr("ropeinterp.arrays.rotate._BYTES_PER_CALL", 640)
    got = RopeSpec.default(8).apply(x, threads=threads)
    assert max(sizes) <= 2 * 640
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_tables_are_made_in_pieces(monkeypatch, dtype):
    """So that Ctrl-C is answered in between."""
    spec, calls = RopeSpec.default(8, axis_map=(0, 1, 1, 0)), []

    class Counting:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(ri._core, name)

    for p in (np.arange(60).reshape(2, 30), np.arange(30), np.arange(2), 7):
        whole = spec.cos_sin(p, dtype=dtype)
        with monkeypatch.context() as patch:
            patch.setattr("ropeinterp.arrays.tables._PAIRS_PER_CALL", 20)
            patch.setattr("ropeinterp.arrays.tables._core", Counting())
            calls.clear()
            pieces = spec.cos_sin(p, dtype=dtype)
        for a, b in zip(whole, pieces, strict=True):
            assert a.tobytes() == b.tobytes()
            assert a.shape == b.shape
        rows = np.size(p) if np.ndim(p) < 2 else 30
        each = 20 // 4 if np.ndim(p) < 2 else 20 // 2
        assert len(calls) == math.ceil(rows / each) * (2 if np.ndim(p) == 2 else 1)


@pytest.mark.parametrize("bad", [0, -1])
def test_threads_that_are_none(monkeypatch, bad):
    spec = MAKE["default"]()
    with pytest.raises(ValueError, match="threads"):
        spec.apply(X, threads=bad)
    for value in (True, 1.5, "2"):
        with pytest.raises(TypeError, match="threads"):
            spec.apply(X, threads=value)
    for text in ("0", "-1", "two", "", "1.5"):
        monkeypatch.setenv("ROPEINTERP_NUM_THREADS", text)
        assert spec.apply(X).shape == X.shape  # too small for threads: nobody asks
        monkeypatch.setattr("ropeinterp.arrays.rotate._BYTES_PER_CALL", 99)
        with pytest.raises(ValueError, match="ROPEINTERP_NUM_THREADS"):
            spec.apply(X)
        monkeypatch.undo()


# ---- the examples of the book --------------------------------------------------------


def test_interpolation_from_2048_to_4096_halves_positions():
    got = ri.interpolate_positions(np.arange(4096), 2048, 4096)
    np.testing.assert_array_equal(got, np.arange(4096) / 2)
    assert got.max() < 2048


def test_interpolated_positions_are_correctly_rounded():
    rng = np.random.default_rng(45)
    p = rng.integers(-(2**31), 2**31, 2000)
    got = ri.interpolate_positions(p, 4096, 10000)
    want = [float(Fraction(int(i) * 4096, 10000)) for i in p]
    assert got.tolist() == want
    with pytest.raises(ParameterError, match=r"positions .* 2\*\*53"):
        ri.interpolate_positions([2**42], 4096, 8192)
    for name, lengths in (("trained_length", (0, 8)), ("length", (8, -1))):
        with pytest.raises(ParameterError, match=name):
            ri.interpolate_positions([1], *lengths)
    for bad in ([1.0], ["1"], [True]):
        with pytest.raises(TypeError, match="positions"):
            ri.interpolate_positions(bad, 4, 8)
    for bad in (2048.5, True, np.nan, "4"):
        with pytest.raises(TypeError, match="trained_length"):
            ri.interpolate_positions([1], bad, 8)
    assert ri.interpolate_positions(np.array([], np.int64), 4, 8).shape == (0,)


def test_interpolation_of_positions_is_that_of_periods():
    """i -> i * m_l / m and T_k -> T_k * m / m_l are the same angles."""
    plain, scaled = (
        RopeSpec.default(64),
        RopeSpec.linear(64, factor=Fraction(3000, 1024)),
    )
    np.testing.assert_allclose(
        scaled.periods() / plain.periods(), 3000 / 1024, rtol=4e-16
    )
    p = np.arange(3000)
    a = plain.cos_sin(ri.interpolate_positions(p, 1024, 3000), dtype=np.float64)
    b = scaled.cos_sin(p, dtype=np.float64)
    np.testing.assert_allclose(a, b, rtol=0, atol=5e-13)  # half an ulp of positions


def test_1024_to_3000_extrapolated_leaves_the_trained_range():
    """A pair that does not turn once in training meets new phases beyond it."""
    plain, scaled = (
        RopeSpec.default(64),
        RopeSpec.linear(64, factor=Fraction(3000, 1024)),
    )
    seen = plain.inv_freq() * 1023
    slow = seen < 2 * np.pi
    assert slow.any()
    assert (plain.inv_freq() * 2999 > seen)[slow].all()
    assert (scaled.inv_freq() * 2999 <= seen * (1 + 1 / 1023)).all()


def test_base_scaling_keeps_the_first_pair_and_stretches_the_last_by_the_factor():
    for dim, factor in ((64, 3.7), (128, 8), (4, 2), (96, Fraction(3000, 1024))):
        plain = oracle.default(dim, 1e4)
        got = RopeSpec.ntk(dim, factor=factor).inv_freq()
        assert got[0] == 1.0
        assert got[-1] == oracle.nearest(plain[-1] / oracle.real(factor))
        base = 1e4 * float(ri.base_scale(float(factor), dim))
        np.testing.assert_allclose(
            RopeSpec.default(dim, base).inv_freq(), got, rtol=1e-14
        )


# ---- one scheme is another one -------------------------------------------------------


def same_bits(a, b):
    np.testing.assert_array_equal(a.inv_freq(), b.inv_freq())
    np.testing.assert_array_equal(a.turn_planes(), b.turn_planes())


@pytest.mark.parametrize("dim", [4, 64, 128])
@pytest.mark.parametrize("base", [10.0, 1e4, 5e5, 12345.678])
def test_metamorphic_equalities(dim, base):
    make, length = RopeSpec, {"trained_length": 4096}
    default = make.default(dim, base)
    for one in (1, 1.0, Fraction(1)):
        same_bits(make.linear(dim, base, factor=one), default)
        same_bits(make.ntk(dim, base, factor=one), default)
        same_bits(make.yarn(dim, base, factor=one, **length), default)
        same_bits(make.llama3(dim, base, factor=one), default)
        same_bits(make.proportional(dim, base, factor=one), default)
        same_bits(make.dynamic(dim, base, factor=one, **length).at(4096), default)
    for factor in (2.0, 3.7, 40.0):
        linear = make.linear(dim, base, factor=factor)
        lists = [factor] * (dim // 2)
        both = {"short_factors": lists, "long_factors": lists}
        same_bits(make.longrope(dim, base, **both, **length), linear)
        same_bits(make.proportional(dim, base, factor=factor), linear)
        # Llama-3 with bounds above all pairs, then below all.
        bounds = {"low_freq_factor": 1e8, "high_freq_factor": 1e9}
        same_bits(make.llama3(dim, base, factor=factor, **bounds), linear)
        bounds = {"low_freq_factor": 1e-40, "high_freq_factor": 1e-39}
        same_bits(make.llama3(dim, base, factor=factor, **bounds), default)
        dynamic = make.dynamic(dim, base, factor=factor, **length)
        same_bits(dynamic.at(1), default)
        if factor != 3.7:  # 4.7 is not 3.7 + 1 in doubles
            same_bits(dynamic.at(8192), make.ntk(dim, base, factor=factor + 1))


@pytest.mark.parametrize("dim", [4, 64, 128])
@pytest.mark.parametrize("base", [10.0, 1e4, 5e5])
def test_yarn_without_a_ramp(dim, base):
    """Turns at which c(beta) is `share` of all channels: c runs to dim - 1."""

    def yarn(*shares):
        fast, slow = (4096 / (2 * np.pi) * base ** (-2 * s) for s in shares)
        return RopeSpec.yarn(
            dim, base, factor=3.7, trained_length=4096,
            beta_fast=fast, beta_slow=slow, truncate=False,
        )  # fmt: skip

    same_bits(yarn(0.55, 0.7), RopeSpec.default(dim, base))  # behind the last pair
    linear = RopeSpec.linear(dim, base, factor=3.7)
    scaled = yarn(-0.1, 0.1 / dim)  # between the first pair and the second
    np.testing.assert_array_equal(
        scaled.turn_planes()[:, 1:], linear.turn_planes()[:, 1:]
    )
    assert scaled.inv_freq()[0] == 1.0


def test_given_frequencies_of_a_spec_are_close_to_it():
    spec = RopeSpec.default(64)
    given_again = RopeSpec.from_inv_freq(spec.inv_freq())
    np.testing.assert_array_equal(given_again.inv_freq(), spec.inv_freq())


# ---- properties ----------------------------------------------------------------------


@pytest.mark.parametrize("base", [1e4, 5e5, 1e6])
def test_scores_do_not_depend_on_the_offset(base):
    """3e-8 at any offset to 9M: numerics of float32 products, not of the angles."""
    rng = np.random.default_rng(46)
    q, k = rng.standard_normal((2, 300, 128))
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    q, k = q.astype(np.float32), k.astype(np.float32)
    spec = RopeSpec.default(128, base)

    def score(offset, distance):
        a = spec.apply(q, np.full(300, offset + distance)).astype(np.float64)
        b = spec.apply(k, np.full(300, offset)).astype(np.float64)
        return (a * b).sum(-1)

    worst = 0.0
    for distance in (1, 100, 5000):
        first = score(0, distance)
        for offset in (4096, 131072, 10**6, 9 * 10**6):
            worst = max(worst, np.abs(score(offset, distance) - first).max())
    assert worst <= 3e-8


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
positions_of_any_shape = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    elements=st.integers(-(2**53), 2**53),
)


@quick
@given(positions_of_any_shape, st.sampled_from([2, 6, 64, 130]))
def test_tables_have_the_shape_of_the_positions(p, dim):
    spec = RopeSpec.default(dim)
    cos, sin = spec.cos_sin(p)
    assert cos.shape == sin.shape == (*p.shape, dim // 2)
    flat = spec.cos_sin(p.ravel())
    np.testing.assert_array_equal(cos.reshape(-1, dim // 2), flat[0])
    np.testing.assert_array_equal(sin.reshape(-1, dim // 2), flat[1])
    assert (np.abs(cos) <= 1).all()
    assert (np.abs(sin) <= 1).all()


@quick
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=4),
    st.sampled_from(
        ["rotate_half", "rotate_interleaved", "rotate_interleaved_to_half"]
    ),
    st.integers(0, 5),
    st.integers(0, 3),
)
def test_rotations_broadcast(shapes, name, h, tail):
    rng, (of_x, of_cos, of_sin) = np.random.default_rng(47), shapes.input_shapes
    x = rng.standard_normal((*of_x, 2 * h + tail)).astype(np.float32)
    cos = rng.standard_normal((*of_cos, h)).astype(np.float32)
    sin = rng.standard_normal((*of_sin, h)).astype(np.float32)
    rotate = getattr(ufuncs, name)
    got = rotate(x, cos, sin)
    assert got.shape == (*shapes.result_shape, 2 * h + tail)
    full = [
        np.ascontiguousarray(np.broadcast_to(a, (*shapes.result_shape, a.shape[-1])))
        for a in (x, cos, sin)
    ]
    np.testing.assert_array_equal(got, rotate(*full))


@quick
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.just(16)),
        elements=st.floats(-1e3, 1e3, width=32),
    ),
    st.integers(-(2**31), 2**31),
    st.integers(-(2**31), 2**31),
    st.sampled_from(["half", "interleaved"]),
)
def test_rotations_keep_norms_and_compose(x, a, b, layout):
    spec = RopeSpec.default(16, layout=layout)
    once = spec.apply(x, a)
    size = np.linalg.norm(x.astype(np.float64), axis=-1)
    turned = np.linalg.norm(once.astype(np.float64), axis=-1)
    np.testing.assert_allclose(turned, size, rtol=1e-7, atol=1e-35)
    twice = spec.apply(once.astype(np.float64), b)
    np.testing.assert_allclose(
        twice, spec.apply(x.astype(np.float64), a + b), rtol=0, atol=1e-3
    )
    np.testing.assert_array_equal(spec.apply(x, a, inverse=True), spec.apply(x, -a))


def test_the_signature_names_every_field_and_its_default():
    parameters = inspect.signature(ri.RopeSpec).parameters
    assert list(parameters) == [f.name for f in dataclasses.fields(ri.RopeSpec)]
    assert parameters["scheme"].default is inspect.Parameter.empty
    assert parameters["beta_fast"].default == 32.0
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
