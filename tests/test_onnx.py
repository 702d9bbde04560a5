"""The RotaryEmbedding node cases of the onnx package, through our ufuncs."""

import numpy as np
import pytest

from ropeinterp import ufuncs

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
CASES = (
    "test_rotary_embedding",
    "test_rotary_embedding_3d_input",
    "test_rotary_embedding_interleaved",
    "test_rotary_embedding_no_position_ids",
    "test_rotary_embedding_no_position_ids_interleaved",
    "test_rotary_embedding_no_position_ids_rotary_dim",
    "test_rotary_embedding_with_interleaved_rotary_dim",
    "test_rotary_embedding_with_rotary_dim",
)


@pytest.fixture(scope="module")
def cases():
    """Each case: its node, its inputs, its outputs; random inputs, seeded."""
    from onnx.backend.test.case.node import rotaryembedding

    found = {}

    def collect(case, inputs, outputs, name):
        found[name] = case, inputs, outputs

    # The package's cases draw from NumPy's global generator.
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(61)  # noqa: NPY002
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotaryembedding, "expect", collect)
        for name in dir(rotaryembedding.RotaryEmbedding):
            if name.startswith("export"):
                getattr(rotaryembedding.RotaryEmbedding, name)()
    np.random.set_state(state)  # noqa: NPY002
    return found


def rotary_embedding(x, cos, sin, positions=None, **attributes):
    """The operator by its specification: only shapes here, the numbers are ours."""
    flat = x.ndim == 3
    if flat:  # (batch, sequence, hidden)
        heads = attributes["num_heads"]
        x = x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)
    if positions is not None:  # caches of (longest, pairs)
        cos, sin = cos[positions], sin[positions]
    cos, sin = cos[:, None], sin[:, None]  # one head for all
    interleaved = attributes.get("interleaved", 0)
    rotate = ufuncs.rotate_interleaved if interleaved else ufuncs.rotate_half
    y = rotate(x, cos, sin)  # what is left of a head is copied
    return y.swapaxes(1, 2).reshape(y.shape[0], y.shape[2], -1) if flat else y


@pytest.mark.parametrize("name", CASES)
def test_node_case(cases, name):
    node, inputs, (want,) = cases[name]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    got = rotary_embedding(*inputs, **attributes)
    assert got.dtype == want.dtype == np.float32
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=0, atol=1.2e-7)


def test_no_case_was_forgotten(cases):
    assert sorted(cases) == sorted(CASES)
