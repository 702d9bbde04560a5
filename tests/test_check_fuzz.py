"""check() of what nobody would write: bytes, and real configs with values exchanged."""

from fuzz.mutation import mutated, real, written
from fuzz.verdict import assert_harmless, assert_read_or_refused
from hypothesis import given, settings
from hypothesis import strategies as st

SEEDS = real()


def chooser(data):
    """Pick one of several things, as hypothesis likes."""
    return lambda things: things[data.draw(st.integers(0, len(things) - 1))]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0e-\\u \n').map(str.encode))
def test_any_bytes(data):
    assert_harmless(data)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(SEEDS), st.integers(1, 4), st.data())
def test_real_configs_with_a_few_changes(seed, count, data):
    choose = chooser(data)
    config = mutated(seed, choose, count)
    assert_harmless(config)
    assert_read_or_refused(config)
    assert_harmless(written(config, choose))
