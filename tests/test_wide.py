"""Frequencies: correctly rounded for every scheme, dim, base and factor."""

import csv
import json
import re
import struct
from fractions import Fraction

import numpy as np
import oracle
import pytest
from conftest import REPOSITORY
from records import DATA

import ropeinterp as ri
from ropeinterp import frequencies, ufuncs

MP = oracle.MP
DIMS = [2, 4, 6, 8, 10, 14, 22, 32, 48, 64, 80, 96, 112, 128, 160, 192, 256, 384, 512]
BASES = [1.0, 1.5, 10.0, 1e4, 12345.678, 5e5, 1e6, 1e7, 1e9, 1e12, 1e15, 1e20, 1e30]
FACTORS = [2, 3.7, 0.3, 40.0, 1.0000000001, Fraction(10000, 4096), Fraction(1000, 999)]


def check(largest, name, got, want):
    """Every entry is the double nearest to the exact value."""
    assert got.dtype == np.float64
    assert len(got) == len(want)
    worst = max(oracle.ulps(g, w) for g, w in zip(got.tolist(), want, strict=True))
    misrounded = sum(
        g != oracle.nearest(w) for g, w in zip(got.tolist(), want, strict=True)
    )
    largest(f"inv_freq {name}", worst, len(want))
    assert misrounded == 0


# ---- one scheme after the other, through the specs ---------------------------------


@pytest.mark.parametrize("base", BASES)
def test_default_is_correctly_rounded(largest, base):
    for dim in DIMS:
        got = ri.RopeSpec.default(dim, base).inv_freq()
        check(largest, "default", got, oracle.default(dim, base))


def test_every_even_dim_to_512(largest):
    for dim in range(2, 513, 2):
        got = ri.RopeSpec.default(dim, 5e5).inv_freq()
        check(largest, "default", got, oracle.default(dim, 5e5))


@pytest.mark.parametrize("dim", [1, 3, 25, 63, 127, 255, 511])
def test_odd_dims_divide_the_exponents(largest, dim):
    for base in (1.5, 1e4, 1e30):
        got = ri.RopeSpec(scheme="default", dim=dim, base=base).inv_freq()
        check(largest, "default", got, oracle.default(dim, base))


@pytest.mark.parametrize("factor", FACTORS)
def test_linear_is_correctly_rounded(largest, factor):
    for dim in (2, 64, 96, 128):
        for base in BASES:
            got = ri.RopeSpec.linear(dim, base, factor=factor).inv_freq()
            check(largest, "linear", got, oracle.linear(dim, base, factor))


@pytest.mark.parametrize("factor", FACTORS)
def test_ntk_is_correctly_rounded(largest, factor):
    for dim in (4, 6, 64, 80, 128, 512):
        for base in (1.0, 10.0, 1e4, 5e5, 1e15, 1e30):
            got = ri.RopeSpec.ntk(dim, base, factor=factor).inv_freq()
            check(largest, "ntk", got, oracle.ntk(dim, base, factor))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("seq_len", [1, 4095, 4096, 4097, 5000, 131072, 2**31, 2**53])
def test_dynamic_is_correctly_rounded(largest, factor, seq_len):
    for dim, base in ((4, 1e4), (64, 5e5), (128, 12345.678)):
        spec = ri.RopeSpec.dynamic(dim, base, factor=factor, trained_length=4096)
        want = oracle.dynamic(dim, base, factor, 4096, seq_len)
        check(largest, "dynamic", spec.inv_freq(seq_len), want)


