"""Rotations: exact arithmetic, layouts, strides, flags, types, for every kernel."""

import pickle
from fractions import Fraction

import ml_dtypes
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ropeinterp as ri
from ropeinterp import ufuncs

LAYOUTS = ["half", "interleaved", "interleaved_to_half"]
KINDS = ["float16", "bfloat16", "float32", "float64"]


def rotate_of(core, layout, kind):
    suffix = "_bfloat16" if kind == "bfloat16" else ""
    return getattr(core, f"{'_' if suffix else ''}rotate_{layout}{suffix}")


def rope_of(core, layout, kind):
    name = "rope" if layout == "half" else f"rope_{layout}"
    return getattr(core, f"_{name}_bfloat16" if kind == "bfloat16" else name)


def table_kind(kind):
    """Type of the tables and of the arithmetic."""
    return "float64" if kind == "float64" else "float32"


def random_x(rng, shape, kind):
    x = rng.standard_normal(shape)
    if kind == "bfloat16":
        return x.astype(ml_dtypes.bfloat16).view(np.uint16)
    return x.astype(kind)


def values(array, kind):
    """The numbers of an array; bfloat16 arrives as bits."""
    return array.view(ml_dtypes.bfloat16) if kind == "bfloat16" else array


def random_tables(rng, shape, kind):
    """Any numbers: rotations must not use that c^2 + s^2 = 1."""
    return [rng.standard_normal(shape).astype(table_kind(kind)) for _ in range(2)]


def halves(layout, x, h):
    """The two halves of the pairs in the rotated slice of x."""
    if layout == "half":
        return x[..., :h], x[..., h : 2 * h]
    return x[..., 0 : 2 * h : 2], x[..., 1 : 2 * h : 2]


RESULT = {"half": "half", "interleaved": "interleaved", "interleaved_to_half": "half"}


# ---- values -------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_product_and_the_sum_are_rounded_once(core, layout, kind):
    """float16 and bfloat16 go through float32 and are rounded once more."""
    rng = np.random.default_rng(21)
    h, wide = 19, table_kind(kind)
    x = random_x(rng, (8, 2 * h + 3), kind)
    c, s = random_tables(rng, (8, h), kind)
    y = rotate_of(core, layout, kind)(x, c, s)

    def rounded(value):
        return oracle.nearest(value, wide)

    def numbers(array):
        return [[Fraction(float(v)) for v in row] for row in array]

    a, b = (numbers(v) for v in halves(layout, values(x, kind), h))
    cos, sin = numbers(c), numbers(s)
    got = halves(RESULT[layout], values(y, kind), h)
    for i in range(8):
        for j in range(h):
            p, q, u, v = a[i][j], b[i][j], cos[i][j], sin[i][j]
            first = rounded(rounded(p * u) - rounded(q * v))
            second = rounded(rounded(q * u) + rounded(p * v))
            assert Fraction(float(got[0][i, j])) == oracle.nearest(first, kind)
            assert Fraction(float(got[1][i, j])) == oracle.nearest(second, kind)
    np.testing.assert_array_equal(y[:, 2 * h :], x[:, 2 * h :])


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_every_narrow_number_survives_the_identity(core, kind):
    every = np.arange(2**16, dtype=np.uint16).reshape(-1, 1)
    x = np.concatenate([every, np.zeros_like(every)], axis=1)
    one, zero = np.float32([1.0]), np.float32([0.0])
    if kind == "float16":
        x = x.view(np.float16)
    y = rotate_of(core, "half", kind)(x, one, zero).view(np.uint16)[:, 0]
    is_nan = np.isnan(values(x, kind)[:, 0].astype(np.float32))
    np.testing.assert_array_equal(y[~is_nan], every[~is_nan, 0])
    again = np.ascontiguousarray(y[is_nan])
    again = again.view(np.float16 if kind == "float16" else ml_dtypes.bfloat16)
    assert np.isnan(again.astype(np.float32)).all()


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_stores_round_any_float32(core, kind):
    """x = 1 and a cosine of any bits: the store is all that rounds."""
    rng = np.random.default_rng(22)
    patterns = rng.integers(0, 2**32, 400_000, dtype=np.uint32)
    boundaries = np.arange(0, 2**32, 2**12, dtype=np.int64)
    near = (boundaries[:, None] + [-1, 0, 1]).ravel() & 0xFFFFFFFF
    cos = np.concatenate([patterns, near.astype(np.uint32)]).view(np.float32)[:, None]
    x = {"float16": np.float16([1, 0]), "bfloat16": np.uint16([0x3F80, 0])}[kind]
    y = rotate_of(core, "half", kind)(x, cos, np.float32([0.0]))[:, 0]
    with np.errstate(all="ignore"):
        want = cos[:, 0].astype(np.float16 if kind == "float16" else "bfloat16")
    got = values(np.ascontiguousarray(y), kind)
    nan = np.isnan(cos[:, 0])
    assert np.isnan(got[nan].astype(np.float32)).all()
    np.testing.assert_array_equal(got[~nan].view(np.uint16), want[~nan].view(np.uint16))


