"""The public frequency functions: what they take, what they refuse, what they name."""

import math
from fractions import Fraction

import numpy as np
import oracle
import pytest
from mpmath import mp

import ropeinterp as ri
from ropeinterp import ParameterError, frequencies
from ropeinterp.schemes import logarithm, longrope, yarn

LENGTH = {"trained_length": 4096}
CALLS = {
    "default": (frequencies.default_inv_freq, {"base": 1e4}),
    "linear": (frequencies.linear_inv_freq, {"base": 1e4, "factor": 3.7}),
    "ntk": (frequencies.ntk_inv_freq, {"base": 1e4, "factor": 3.7}),
    "dynamic": (
        frequencies.dynamic_inv_freq,
        {"base": 1e4, "factor": 3.7, "length": 9999} | LENGTH,
    ),
    "yarn": (
        frequencies.yarn_inv_freq,
        {"base": 1e4, "factor": 3.7, "beta_fast": 32, "beta_slow": 1} | LENGTH,
    ),
    "longrope": (
        frequencies.longrope_inv_freq,
        {"base": 1e4, "factors": [1.0, 2.0, 3.0, 4.0]},
    ),
    "llama3": (
        frequencies.llama3_inv_freq,
        {"base": 5e5, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}
        | LENGTH,
    ),
    "proportional": (frequencies.proportional_inv_freq, {"base": 1e4, "factor": 3.7}),
}
ARGUMENTS = [(name, a) for name, (_, args) in CALLS.items() for a in args]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_numbers_out_of_range_are_named(name, argument):
    """Never NaN in silence."""
    function, arguments = CALLS[name]
    for bad in (0.0, -1.0, np.nan, np.inf, 1e200, 1e-200, 5e-324):
        value = [1.0, bad, 1.0, 1.0] if argument == "factors" else bad
        with pytest.raises(ParameterError, match=argument) as caught:
            function(8, **arguments | {argument: value})
        assert caught.value.argument == argument
        assert caught.value.value == bad or math.isnan(bad)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_values_of_a_wrong_type_are_named(name, argument):
    function, arguments = CALLS[name]
    for bad in ("4", None, True, 1j, [object()]):
        with pytest.raises(TypeError, match=f"{argument} must be real numbers"):
            function(8, **arguments | {argument: bad})


@pytest.mark.parametrize("name", CALLS)
def test_dims_out_of_range(name):
    function, arguments = CALLS[name]
    for bad in (-2, 0, 7, 2**20 + 2, 10**30):
        with pytest.raises(ParameterError, match="dim"):
            function(bad, **arguments)
    for bad in (8.0, "8", None, True):
        with pytest.raises(TypeError, match="dim must be an int"):
            function(bad, **arguments)
    if name in ("ntk", "dynamic"):
        with pytest.raises(ParameterError, match="dim 2: must be even and at least 4"):
            function(2, **arguments)


@pytest.mark.parametrize("name", CALLS)
def test_integer_and_float_arrays_of_any_kind(name):
    function, arguments = CALLS[name]
    whole = {k: np.rint(v) for k, v in arguments.items()}
    want = function(8, **whole)
    for dtype in ("f4", "i8", "u4", ">f8"):
        given = {k: np.asarray(v).astype(dtype) for k, v in whole.items()}
        np.testing.assert_array_equal(function(np.int32(8), **given), want)


def test_yarn_needs_a_base_above_one():
    with pytest.raises(ParameterError, match=r"base 1\.0: must be finite and greater"):
        frequencies.yarn_inv_freq(8, base=1.0, trained_length=4096)


