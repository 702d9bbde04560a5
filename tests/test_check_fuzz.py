"""check() of what nobody would write: bytes, and real configs with values exchanged."""

import pytest
from fuzz.mutation import KEYS, NEW, OLD, mutated, real, written
from fuzz.verdict import assert_harmless, assert_read_or_refused
from hypothesis import given, settings
from hypothesis import strategies as st

import ropeinterp as ri

SEEDS = real()
# The same examples at every run: what is new is for tests/fuzz/fuzz_check.py to find.


PLAIN = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 8192,
}


@pytest.mark.parametrize("word", ["yarn", "mrope", "su", None, [], {}, 1], ids=repr)
def test_every_key_with_every_kind_of_value(word):
    typed = {"factor": 2.0} if word is None else {"rope_type": word, "factor": 2.0}
    for value in [[], {}, [1], {"a": 1}, None, True, 1.5, "\ud800", 10**400, -1]:
        for key in KEYS:
            for dict_name in (OLD, NEW):
                config = PLAIN | {dict_name: typed | {key: value}}
                ri.check(config)
                ri.check(config | {key: value})


def chooser(data):
    """Pick one of several things, as hypothesis likes."""
    return lambda things: things[data.draw(st.integers(0, len(things) - 1))]


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,0e-\\u \n').map(str.encode))
def test_any_bytes(data):
    assert_harmless(data)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.sampled_from(SEEDS), st.integers(1, 4), st.data())
def test_real_configs_with_a_few_changes(seed, count, data):
    choose = chooser(data)
    config = mutated(seed, choose, count)
    assert_harmless(config)
    assert_read_or_refused(config)
    assert_harmless(written(config, choose))