def refuses_wide_rows(core, kind, h):
    """A row that changes its layout in place must fit one tile."""
    x = random_x(np.random.default_rng(20), (1, 2 * h), kind)
    table = np.ones((1, h), table_kind(kind))
    with pytest.raises(ValueError, match=rf"{h} pairs.* at most 512"):
        rotate_of(core, "interleaved_to_half", kind)(x, table, table)
    with pytest.raises(ValueError, match=rf"{h} pairs.* at most 512"):
        rope_of(core, "interleaved_to_half", kind)(x, 0.0, np.zeros((7, h)), 1.0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("h", [1, 2, 3, 7, 32, 64, 511, 512, 513, 600, 1024, 5000])
def test_rope_is_rotate_of_cos_sin_bit_for_bit(core, layout, kind, h):
    """Any width: from 512 pairs on, rows are cut into tiles."""
    if layout == "interleaved_to_half" and h > 512:
        refuses_wide_rows(core, kind, h)
        return
    rng = np.random.default_rng(h)
    n, tail = (5, 3) if h > 500 else (37, 3)
    planes = core._frequencies("default", h, (2 * h, 5e5), (), True)
    positions = rng.integers(-(2**31), 2**31, n).astype(float)
    positions[:2] = 0.5, 2.0**40 + 1
    x = random_x(rng, (n, 2, 2 * h + tail), kind)
    scale = 1.1386294361119891
    dtype = np.dtype(table_kind(kind))
    tables = core.cos_sin(
        positions, planes, scale, signature=(None, None, None, dtype, dtype)
    )
    want = rotate_of(core, layout, kind)(x, *(t[:, None, :] for t in tables))
    got = rope_of(core, layout, kind)(x, positions, planes, scale)
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(oracle.as_bits(got), oracle.as_bits(want))


@pytest.mark.parametrize("kind", KINDS)
def test_layouts_are_permutations_of_each_other(core, kind):
    rng = np.random.default_rng(23)
    h = 33
    x = random_x(rng, (7, 2 * h), kind)
    c, s = random_tables(rng, (7, h), kind)
    to_half = np.concatenate([np.arange(0, 2 * h, 2), np.arange(1, 2 * h, 2)])
    neighbours = rotate_of(core, "interleaved", kind)(x, c, s)
    half = rotate_of(core, "half", kind)(x[:, to_half], c, s)
    both = rotate_of(core, "interleaved_to_half", kind)(x, c, s)
    for got in (neighbours[:, to_half], both):
        np.testing.assert_array_equal(oracle.as_bits(got), oracle.as_bits(half))


def test_all_instruction_sets_give_the_same_bits(every_core):
    for kind in KINDS:
        for layout in LAYOUTS:
            for h in (5, 64, 500 if layout == "interleaved_to_half" else 700):
                rng = np.random.default_rng(24)
                x = random_x(rng, (11, 2 * h + 1), kind)
                c, s = random_tables(rng, (11, h), kind)
                results = {
                    rotate_of(core, layout, kind)(x, c, s).tobytes()
                    for core in every_core
                }
                assert len(results) == 1


# ---- layouts of memory --------------------------------------------------------------


def misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def spread(array):
    """The same numbers with every axis strided."""
    big = np.zeros([3 * n + 1 for n in array.shape], array.dtype)
    view = big[tuple(slice(1, None, 3) for _ in array.shape)]
    view[...] = array
    return view


STORAGE = {
    "negative": lambda a: a[::-1, :, ::-1].copy()[::-1, :, ::-1],
    "transposed": lambda a: np.asfortranarray(a),
    "heads inside": lambda a: a.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "channels outside": lambda a: a.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "every third": spread,
    "misaligned": misaligned,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "swapped, misaligned": lambda a: misaligned(a.astype(a.dtype.newbyteorder())),
}


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_storage_does_not_show(core, storage, layout, kind):
    rng, stored = np.random.default_rng(25), STORAGE[storage]
    n, heads, h = 6, 3, 9
    x = random_x(rng, (n, heads, 2 * h + 2), kind)
    planes = core._frequencies("default", h, (2 * h, 1e4), (), True)
    positions = np.arange(10.0, 10.0 + n)
    c, s = random_tables(rng, (n, heads, h), kind)
    rope, rotate = rope_of(core, layout, kind), rotate_of(core, layout, kind)
    plain = {"rope": rope(x, positions, planes, 1.5), "rotate": rotate(x, c, s)}
    odd_planes = stored(planes[:, None, :])[:, 0, :]
    odd_positions = stored(positions[:, None, None])[:, 0, 0]
    got = {
        "rope": rope(stored(x), odd_positions, odd_planes, 1.5),
        "rotate": rotate(stored(x), stored(c), stored(s)),
    }
    out = stored(np.zeros_like(x))
    assert rope(stored(x), odd_positions, odd_planes, 1.5, out=out) is out
    got["out"], plain["out"] = out.astype(x.dtype), plain["rope"]
    in_place = stored(x)
    rotate(in_place, stored(c), stored(s), out=in_place)
    got["in place"], plain["in place"] = in_place.astype(x.dtype), plain["rotate"]
    in_place = stored(x)
    rope(in_place, odd_positions, odd_planes, 1.5, out=in_place)
    got["rope in place"] = in_place.astype(x.dtype)
    plain["rope in place"] = plain["rope"]
    for name, array in got.items():
        np.testing.assert_array_equal(
            oracle.as_bits(array), oracle.as_bits(plain[name]), err_msg=name
        )


@st.composite
def views(draw):
    """A function that stores an array of three axes in some odd way."""
    order = draw(st.permutations(range(3)))
    steps = draw(st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=3, max_size=3))
    offsets = draw(st.lists(st.integers(0, 2), min_size=3, max_size=3))
    shift, swap = draw(st.integers(0, 7)), draw(st.booleans())

    def store(a):
        dtype = a.dtype.newbyteorder() if swap else a.dtype
        shape = [offsets[i] + abs(steps[i]) * max(a.shape[i], 1) + 1 for i in range(3)]
        inner = [shape[i] for i in order]
        raw = np.zeros(int(np.prod(inner)) * dtype.itemsize + shift, np.uint8)
        big = raw[shift:].view(dtype).reshape(inner).transpose(np.argsort(order))
        part = tuple(
            slice(offsets[i], offsets[i] + abs(steps[i]) * a.shape[i], abs(steps[i]))
            for i in range(3)
        )
        view = big[part][tuple(slice(None, None, -1 if s < 0 else 1) for s in steps)]
        view[...] = a
        return view

    return store


