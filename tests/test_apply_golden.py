"""Rotations that the models' own functions made: every layout, three dtypes.

Tables are float32 in transformers' order from the recorded frequencies, so what is left
is the rounding of the products: 0.6 eps of the largest x measured for float32. In half
precision most models round tables, products and sums to x's dtype; ours rounds once at
the end, which may differ by 2 eps.
"""

import dataclasses
import json

import numpy as np
import pytest
from records import DATA, HERE

import ropeinterp as ri

WHOLE = DATA / "huggingface" / "apply"
FOLDER = WHOLE if WHOLE.exists() else HERE / "apply"
CASES = json.loads((FOLDER / "index.json").read_text())
EPS = {"float32": 2.0**-23, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def load(case):
    """x, the expected result and the positions, in the dtype of the case."""
    with np.load(FOLDER / f"{case['name']}.npz") as arrays:
        x, out, positions = arrays["x"], arrays["out"], arrays["positions"]
    if case["dtype"] == "bfloat16":
        bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
        x, out = x.view(bfloat16), out.view(bfloat16)
    return x, out, positions


def spec_of(case):
    config = ri.read(case["config"])
    return config.layers[case["layer"]] if case["layer"] else config.spec


def recorded(case, spec):
    """The spec with the model's own float32 frequencies, where they are known."""
    if case["inv_freq"] is None:
        return spec
    inv_freq = np.frombuffer(bytes.fromhex(case["inv_freq"]), "<f4")
    names = ("head_dim", "rotary_offset", "layout", "axis_map", "attention_scaling")
    return ri.RopeSpec.from_inv_freq(
        inv_freq, **{name: getattr(spec, name) for name in names}
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_apply_does_what_the_model_does(case):
    spec = spec_of(case)
    for name in ("layout", "rotary_dim", "rotary_offset"):
        assert getattr(spec, name) == case[name], name
    assert spec.attention_scaling == case["attention_scaling"]
    x, want, positions = load(case)
    if spec.head_dim != x.shape[-1]:  # the record holds the rotated slice alone
        spec = dataclasses.replace(spec, head_dim=x.shape[-1])
    got = recorded(case, spec).apply(
        x, positions, seq_axis=case["seq_axis"], precision="hf32"
    )
    assert got.dtype == x.dtype
    eps = EPS[case["dtype"]] * (1 if case["dtype"] == "float32" else 2)
    largest = np.abs(x.astype(np.float64)).max() * case["attention_scaling"]
    off = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
    assert off <= eps * largest


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_exact_rotation_differs_by_the_angle_error_of_float32_alone(case):
    """At position p an ulp of a frequency moves the angle by p * inv_freq * 2^-23."""
    spec = spec_of(case)
    x, want, positions = load(case)
    if spec.head_dim != x.shape[-1]:
        spec = dataclasses.replace(spec, head_dim=x.shape[-1])
    got = spec.apply(x, positions, seq_axis=case["seq_axis"])
    angle = np.abs(positions).max() * spec.inv_freq().max()
    # Two ulp of the frequency, half an ulp of the product; both axes of a pair move.
    eps = 2 * EPS[case["dtype"]] + 2 * 2.5 * 2.0**-23 * angle
    largest = np.abs(x.astype(np.float64)).max() * case["attention_scaling"]
    off = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
    assert off <= eps * largest
