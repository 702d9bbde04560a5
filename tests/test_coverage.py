"""coverage(): which pairs meet phases never seen. Numbers from mpmath or by hand."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

import ropeinterp as ri
from ropeinterp import RopeSpec


def unturned(dim: int, base: float, trained: int) -> int:
    """Pairs whose period ``2 pi b^(2k/d)`` is longer than the trained length."""
    with mpmath.workdps(50):
        return sum(
            2 * mpmath.pi * mpmath.mpf(base) ** (mpmath.mpf(2 * k) / dim) > trained
            for k in range(dim // 2)
        )


@pytest.mark.parametrize(("dim", "base"), [(64, 1e4), (128, 5e5), (96, 1e6)])
def test_extrapolation_leaves_the_trained_range_and_interpolation_does_not(dim, base):
    outside = unturned(dim, base, 1024) / (dim // 2)
    plain = ri.coverage(RopeSpec.default(dim, base, trained_length=1024), 3000)
    assert plain.fraction_outside == plain.fraction_outside_unscaled == outside > 0
    factor = Fraction(3000, 1024)
    spec = RopeSpec.linear(dim, base, factor=factor, trained_length=1024)
    scaled = ri.coverage(spec, 3000)
    assert scaled.fraction_outside == 0
    assert scaled.fraction_outside_unscaled == outside
    assert set(scaled.kind) == {"interpolated"}


def test_linear_stays_inside_up_to_the_last_token_and_not_one_more():
    for trained in (1000, 2048, 4095):
        for length in (trained + 1, 3 * trained - 1, 2**20 + 7):
            factor = Fraction(length, trained)
            spec = RopeSpec.linear(128, factor=factor, trained_length=trained)
            assert ri.coverage(spec, length).inside.all()
            assert ri.coverage(spec, 5).reach == length
            assert not ri.coverage(spec, length + 1).inside[-1]


def test_base_scaling_interpolates_the_last_pair_only():
    spec = RopeSpec.ntk(64, factor=4, trained_length=2048)
    seen = ri.coverage(spec, 8192)
    assert seen.kind[0] == "extrapolated"
    assert seen.kind[-1] == "interpolated"
    assert set(seen.kind[1:-1]) == {"blended"}
    np.testing.assert_allclose(
        seen.period_after[-1] / seen.period_before[-1], 4, rtol=1e-15
    )
    # Any slow pair but the last is divided by less than 4, so it goes too far.
    assert (~seen.inside).sum() == unturned(64, 1e4, 2048) - 1


def test_llama3_reaches_factor_times_the_trained_length():
    spec = RopeSpec.llama3(128, 5e5, factor=8, trained_length=8192)
    slow = unturned(128, 5e5, 8192)  # low_freq_factor 1: exactly these are divided by 8
    assert (ri.coverage(spec, 65536).kind == "interpolated").sum() == slow
    assert ri.coverage(spec, 65536).inside.all()
    assert ri.coverage(spec, 131072).reach == 65536
    assert (~ri.coverage(spec, 65537).inside).sum() == slow
    assert (~ri.coverage(spec, 65537).inside_unscaled).sum() == slow


def test_dynamic_counts_as_it_is_at_the_length():
    spec = RopeSpec.dynamic(64, factor=2, trained_length=4096)
    assert set(ri.coverage(spec, 4096).kind) == {"extrapolated"}
    seen = ri.coverage(spec, 4500)
    assert seen.kind[-1] == "interpolated"
    # Scaled by 2 * 4500 / 4096 - 1 where 4500 / 4096 would do: the last pair fits.
    assert seen.inside[-1]
    growth = 2 * 4500 / 4096 - 1
    np.testing.assert_allclose(
        seen.period_after[-1] / seen.period_before[-1], growth, rtol=1e-15
    )


def test_longrope_takes_the_list_of_the_length():
    spec = RopeSpec.longrope(
        4, short_factors=[1, 1], long_factors=[1, 8], trained_length=16, factor=8
    )
    assert ri.coverage(spec, 16).kind.tolist() == ["extrapolated", "extrapolated"]
    assert ri.coverage(spec, 17).kind.tolist() == ["extrapolated", "interpolated"]
    assert ri.coverage(spec, 128).inside.tolist() == [True, True]
    assert ri.coverage(spec, 129).inside.tolist() == [True, False]


def test_pairs_that_do_not_turn_never_leave():
    spec = RopeSpec.proportional(8, partial_rotary_factor=0.5, trained_length=8)
    seen = ri.coverage(spec, 10**6)
    assert seen.kind.tolist() == ["extrapolated", "extrapolated", *["identity"] * 2]
    assert seen.period_after.tolist()[2:] == [np.inf, np.inf]
    assert seen.turns.tolist()[2:] == [0, 0]
    # 8 tokens hold a turn of 2 pi tokens but not one of 20 pi.
    assert seen.inside.tolist() == [True, False, True, True]
    assert seen.reach == 8
    # The pair of 2 pi tokens alone has seen everything.
    assert ri.coverage(RopeSpec.default(2, trained_length=8), 9).reach == np.inf


def test_periods_and_turns_of_the_unscaled_embedding():
    seen = ri.coverage(RopeSpec.linear(4, 100.0, factor=2, trained_length=1000), 2000)
    two_pi = 6.283185307179586
    np.testing.assert_allclose(seen.period_before, [two_pi, 10 * two_pi], rtol=1e-15)
    np.testing.assert_allclose(seen.period_after, [2 * two_pi, 20 * two_pi], rtol=1e-15)
    np.testing.assert_allclose(seen.turns, [1000 / two_pi, 100 / two_pi], rtol=1e-15)


def test_position_scale_counts():
    spec = RopeSpec.default(2, position_scale=2 * np.pi, trained_length=3)
    np.testing.assert_allclose(ri.coverage(spec, 3).turns, [3], rtol=1e-15)


def test_the_result_is_read_only_and_frozen():
    seen = ri.coverage(RopeSpec.default(4, trained_length=8), 16)
    with pytest.raises(ValueError, match="read-only"):
        seen.turns[0] = 1
    with pytest.raises(AttributeError):
        seen.length = 3


def test_the_trained_length_must_be_known():
    spec = RopeSpec.default(64)
    with pytest.raises(ValueError, match="trained_length"):
        ri.coverage(spec, 100)
    assert ri.coverage(spec, 100, trained_length=100).fraction_outside == 0


@pytest.mark.parametrize("bad", [0, -1, 2**53 + 1])
def test_lengths_out_of_range_are_refused(bad):
    spec = RopeSpec.default(64, trained_length=100)
    with pytest.raises(ValueError, match=r"^length"):
        ri.coverage(spec, bad)
    with pytest.raises(ValueError, match="trained_length"):
        ri.coverage(spec, 100, trained_length=bad)


@pytest.mark.parametrize("bad", [True, 1.0, "8", None])
def test_lengths_of_a_wrong_type_are_refused(bad):
    with pytest.raises(TypeError, match=r"^length must be an int"):
        ri.coverage(RopeSpec.default(64, trained_length=100), bad)