RAMPS = [
    {},
    {"truncate": False},
    {"beta_fast": 32, "beta_slow": 4, "truncate": False},
    {"beta_fast": 1, "beta_slow": 32},  # swapped: the ramp falls
    {"beta_fast": 1, "beta_slow": 32, "truncate": False},
    {"beta_fast": 0.25, "beta_slow": 0.25},
    {"beta_fast": 1e6, "beta_slow": 1e5},  # bounds beyond the pairs are cut,
    {"beta_fast": 1e-9, "beta_slow": 1e-10},  # as in the paper's code
]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("ramp", RAMPS, ids=repr)
def test_yarn_is_correctly_rounded(largest, factor, ramp):
    for dim, base, length in ((64, 1e4, 4096), (128, 1e6, 32768), (80, 1.5e5, 1234)):
        spec = ri.RopeSpec.yarn(dim, base, factor=factor, trained_length=length, **ramp)
        want = oracle.yarn(dim, base, factor, length, **ramp)
        check(largest, "yarn", spec.inv_freq(), want)
        # One float64, the same sequence of operations: equal bits.
        assert spec.attention_scaling == oracle.yarn_attention(factor)


@pytest.mark.parametrize("base", [1.0, 1e4, 1e30])
def test_longrope_is_correctly_rounded(largest, base):
    rng = np.random.default_rng(1)
    for dim in (2, 64, 96, 256):
        short = rng.uniform(0.5, 1.5, dim // 2).tolist()
        long = np.exp(rng.uniform(0.0, 5.0, dim // 2)).tolist()
        spec = ri.RopeSpec.longrope(
            dim,
            base,
            short_factors=short,
            long_factors=long,
            trained_length=4096,
            factor=Fraction(131072, 4096),
        )
        for seq_len, factors in ((None, short), (4096, short), (4097, long)):
            want = oracle.longrope(dim, base, factors)
            check(largest, "longrope", spec.inv_freq(seq_len), want)
        assert spec.attention_scaling == oracle.longrope_attention(32, 4096)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("bounds", [(1, 4), (1.3, 17.9), (4, 1), (2, 2), (0.01, 1e5)])
def test_llama3_is_correctly_rounded(largest, factor, bounds):
    low, high = bounds
    for dim, base, length in ((128, 5e5, 8192), (64, 1e4, 10000), (96, 10.0, 2048)):
        spec = ri.RopeSpec.llama3(
            dim,
            base,
            factor=factor,
            low_freq_factor=low,
            high_freq_factor=high,
            trained_length=length,
        )
        want = oracle.llama3(dim, base, factor, low, high, length)
        check(largest, "llama3", spec.inv_freq(), want)


@pytest.mark.parametrize("partial", [1.0, 0.25, 0.3, 0.01])
@pytest.mark.parametrize("factor", [1, *FACTORS])
def test_proportional_is_correctly_rounded(largest, partial, factor):
    for head_dim, base in ((256, 1e6), (10, 1e4)):
        spec = ri.RopeSpec.proportional(
            head_dim, base, partial_rotary_factor=partial, factor=factor
        )
        want = oracle.proportional(head_dim, base, partial, factor)
        check(largest, "proportional", spec.inv_freq(), want)


def test_given_frequencies_are_themselves():
    given = [1.0, 0.1, 0.0, 3e-300, 7.25, 1e12]
    assert ri.RopeSpec.from_inv_freq(given).inv_freq().tolist() == given


def test_random_parameters_are_correctly_rounded(largest):
    rng = np.random.default_rng(2)
    for _ in range(60):
        dim = 2 * int(rng.integers(2, 129))
        base = float(np.exp(rng.uniform(0.01, 69.0)))
        factor = float(np.exp(rng.uniform(-1.0, 6.0)))
        make = ri.RopeSpec
        got = make.linear(dim, base, factor=factor).inv_freq()
        check(largest, "linear", got, oracle.linear(dim, base, factor))
        got = make.ntk(dim, base, factor=factor).inv_freq()
        check(largest, "ntk", got, oracle.ntk(dim, base, factor))
        got = make.yarn(dim, base, factor=factor, trained_length=4096).inv_freq()
        check(largest, "yarn", got, oracle.yarn(dim, base, factor, 4096))


# ---- the public functions and the gufuncs -------------------------------------------


def test_functions_of_arrays_agree_with_the_specs():
    make, length = ri.RopeSpec, {"trained_length": 4096}
    lists = np.linspace(1.0, 9.0, 32)
    pairs = [
        (frequencies.default_inv_freq(64), make.default(64)),
        (frequencies.linear_inv_freq(64, factor=3.7), make.linear(64, factor=3.7)),
        (frequencies.ntk_inv_freq(64, factor=3.7), make.ntk(64, factor=3.7)),
        (
            frequencies.dynamic_inv_freq(64, factor=3.7, length=9999, **length),
            make.dynamic(64, factor=3.7, **length).at(9999),
        ),
        (
            frequencies.yarn_inv_freq(64, factor=3.7, **length),
            make.yarn(64, factor=3.7, **length),
        ),
        (
            frequencies.longrope_inv_freq(64, factors=lists),
            make.longrope(64, short_factors=lists, long_factors=lists, **length),
        ),
        (frequencies.llama3_inv_freq(64), make.llama3(64)),
        (
            frequencies.proportional_inv_freq(64, partial_rotary_factor=0.3, factor=2),
            make.proportional(64, partial_rotary_factor=0.3, factor=2),
        ),
    ]
    for got, spec in pairs:
        np.testing.assert_array_equal(got, spec.inv_freq())


# Operands after k; one value that is in range and several that are not.
GUFUNCS = {
    "inv_freq_default": [(64, 1e4)],
    "inv_freq_linear": [(64, 1e4, 4.0)],
    "inv_freq_ntk": [(64, 1e4, 4.0)],
    "inv_freq_dynamic": [(64, 1e4, 4.0, 9000.0, 4096.0)],
    "inv_freq_yarn": [(64, 1e4, 4.0, 10.0, 23.0)],
    "inv_freq_llama3": [(64, 1e4, 8.0, 1.0, 4.0, 8192.0)],
    "inv_freq_proportional": [(64, 1e4, 8.0, 12.0)],
}


@pytest.mark.parametrize("name", GUFUNCS)
def test_pairs_may_come_in_any_order_and_layout(core, name):
    function, (parameters,) = getattr(core, name), GUFUNCS[name]
    k = np.arange(32.0)
    whole = function(k, *parameters)
    order = np.random.default_rng(3).permutation(32)
    np.testing.assert_array_equal(function(k[order], *parameters), whole[order])
    np.testing.assert_array_equal(function(k[::-1], *parameters), whole[::-1])
    np.testing.assert_array_equal(function(k[3::7], *parameters), whole[3::7])
    repeated = np.array([5.0, 5.0, 0.0, 31.0, 0.0, 1.0, 2.0, 2.0])
    np.testing.assert_array_equal(
        function(repeated, *parameters), whole[repeated.astype(int)]
    )
    out = np.full((32, 3), -1.0)
    function(k, *parameters, out=out[:, 1])
    np.testing.assert_array_equal(out[:, 1], whole)
    assert (out[:, ::2] == -1.0).all()


@pytest.mark.parametrize("name", GUFUNCS)
def test_a_sweep_is_the_loop_over_its_parameters(name):
    function, (parameters,) = getattr(ufuncs, name), GUFUNCS[name]
    k, (dim, _, *others) = np.arange(32.0), parameters
    bases = np.array([10.0, 1e4, 5e5, 1e9])
    swept = np.multiply.outer([1.0, 1.25, 2.0], others)  # (3, parameters)
    columns = [swept[:, None, j] for j in range(len(others))]
    got = function(k, dim, bases, *columns)
    assert got.shape == ((3, 4, 32) if others else (4, 32))
    for i in range(len(swept) if others else 1):
        for j, base in enumerate(bases):
            one = function(k, dim, base, *swept[i])
            np.testing.assert_array_equal(got[i, j] if others else got[j], one)


def test_sweep_of_longrope_lists():
    lists = np.random.default_rng(4).uniform(1, 9, (5, 32))
    k, bases = np.arange(32.0), np.array([1e4, 1e6])
    got = ufuncs.inv_freq_longrope(k, 64, bases[:, None], lists)
    for i, base in enumerate(bases):
        for j in range(5):
            one = ufuncs.inv_freq_longrope(k, 64, base, lists[j])
            np.testing.assert_array_equal(got[i, j], one)


@pytest.mark.parametrize("name", GUFUNCS)
def test_parameters_out_of_range_give_nan(core, name):
    function, (parameters,) = getattr(core, name), GUFUNCS[name]
    k = np.arange(32.0)
    with np.errstate(all="raise"):
        assert np.isfinite(function(k, *parameters)).all()
        for i, value in enumerate(parameters):
            wrong = [np.nan, np.inf, -1.0, -value, 0.5 if i == 0 else -np.inf]
            if i == 0:
                wrong += [0.0, 2.0**20 + 1, 1e30]
            elif i < 3:
                wrong += [0.0]
            for bad in wrong:
                if name == "inv_freq_proportional" and i == 3:
                    continue  # a count of pairs: every number compares
                if name == "inv_freq_yarn" and i == 4 and bad in (-1.0, -value):
                    continue  # the end of a falling ramp may be negative
                args = [*parameters[:i], bad, *parameters[i + 1 :]]
                result = function(k, *args)
                if name == "inv_freq_dynamic" and i == 3 and not np.isposinf(bad):
                    continue  # a length below the trained one counts as that
                assert np.isnan(result).all(), (i, bad)


@pytest.mark.parametrize("bad", [-1.0, 0.5, np.nan, np.inf, 2.0**20 + 1, 1e300])
def test_an_index_that_is_none_gives_nan_there(bad):
    got = ufuncs.inv_freq_default(np.array([0.0, bad, 1.0]), 4, 1e4)
    assert np.isnan(got[1])
    assert got[[0, 2]].tolist() == [1.0, 0.01]


# ---- turn planes --------------------------------------------------------------------

SPECS = [
    ri.RopeSpec.default(128, 1e4),
    ri.RopeSpec.default(128, 5e5),
    ri.RopeSpec.default(512, 1.5),
    ri.RopeSpec.default(64, 1e30),
    ri.RopeSpec.linear(96, 1e4, factor=Fraction(32768, 10000)),
    ri.RopeSpec.linear(64, 1e4, factor=1e-3),  # frequencies of many turns
    ri.RopeSpec.ntk(80, 12345.678, factor=3.3),
    ri.RopeSpec.yarn(128, 1e6, factor=4, trained_length=32768, truncate=False),
    ri.RopeSpec.llama3(128),
]


def exact_frequencies(spec):
    """The oracle's frequencies of one of SPECS."""
    d, b, f, n = spec.dim, spec.base, spec.factor, spec.trained_length
    twin = {
        "default": lambda: oracle.default(d, b),
        "linear": lambda: oracle.linear(d, b, f),
        "ntk": lambda: oracle.ntk(d, b, f),
        "yarn": lambda: oracle.yarn(d, b, f, n, truncate=spec.truncate),
        "llama3": lambda: oracle.llama3(d, b, f, 1, 4, n),
    }
    return twin[spec.scheme]()


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.scheme}-{s.dim}-{s.base:g}")
def test_turn_planes_hold_the_frequency(spec):
    planes = spec.turn_planes()
    assert planes.shape == (7, spec.rotary_dim // 2)
    for k, w in enumerate(exact_frequencies(spec)):
        digit = [Fraction(x) for x in planes[:5, k].tolist()]
        u = oracle.turns(w)
        # Section 4 asks for 2^-143 absolute, for float64 tables to 2^31.
        assert abs(sum(digit) - oracle.fold(u)) <= Fraction(1, 2**143)
        for value, place in zip(digit, (23, 45, 67, 89), strict=False):
            scaled = value * 2**place
            assert scaled.denominator == 1
            assert abs(scaled) <= 2**22  # 22 bits and a sign: products are exact
        assert abs(digit[4]) <= Fraction(1, 2**90)
        # Rows 5 and 6: the same, not reduced, as a double-double.
        high, low = (Fraction(x) for x in planes[5:, k].tolist())
        assert high == oracle.nearest(u)
        assert low == oracle.nearest(u - high) or abs(u - high - low) <= u / 2**106


def test_a_frequency_of_zero_has_planes_of_zero():
    planes = ri.RopeSpec.from_inv_freq([0.0, 1.0]).turn_planes()
    assert (planes[:, 0] == 0).all()
    assert not np.signbit(planes[:, 0]).any()


def test_planes_of_all_instruction_sets_are_equal(every_core):
    parameters = (128, 1e6, 4.0, 23.5, 41.25, 1.0)
    results = {
        core._frequencies("yarn", 64, parameters, (), True).tobytes()
        for core in every_core
    }
    assert len(results) == 1


# ---- the constant of src/frequencies/wide.c -----------------------------------------


def inverse_two_pi_of_source():
    text = (REPOSITORY / "src/frequencies/wide.c").read_text()
    found = re.search(r"wide_inverse_two_pi = \{\s*\{([^}]*)\}, (-?\d+)\}", text)
    limbs = [int(x.strip().rstrip("u"), 16) for x in found[1].split(",")]
    mantissa = sum(limb << 32 * i for i, limb in enumerate(limbs))
    return mantissa, 32 * len(limbs), int(found[2])


def test_inverse_two_pi_against_mpmath():
    mantissa, width, exponent = inverse_two_pi_of_source()
    assert mantissa == int(MP.nint(MP.ldexp(1 / (2 * MP.pi), width - exponent)))


def test_inverse_two_pi_against_machin_in_integers():
    one = 1 << 420

    def arctan_of_inverse(n):
        total = term = one // n
        k = 1
        while term:
            term //= -n * n
            k += 2
            total += term // k
        return total

    pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    mantissa, width, exponent = inverse_two_pi_of_source()
    half = 1 << 420 - (width - exponent) - 1
    assert mantissa == (one * one // (2 * pi) + half) >> 420 - (width - exponent)


# ---- tables made with MPFR ----------------------------------------------------------


def test_freq_csv():
    with (DATA / "numerics" / "freq.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        base, dim, k = float(row["theta"]), int(row["d"]), int(row["k"])
        spec = ri.RopeSpec.default(dim, base)
        high, low = (
            struct.unpack(">d", bytes.fromhex(row[c]))[0] for c in ("w_hi", "w_lo")
        )
        assert spec.inv_freq()[k] == high
        u = sum(Fraction(x) for x in spec.turn_planes()[:5, k].tolist())
        assert round(u % 1 * 2**128) == int(row["turns128"], 16)
        # The twins in oracle.py against MPFR: 2^-106 relative is what w_lo holds.
        w = oracle.fraction(oracle.default(dim, base)[k])
        assert abs(w - Fraction(high) - Fraction(low)) <= w / 2**105


def spec_of(row):
    args = dict(row["args"])
    if "factors" in args:
        args["short_factors"] = args["long_factors"] = args.pop("factors")
    if "partial" in args:
        args["partial_rotary_factor"] = args.pop("partial")
    if row["scheme"] == "proportional":
        args["dim"] = args.pop("head_dim")
    seq_len = args.pop("seq_len", None)
    return getattr(ri.RopeSpec, row["scheme"])(**args), seq_len


def test_schemes_jsonl():
    lines = (DATA / "numerics" / "schemes.jsonl").read_text().splitlines()
    for row in map(json.loads, lines):
        spec, seq_len = spec_of(row)
        got = oracle.as_bits(spec.inv_freq(seq_len)).tolist()
        assert got == [int(x, 16) for x in row["inv_freq"]], row["id"]
        assert spec.attention_scaling == row["attention_scaling_value"], row["id"]