@settings(max_examples=150, deadline=None)
@given(
    views(),
    views(),
    views(),
    st.sampled_from(KINDS),
    st.sampled_from(LAYOUTS),
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)),
    st.integers(0, 2),
)
def test_any_storage_gives_the_bits_of_the_plain_one(
    of_x, of_tables, of_out, kind, layout, shape, tail
):
    rng, (n, heads, h) = np.random.default_rng(34), shape
    x = random_x(rng, (n, heads, 2 * h + tail), kind)
    c, s = random_tables(rng, (n, heads, h), kind)
    planes = ri._core._frequencies("default", h, (max(2 * h, 2), 1e4), (), True)
    p = np.arange(float(n))
    rotate, rope = rotate_of(ri._core, layout, kind), rope_of(ri._core, layout, kind)
    want = rotate(x, c, s), rope(x, p, planes, 1.25)
    out = of_out(np.zeros_like(x))
    rotate(of_x(x), of_tables(c), of_tables(s), out=out)
    assert out.astype(x.dtype).tobytes() == want[0].tobytes()
    odd_planes = of_tables(planes[:, None, :])[:, 0]
    odd_p = of_x(p[:, None, None])[:, 0, 0]
    rope(of_x(x), odd_p, odd_planes, 1.25, out=out)
    assert out.astype(x.dtype).tobytes() == want[1].tobytes()


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_tables_in_any_storage(core, kind):
    planes = core._frequencies("default", 600, (1200, 1e4), (), True)
    positions = np.arange(7.0)
    dtype = np.dtype(kind)
    signature = (None, None, None, dtype, dtype)
    want = core.cos_sin(positions, planes, 1.0, signature=signature)
    out = [spread(np.zeros((7, 600), kind)) for _ in range(2)]
    core.cos_sin(positions, spread(planes), 1.0, out=tuple(out), signature=signature)
    for a, b in zip(out, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("h", [4, 511, 512, 513, 1025, 3000])
def test_in_place_in_every_layout_and_width(core, layout, h):
    if layout == "interleaved_to_half" and h > 512:
        refuses_wide_rows(core, "float32", h)
        return
    rng = np.random.default_rng(26)
    x = random_x(rng, (3, 2 * h + 1), "float32")
    c, s = random_tables(rng, (3, h), "float32")
    rotate = rotate_of(core, layout, "float32")
    want = rotate(x, c, s)
    rotate(x, c, s, out=x)
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(0, 3, 8), (4, 0, 8), (4, 3, 0), (0, 0, 0)])
def test_axes_of_length_zero(core, layout, shape):
    x = np.zeros(shape, np.float32)
    h = shape[-1] // 2
    planes = np.zeros((7, h))
    got = rope_of(core, layout, "float32")(x, np.zeros(shape[0]), planes, 1.0)
    assert got.shape == shape
    table = np.zeros((shape[0], 1, h), np.float32)
    assert rotate_of(core, layout, "float32")(x, table, table).shape == shape
    cos, sin = core.cos_sin(np.zeros(shape[0]), planes, 1.0)
    assert cos.shape == sin.shape == (shape[0], h)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_rest_of_a_row_is_copied_bit_for_bit(core, layout, kind):
    width = 64 if kind == "float64" else 32 if kind == "float32" else 16
    rng = np.random.default_rng(27)
    unsigned = np.dtype(f"u{width // 8}")
    raw = rng.integers(0, 2**width - 1, (5, 11), unsigned)
    digits, _, _ = oracle.FORMATS[kind]
    infinity = ((1 << (width - digits)) - 1) << (digits - 1)
    raw[:, 6:] = infinity | np.arange(1, 6, dtype=unsigned)  # signalling NaNs
    x = raw if kind == "bfloat16" else raw.view(kind)
    c = np.ones((5, 3), table_kind(kind))
    rotate, rope = rotate_of(core, layout, kind), rope_of(core, layout, kind)
    for y in (rotate(x, c, c), rope(x[:, None], np.arange(5.0), np.zeros((7, 3)), 1.0)):
        np.testing.assert_array_equal(
            oracle.as_bits(y).reshape(5, 11)[:, 6:], raw[:, 6:]
        )
    far = np.zeros((5, 22), x.dtype)[:, ::2]
    rotate(x, c, c, out=far)
    np.testing.assert_array_equal(oracle.as_bits(far)[:, 6:], raw[:, 6:])


