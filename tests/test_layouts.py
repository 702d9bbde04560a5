"""Converted projections give the same attention scores as the original ones."""

import re
from pathlib import Path

import numpy as np
import pytest

import ropeinterp as ri

LAYOUTS = (
    "half",
    "interleaved",
    "interleaved_to_half",
    "half_reversed",
    "half_blocks",
)
HEADS, HEAD, INPUTS, TOKENS = 3, 20, 7, 5


def scores(spec, q_weight, k_weight, q_bias, k_bias, tokens):
    def heads(weight, bias):
        x = tokens @ weight.T + bias
        return spec.apply(x.reshape(TOKENS, HEADS, HEAD).swapaxes(0, 1).copy())

    q, k = heads(q_weight, q_bias), heads(k_weight, k_bias)
    return q @ k.swapaxes(-1, -2)


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS)
@pytest.mark.parametrize("offset", [0, 4])
@pytest.mark.parametrize("rotary", [16, 8])
def test_scores_survive_conversion(source, target, offset, rotary):
    rng = np.random.default_rng(1)
    projections = [rng.normal(size=(HEADS * HEAD, INPUTS)) for _ in range(2)]
    projections += [rng.normal(size=HEADS * HEAD) for _ in range(2)]
    tokens = rng.normal(size=(TOKENS, INPUTS))
    place = {"head_dim": HEAD, "rotary_offset": offset}
    converted = [
        ri.layouts.convert_projection(p, source, target, rotary_dim=rotary, **place)
        for p in projections
    ]
    want, got = (
        scores(ri.RopeSpec.default(rotary, layout=layout, **place), *parts, tokens)
        for layout, parts in ((source, projections), (target, converted))
    )
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    moved = np.flatnonzero((converted[0] != projections[0]).any(axis=1)) % HEAD
    assert ((moved >= offset) & (moved < offset + rotary)).all()


def test_conversion_and_back_is_the_identity():
    there = ri.layouts.permutation("half", "interleaved", 12, head_dim=16)
    back = ri.layouts.permutation("interleaved", "half", 12, head_dim=16)
    assert (there[back] == np.arange(16)).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("half", "spiral", 8), "spiral"),
        (("half", "interleaved", 7), "rotary_dim 7"),
        (("half", "half_blocks", 6), "rotary_dim 6"),
    ],
)
def test_wrong_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        ri.layouts.permutation(*arguments)


def test_incomplete_heads_are_refused():
    with pytest.raises(ValueError, match="whole heads"):
        ri.layouts.convert_projection(
            np.zeros((10, 2)), "half", "interleaved", head_dim=4
        )


def test_numbers_of_kernels_are_those_of_c():
    text = (Path(__file__).parents[1] / "src/kernels/kernels.h").read_text()
    names = re.search(r"enum \{ (ROPE_HALF, [\w, ]+), ROPE_LAYOUTS \};", text)[1]
    in_c = {name: number for number, name in enumerate(names.split(", "))}
    for layout in ri.layouts.LAYOUTS.values():
        name = layout.kernel.by_tables.removeprefix("rotate_").upper()
        assert layout.kernel.number == in_c[f"ROPE_{name}"]
