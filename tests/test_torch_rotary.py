"""RotaryEmbedding, patch and unpatch, on tiny models of transformers."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
rt = pytest.importorskip("ropeinterp.torch")

import tiny  # noqa: E402
import transformers  # noqa: E402

import ropeinterp as ri  # noqa: E402
from ropeinterp import RopeSpec  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*isinstance.*:FutureWarning"
)
P = torch.arange(5)[None] + 100


def phase_error(config, length):
    """How far transformers' float32 tables are off at most, of any layer type."""
    return max(
        ri.table_error(spec.at(length), length).table.max()
        for spec in ri.read(config).layers.values()
    )


# ---- patch -----------------------------------------------------------------------


@pytest.mark.parametrize("length", [20, 300])
@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_a_patched_model_agrees_within_the_phase_error_of_float32(name, length):
    model, ids = tiny.model(name), tiny.tokens(length)
    before = tiny.logits(model, ids)
    original = model.get_submodule("model.rotary_emb")
    changed = rt.patch(model)
    assert changed == {"model.rotary_emb": original}
    assert isinstance(model.model.rotary_emb, rt.RotaryEmbedding)
    after = tiny.logits(model, ids)
    # Logits below 1 of two layers: errors of tables do not grow on the way.
    bound = 2 * phase_error(model.config, length)
    assert (after - before).abs().max() < bound < 1e-3
    assert not torch.equal(after, before)
    rt.unpatch(model, changed)
    assert model.model.rotary_emb is original
    assert torch.equal(tiny.logits(model, ids), before)


def test_that_comparison_would_see_another_base():
    model, ids = tiny.model("qwen2"), tiny.tokens(20)
    before = tiny.logits(model, ids)
    model.model.rotary_emb = rt.RotaryEmbedding(RopeSpec.default(16, 9e5))
    after = tiny.logits(model, ids)
    assert (after - before).abs().max() > 10 * phase_error(model.config, 20)


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_a_cast_to_bfloat16_does_not_reach_the_phases(name):
    model = tiny.model(name)
    rt.patch(model)
    rotary = model.to(torch.bfloat16).model.rotary_emb
    assert not list(rotary.parameters())
    assert not list(rotary.buffers())
    x = torch.zeros(1, dtype=torch.bfloat16)
    for layer, spec in rotary.specs.items():
        tables = rotary(x, P, *([layer] if layer else []))
        exact = spec.cos_sin(P.numpy(), seq_len=105, dtype="bfloat16")
        for got, want in zip(tables, exact, strict=True):
            n, bits = want.shape[-1], want.view(np.uint16)
            assert got.dtype is torch.bfloat16
            assert (got.view(torch.uint16).numpy()[..., :n] == bits).all()


def test_a_model_whose_buffers_were_spoiled_is_healed():
    model, ids = tiny.model("llama"), tiny.tokens(100)
    before = tiny.logits(model, ids)
    model.model.rotary_emb.to(torch.bfloat16)
    rt.patch(model)
    assert (tiny.logits(model, ids) - before).abs().max() < phase_error(
        model.config, 100
    )


def test_generation_step_by_step_is_that_of_the_whole():
    model, ids = tiny.model("phi3"), tiny.tokens(12, batch=1)
    rt.patch(model)
    whole = tiny.logits(model, ids)
    cache = None
    for i in range(ids.shape[1]):
        with torch.no_grad():
            step = model(ids[:, i : i + 1], past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        torch.testing.assert_close(step.logits[:, 0], whole[:, i])


def test_no_state_is_left_of_longer_sequences():
    dynamic = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    model = tiny.model("llama", rope_parameters=dynamic, max_position_embeddings=64)
    rt.patch(model)
    before = tiny.logits(model, tiny.tokens(80))
    tiny.logits(model, tiny.tokens(300))
    assert torch.equal(tiny.logits(model, tiny.tokens(80)), before)
    fresh = tiny.model("llama", rope_parameters=dynamic, max_position_embeddings=64)
    difference = (tiny.logits(fresh, tiny.tokens(80)) - before).abs().max()
    assert difference < 2 * phase_error(model.config, 80)


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "gpt_oss"])
def test_a_patched_model_compiles(name):
    model = tiny.model(name)
    rt.patch(model)
    torch.compiler.reset()
    rotary = torch.compile(model.model.rotary_emb, fullgraph=True, dynamic=True)
    for length in (5, 9):
        p = torch.arange(length)[None]
        for layer in model.model.rotary_emb.specs:
            given = torch.zeros(1), p, *([layer] if layer else [])
            want = model.model.rotary_emb(*given)
            assert all(map(torch.equal, rotary(*given), want))
    torch.compiler.reset()