# ---- NaN, infinity, flags -----------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_number_stays_in_its_pair_and_warns_nobody(core, layout, kind, bad):
    h = 21
    x = np.random.default_rng(28).standard_normal((4, 2 * h))
    a, b = halves(layout, x, h)
    a[2, 5] = b[3, 20] = bad
    if kind == "bfloat16":
        x = x.astype(ml_dtypes.bfloat16).view(np.uint16)
    else:
        x = x.astype(kind)
    c, s = random_tables(np.random.default_rng(29), (4, h), kind)
    planes = core._frequencies("default", h, (2 * h, 1e4), (), True)
    with np.errstate(all="raise"):
        results = [
            rotate_of(core, layout, kind)(x, c, s),
            rope_of(core, layout, kind)(x[:, None], 3.0, planes, 1.0)[:, 0],
        ]
    for y in results:
        first, second = halves(RESULT[layout], values(y, kind).astype(float), h)
        expected = np.zeros((4, h), bool)
        expected[2, 5] = expected[3, 20] = True
        np.testing.assert_array_equal(~np.isfinite(first), expected)
        np.testing.assert_array_equal(~np.isfinite(second), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_overflow_and_underflow_raise_no_flag(core, kind):
    top = {"float16": 65504.0, "bfloat16": 3e38, "float32": 3e38, "float64": 1.7e308}
    x = np.array([[top[kind], top[kind], 1e-5, 1e-5]])
    if kind == "bfloat16":
        x = x.astype(ml_dtypes.bfloat16).view(np.uint16)
    else:
        x = x.astype(kind)
    tiny = np.array([2.0, 1e-38 if kind != "float64" else 1e-307], table_kind(kind))
    with np.errstate(all="raise"):
        y = rotate_of(core, "half", kind)(x, tiny, tiny)
        core.cos_sin(1e-300, np.full((7, 1), 1e-10), 1e-300)
    assert np.isinf(values(y, kind).astype(float)[0, 2])


# ---- shapes that cannot be right ----------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_too_few_channels_are_refused_with_both_numbers(core, layout, kind):
    x = random_x(np.random.default_rng(30), (2, 7), kind)
    table = np.ones((2, 4), table_kind(kind))
    with pytest.raises(ValueError, match=r"7 channels.* 8 that 4 pairs"):
        rotate_of(core, layout, kind)(x, table, table)
    with pytest.raises(ValueError, match=r"7 channels.* 8 that 4 pairs"):
        rope_of(core, layout, kind)(x, 1.0, np.zeros((7, 4)), 1.0)


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 8])
def test_planes_with_another_number_of_rows_are_refused(core, rows):
    planes = np.zeros((rows, 4))
    x = np.zeros((1, 8), np.float32)
    for call in (
        lambda: core.cos_sin(1.0, planes, 1.0),
        lambda: core._cos_sin_bfloat16(1.0, planes, 1.0),
        lambda: core.rope(x, 1.0, planes, 1.0),
    ):
        with pytest.raises(ValueError, match=rf"{rows} rows.* 7, pairs"):
            call()