def test_lists_of_another_length():
    with pytest.raises(ValueError, match="mismatch"):
        frequencies.longrope_inv_freq(8, factors=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("bad", [0.0, -0.5, 1.5, np.nan])
def test_partial_rotary_factor(bad):
    with pytest.raises(ParameterError, match="partial_rotary_factor"):
        frequencies.proportional_inv_freq(8, partial_rotary_factor=bad)


def test_fractions_that_are_doubles_and_others():
    got = frequencies.linear_inv_freq(8, factor=Fraction(10000, 4096))
    want = ri.RopeSpec.linear(8, factor=Fraction(10000, 4096)).inv_freq()
    np.testing.assert_array_equal(got, want)
    with pytest.raises(ParameterError, match=r"factor .*no float64"):
        frequencies.linear_inv_freq(8, factor=Fraction(4096, 10000))


@pytest.mark.parametrize("base", [1e-5, 0.3, 1e31, 1e60, 1e150])
def test_bases_that_no_spec_takes_are_correctly_rounded_too(base):
    for dim in (2, 4, 64, 250):
        got = frequencies.default_inv_freq(dim, base=base)
        want = [oracle.nearest(w) for w in oracle.default(dim, base)]
        assert got.tolist() == want


def test_parameters_broadcast():
    bases, factors = np.array([1e4, 5e5])[:, None], np.array([1.0, 2.0, 8.0])
    for function in (
        frequencies.linear_inv_freq,
        frequencies.ntk_inv_freq,
        lambda dim, **a: frequencies.yarn_inv_freq(dim, **a, **LENGTH),
        lambda dim, **a: frequencies.llama3_inv_freq(dim, **a, **LENGTH),
        lambda dim, **a: frequencies.dynamic_inv_freq(dim, **a, **LENGTH, length=9999),
        frequencies.proportional_inv_freq,
    ):
        got = function(16, base=bases, factor=factors)
        assert got.shape == (2, 3, 8)
        for i in range(2):
            for j in range(3):
                one = function(16, base=float(bases[i, 0]), factor=float(factors[j]))
                np.testing.assert_array_equal(got[i, j], one)


# ---- ramps and attention factors ----------------------------------------------------


def test_constants_of_the_logarithm():
    with mp.workprec(500):
        for ours, exact in ((logarithm.LN2, mp.log(2)), (logarithm.TWO_PI, 2 * mp.pi)):
            assert ours == int(mp.floor(mp.ldexp(exact, logarithm.PLACES)))


def test_logarithms_are_correctly_rounded():
    rng = np.random.default_rng(81)
    for x in [2, 1.5, 40.0, Fraction(10000, 4096), *np.exp(rng.uniform(-9, 40, 300))]:
        assert logarithm.log(x) == oracle.log(x)


def test_ramps_are_correctly_rounded():
    rng = np.random.default_rng(82)
    for _ in range(200):
        dim = 2 * int(rng.integers(1, 129))
        base, length = float(np.exp(rng.uniform(0.1, 20))), int(rng.integers(1, 2**20))
        fast, slow = np.exp(rng.uniform(-3, 6, 2)).tolist()
        for truncate in (True, False):
            got = yarn.yarn_ramp(dim, base, length, fast, slow, truncate)
            assert got == oracle.yarn_ramp(dim, base, length, fast, slow, truncate)


def test_attention_factors():
    for factor in (0.5, 1, 1.0, 4, 32.0, 40, Fraction(10000, 4096)):
        assert yarn.yarn_attention(factor) == oracle.yarn_attention(factor)
        for weights in ((1.0, 1.0), (0.707, 1.0), (1.0, 0.0), (None, 1.0), (2.0, 0.5)):
            got = yarn.yarn_attention(factor, *weights)
            assert got == oracle.yarn_attention(factor, *weights)
        got = longrope.longrope_attention(factor, 4096)
        assert got == oracle.longrope_attention(factor, 4096)
    # DeepSeek-V2: factor 40, both weights 0.707.
    assert yarn.yarn_attention(40.0, 0.707, 0.707) == 1.0


def test_base_scale():
    for factor, dim in ((4.0, 64), (1.5, 128), (2.0, 4)):
        want = oracle.MP.power(factor, oracle.MP.mpf(dim) / (dim - 2))
        assert oracle.ulps(float(ri.base_scale(factor, dim)), want) <= 16
    assert ri.base_scale([2.0, 4.0], [[64], [128]]).shape == (2, 2)
    for bad in ((0.0, 64), (np.nan, 64), (2.0, 2), (2.0, np.inf)):
        with pytest.raises(ParameterError):
            ri.base_scale(*bad)


def test_logarithms_of_factors_are_correctly_rounded():
    rng = np.random.default_rng(63)
    numbers = [2, 3.0, 40.0, 1 + 2**-52, 1e-12, Fraction(10**6, 3)]
    for x in numbers + (2.0 ** rng.uniform(-40, 40, 500)).tolist():
        exact = mp.mpf(x.numerator) / x.denominator if type(x) is Fraction else x
        with mp.workdps(60):
            assert logarithm.log(x) == float(mp.log(exact))


def test_ramps_are_whole_pairs_also_where_a_bound_is_nearly_one():
    """Betas for which the bound is an integer but for the last bit of a double."""
    rng = np.random.default_rng(64)
    for _ in range(300):
        dim, k = 2 * int(rng.integers(8, 129)), int(rng.integers(1, 8))
        base, trained = float(rng.uniform(2, 1e6)), int(rng.integers(2**10, 2**20))
        near = trained / (2 * math.pi * base ** (2 * k / dim))
        for beta in (near, near * (1 + 2**-52), near * (1 - 2**-53), near * 1.01):
            with mp.workdps(60):
                turns = mp.mpf(trained) / (2 * mp.pi * mp.mpf(beta))
                bound = dim * mp.log(turns) / (2 * mp.log(mp.mpf(base)))
                want = (
                    float(max(mp.floor(bound), 0)),
                    float(min(mp.ceil(bound), dim - 1)),
                )
            got = (
                yarn.yarn_ramp(dim, base, trained, beta, beta / 1e9)[0],
                yarn.yarn_ramp(dim, base, trained, beta * 1e9, beta)[1],
            )
            assert got == want