def test_patched_models_are_copied_pickled_and_trained():
    model, ids = tiny.model("qwen2"), tiny.tokens(8)
    rt.patch(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(tiny.logits(other, ids), tiny.logits(model, ids))
    model.train()(ids, labels=ids).loss.backward()
    assert model.model.layers[0].self_attn.q_proj.weight.grad.abs().max() > 0


OTHERS = {
    "cohere": ({}, "neighbours", None),
    "olmo2": ({}, "halves", torch.float32),
    "modernbert": ({}, "halves", None),
    "gemma4_text": ({}, "halves", None),
    "qwen2_vl_text": (
        {
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]
            }
        },
        "halves",
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_forms_of_tables_are_recognised(name):
    changes, columns, dtype = OTHERS[name]
    torch.manual_seed(7)
    model = transformers.AutoModel.from_config(tiny.config(name, **changes)).eval()
    ids = tiny.tokens(30)
    with torch.no_grad():
        before = model(ids).last_hidden_state
        assert rt.verify(model).ok
        rt.patch(model)
        after = model(ids).last_hidden_state
    for module in model.modules():
        if isinstance(module, rt.RotaryEmbedding):
            assert (module.columns, module.dtype) == (columns, dtype)
    # Normalised to about 1; the phases of 30 tokens are off by 2e-6.
    torch.testing.assert_close(after, before, rtol=0.0, atol=2e-5)


def test_only_whole_models_are_patched():
    model = tiny.model("qwen2")
    model.model.other = torch.nn.Module()
    model.model.other.inv_freq = torch.nn.Buffer(torch.ones(8))
    kept = model.model.rotary_emb
    with pytest.raises(ValueError, match=r"module model.other \(Module\) does not"):
        rt.patch(model)
    assert model.model.rotary_emb is kept
    del model.model.other
    rt.patch(model)
    with pytest.raises(ValueError, match="model has no rotary module"):
        rt.patch(model)


# ---- RotaryEmbedding -------------------------------------------------------------


def test_columns_and_types_of_the_tables():
    spec = RopeSpec.yarn(8, factor=4, trained_length=64)
    cos, _ = spec.cos_sin(P.numpy())
    x = torch.zeros(1)
    for columns, want in (
        ("halves", np.concatenate((cos, cos), -1)),
        ("neighbours", np.repeat(cos, 2, -1)),
        ("pairs", cos),
    ):
        got, _ = rt.RotaryEmbedding(spec, columns=columns)(x, P)
        assert got.numpy().tobytes() == want.tobytes()
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        assert rt.RotaryEmbedding(spec)(x.to(kind), P)[0].dtype is kind
    single = rt.RotaryEmbedding(spec, dtype=torch.float32)
    assert single(x.bfloat16(), P)[0].dtype is torch.float32


def test_positions_with_axes_and_those_of_text():
    spec = RopeSpec.default(8, axis_map=(0, 1, 2, 0))
    rotary, x = rt.RotaryEmbedding(spec, columns="pairs"), torch.zeros(1)
    p = torch.stack((P, P * 2, P * 3))
    for given in (p, P.expand(3, 1, 5)):
        want, _ = spec.cos_sin(given.numpy())
        assert rotary(x, given)[0].numpy().tobytes() == want.tobytes()
    text, _ = rotary(x, P)
    assert torch.equal(text, rotary(x, P.expand(3, 1, 5))[0])


def test_lengths_are_those_of_the_call():
    spec = RopeSpec.dynamic(8, factor=2, trained_length=64)
    rotary, x = rt.RotaryEmbedding(spec, columns="pairs"), torch.zeros(1)
    want, _ = spec.cos_sin(P.numpy(), seq_len=105)
    assert rotary(x, P)[0].numpy().tobytes() == want.tobytes()
    assert rotary(x, P[:, :0])[0].shape == (1, 0, 4)


def test_what_is_refused():
    spec, x = RopeSpec.default(8), torch.zeros(1)
    both = rt.RotaryEmbedding({"full": spec, "sliding": spec})
    with pytest.raises(ValueError, match="layer_type None: must be one of full"):
        both(x, P)
    with pytest.raises(ValueError, match="layer_type 'other'"):
        both(x, P, "other")
    with pytest.raises(TypeError, match="positions must be integers or float64"):
        both(x, P.float(), "full")
    with pytest.raises(TypeError, match=r"dtype torch.int64: must be float16"):
        both(x.long(), P, "full")
    with pytest.raises(TypeError, match="spec full must be a RopeSpec, not int"):
        rt.RotaryEmbedding({"full": 3})
    with pytest.raises(ValueError, match="columns 'other': must be one of halves"):
        rt.RotaryEmbedding(spec, columns="other")
    with pytest.raises(ValueError, match="spec splits its pairs"):
        rt.RotaryEmbedding(RopeSpec.default(4, axis_map=(0, 1, 0, 1)))


def test_it_prints_what_it_holds():
    both = {"full": RopeSpec.linear(8, factor=2), "sliding": RopeSpec.default(8)}
    text = repr(rt.RotaryEmbedding(both))
    assert text == "RotaryEmbedding(full=linear, sliding=default, columns=halves)"
    text = repr(rt.RotaryEmbedding(RopeSpec.default(8)))
    assert text == "RotaryEmbedding(default, columns=halves)"