def test_arrays_of_size_one_never_read_past_their_end(core):
    """dask infers types with them; strides of such axes can be anything."""
    rows = np.full((7, 1), 0.25)
    rows[0] = 0.125
    one = rows[:1]
    cos, sin = core.cos_sin(1.0, one, 1.0)
    assert cos.shape == sin.shape == (1,)
    x = np.ones((1, 2), np.float32)
    with pytest.raises(ValueError, match="1 rows"):  # two channels are real data
        core.rope(x, 1.0, one, 1.0)
    assert core.rope(x[:, :1], 1.0, one, 1.0).tolist() == [[1.0]]
    assert core.rotate_half(x[0, :1], np.float32([0.0]), np.float32([1.0])) == 1.0
    whole = core.cos_sin(1.0, np.repeat(one, 7, axis=0), 1.0)
    assert (cos, sin) == whole  # the one row stands for all


def test_widths_of_cos_and_sin_must_agree(core):
    x = np.ones((2, 8), np.float32)
    with pytest.raises(ValueError, match="mismatch"):
        core.rotate_half(x, np.ones((2, 4), np.float32), np.ones((2, 3), np.float32))


def test_rows_without_channels(core):
    """Zero channels in views that keep the strides of their whole arrays."""
    x, y = np.zeros((3, 2, 8), np.float32), np.ones((3, 2, 8), np.float32)
    for name in ("rope", "rope_interleaved", "rope_interleaved_to_half"):
        rope = getattr(core, name)
        got = rope(x[..., :0], np.arange(3.0), np.zeros((7, 0)), 1.0, out=y[..., :0])
        assert got.shape == (3, 2, 0)
    assert (y == 1).all()


def test_positions_out_of_range_give_nan(core):
    planes = core._frequencies("default", 2, (4, 1e4), (), True)
    for p in (2.0**54, -1e200, np.inf, np.nan):
        assert all(np.isnan(t).all() for t in core.cos_sin(p, planes, 1.0))


# ---- NumPy's conventions ------------------------------------------------------------


@pytest.mark.parametrize("name", ["rotate_half", "rope"])
@pytest.mark.parametrize(
    ("given", "result"),
    [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), (">f2", "f2"), (">f4", "f4"),
     ("i8", "f8"), ("i2", "f4"), ("?", "f2")],
)  # fmt: skip
def test_types_of_results(core, name, given, result):
    x = np.ones((2, 8), given)
    planes = core._frequencies("default", 4, (8, 1e4), (), True)
    table = core.cos_sin(np.arange(2.0), planes, 1.0)
    operands = table if name == "rotate_half" else (3, planes, 1)
    assert getattr(core, name)(x, *operands).dtype == np.dtype(result)


@pytest.mark.parametrize("given", ["O", "c8", "U4", "M8[s]", "g"])
def test_types_without_a_loop_are_refused(core, given):
    x = np.ones((2, 8)).astype(given) if given != "M8[s]" else np.zeros((2, 8), given)
    table = np.ones((2, 4), np.float32)
    with pytest.raises(TypeError):
        core.rotate_half(x, table, table)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_positions_of_every_integer_type(core, kind):
    planes = core._frequencies("default", 4, (8, 1e4), (), True)
    p = np.array([0, 1, 2, 100], kind)
    want = core.cos_sin(p.astype(float), planes, 1.0)
    got = core.cos_sin(p, planes, 1.0, casting="same_kind")
    for a, b in zip(got, want, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


def test_tables_default_to_float32_and_obey_dtype(core):
    planes = core._frequencies("default", 4, (8, 1e4), (), True)
    assert core.cos_sin(1, planes, 1.0)[0].dtype == np.float32
    wide = core.cos_sin(3, planes, 1.0, dtype=np.float64)
    assert wide[0].dtype == np.float64
    exact = oracle.cos_sin(3, oracle.default(8, 1e4)[1])
    assert oracle.ulps(wide[0][1], exact[0]) <= 1.0
    assert core.cos_sin(3, planes, 1.0, dtype=np.float16)[1].dtype == np.float16


def test_axes(core):
    rng = np.random.default_rng(31)
    planes = core._frequencies("default", 16, (32, 1e4), (), True)
    x = rng.standard_normal((2, 5, 7, 32)).astype(np.float32)  # batch, heads, seq, d
    positions = np.arange(7.0)
    how = [(1, 3), (), (0, 1), (), (1, 3)]
    got = core.rope(x, positions, planes, 1.0, axes=how)
    want = core.rope(x.transpose(0, 2, 1, 3), positions, planes, 1.0)
    np.testing.assert_array_equal(got, want.transpose(0, 2, 1, 3))
    out = np.empty_like(x)
    core.rope(x, positions, planes, 1.0, axes=how, out=out)
    np.testing.assert_array_equal(out, got)
    first = core.rotate_half(
        x.transpose(3, 0, 1, 2),
        *core.cos_sin(positions, planes, 1.0),
        axes=[(0,), (1,), (1,), (0,)],
    )
    np.testing.assert_array_equal(first.transpose(1, 2, 3, 0), got)


def test_heads_positions_and_scales_broadcast(core):
    rng = np.random.default_rng(32)
    planes = core._frequencies("default", 4, (8, 1e4), (), True)
    x = rng.standard_normal((3, 1, 2, 8)).astype(np.float32)
    p, scale = np.arange(5.0), np.array([[1.0], [2.0], [0.5]])
    got = core.rope(x, p, planes, scale)
    assert got.shape == (3, 5, 2, 8)
    for i in range(3):
        for j in range(5):
            one = core.rope(x[i, 0], p[j], planes, scale[i, 0])
            np.testing.assert_array_equal(got[i, j], one)


def test_planes_per_position_broadcast(core):
    """One set of frequencies for each row, in wide heads too."""
    sets = np.array([1e4, 5e5, 1e6])
    planes = np.stack(
        [core._frequencies("default", 700, (1400, b), (), True) for b in sets.flat]
    )
    x = np.random.default_rng(33).standard_normal((3, 2, 1400)).astype(np.float32)
    got = core.rope(x, 9.0, planes, 1.0)
    cos, sin = core.cos_sin(9.0, planes, 1.0)
    for i in range(3):
        np.testing.assert_array_equal(got[i], core.rope(x[i], 9.0, planes[i], 1.0))
        one = core.cos_sin(9.0, planes[i], 1.0)
        np.testing.assert_array_equal((cos[i], sin[i]), one)


@pytest.mark.parametrize("name", ufuncs.__all__)
def test_ufuncs_pickle_and_have_help(name):
    ufunc = getattr(ufuncs, name)
    assert isinstance(ufunc, np.ufunc)
    assert pickle.loads(pickle.dumps(ufunc)) is ufunc
    assert ufunc.__doc__.lstrip().startswith(f"{name}(")


def test_the_instruction_set_is_named(core):
    assert core.isa in core.isas
    assert core.isas == ri._core.isas
    assert ri._core.isa == ri._core.isas[-1] or ri._core.isa in ri._core.isas


# ---- large results are written around the caches -----------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("layout", ["half", "interleaved_to_half"])
def test_streamed_results_have_the_same_bits(dtype, layout):
    """Out of place from 32 MB on; in place never, so the two can be compared."""
    kind = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    rng = np.random.default_rng(33)
    x = rng.standard_normal((33, 4100, 136), np.float32).astype(kind)
    spec = ri.RopeSpec.default(96, head_dim=136, layout=layout)
    out = spec.apply(x, out=np.empty_like(x))
    shifted = np.empty(x.size + 1, x.dtype)[1:].reshape(x.shape)  # no aligned rows
    spec.apply(x, out=shifted)
    spec.apply(x, out=x)
    for result in (out, shifted):
        np.testing.assert_array_equal(oracle.as_bits(result), oracle.as_bits(x))
