"""ropeinterp.torch.verify: planted faults have names, healthy models have none."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed"
)
rt = pytest.importorskip("ropeinterp.torch")

import tiny  # noqa: E402

import ropeinterp as ri  # noqa: E402

LINEAR = {"rope_type": "linear", "rope_theta": 5e5, "factor": 4.0}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_models_as_they_are_built_deviate_in_nothing(name):
    report = rt.verify(tiny.model(name))
    assert report.ok
    assert report.checked
    assert not report.unchecked
    assert str(report) == f"ok; checked: {', '.join(report.checked)}"


def test_tables_that_follow_the_length_are_no_deviation():
    grown = {"rope_parameters": DYNAMIC, "max_position_embeddings": 128}
    for model in (tiny.model("phi3"), tiny.model("llama", **grown)):
        for length in (64, 300, 64):
            tiny.logits(model, tiny.tokens(length))
            assert rt.verify(model).ok


def table(model):
    """The frequencies that a module multiplies positions by."""
    return model.model.rotary_emb.inv_freq


def overwrite(model, change, layer=""):
    module = model.model.rotary_emb
    for name in ("inv_freq", "original_inv_freq"):
        buffer = getattr(module, f"{layer}_{name}".strip("_"))
        buffer.copy_(change(buffer))


def default(base, dim=16):
    """Frequencies by hand."""
    return 1.0 / base ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def cast(dtype, back=False):
    def plant(model):
        model.to(dtype)
        return model.float() if back else model

    return plant


def on_meta(model):
    with torch.device("meta"):
        return type(model)(model.config)


def filled(value):
    return lambda model: overwrite(model, lambda f: torch.full_like(f, value))


def applied(change, layer=""):
    return lambda model: overwrite(model, change, layer)


def factor(value):
    return lambda model: setattr(model.model.rotary_emb, "attention_scaling", value)


def edited(**changes):
    return lambda model: model.config.rope_parameters.update(changes)


def one_pair(model):
    for name in ("inv_freq", "original_inv_freq"):
        getattr(model.model.rotary_emb, name)[5] *= 1.01


def swapped_layers(model):
    module = model.model.rotary_emb
    module.full_attention_inv_freq.copy_(module.sliding_attention_inv_freq)


def long_for_short(model):
    tiny.logits(model, tiny.tokens(300))
    module = model.model.rotary_emb
    module.original_inv_freq.copy_(module.long_inv_freq)


def cast_beyond_the_switch(model):
    tiny.logits(model, tiny.tokens(300))
    model.to(torch.bfloat16)


def whole_head(model):
    module = model.model.rotary_emb
    module.inv_freq = torch.nn.Buffer(default(1e4).float(), persistent=False)


def patched_before(model):
    rt.patch(model)
    model.config.rope_parameters["factor"] = 2.0


def other_config(model):
    model.config = copy.deepcopy(model.config)
    model.config.rope_parameters["rope_theta"] = 2e6


GPT_YARN = 1.3465735902799727  # 0.1 ln 32 + 1
L, LL = "llama", {"rope_parameters": LINEAR}
ALL = tuple(range(8))
# The periods of tiny.LLAMA3 pass 512 / 4 tokens, where scaling begins, at pair 2.
# Model, changes of its config, what is done to it, then kind, layer type and pairs.
FAULTS = {
    "cast to bfloat16": (L, {}, cast(torch.bfloat16), "bfloat16", "", None),
    "cast there and back": (
        L, {}, cast(torch.bfloat16, back=True), "bfloat16", "", None,
    ),
    "cast to float16": (L, {}, cast(torch.float16, back=True), "float16", "", None),
    "built on meta": (L, {}, on_meta, "meta", "", ALL),
    "memory of zeros": (L, {}, filled(0.0), "uninitialised", "", ALL),
    "memory of NaN": (L, {}, filled(torch.nan), "uninitialised", "", ALL),
    "scaled twice": (L, LL, applied(lambda f: f / 4), "scaled_twice", "", ALL),
    "never scaled": (L, LL, applied(lambda f: f * 4), "unscaled", "", ALL),
    "llama3 never scaled": (
        L, {}, applied(lambda f: default(5e5)), "unscaled", "", ALL[2:],
    ),
    "yarn never scaled": (
        "gpt_oss", {}, applied(lambda f: default(1.5e5)), "unscaled", "", None,
    ),
    "base fell back": (
        "qwen2", {}, applied(lambda f: default(1e4)), "base_10000", "", ALL[1:],
    ),
    "theta edited": (
        "qwen2", {}, edited(rope_theta=2e6), "other_base", "", ALL[1:],
    ),
    "theta of a scaled one edited": (
        "gpt_oss", {}, edited(rope_theta=3e5), "other_base", "", ALL[1:],
    ),
    "factor edited": (L, LL, edited(factor=8.0), "other_factor", "", ALL),
    "factor of llama3 edited": (L, {}, edited(factor=4.0), "other_factor", "", None),
    "another config": ("qwen2", {}, other_config, "other_base", "", ALL[1:]),
    "turning point edited": (
        L, {}, edited(original_max_position_embeddings=64), "other", "", None,
    ),
    "layer types swapped": (
        "gemma3_text", {}, swapped_layers, "other_layer_type", "full_attention", ALL,
    ),
    "one layer type cast": (
        "gemma3_text", {}, applied(lambda f: f.bfloat16(), "sliding_attention"),
        "bfloat16", "sliding_attention", None,
    ),
    "pairs in another order": (L, {}, applied(lambda f: f.flip(0)), "order", "", ALL),
    "periods": ("qwen2", {}, applied(lambda f: 1 / f), "inverse", "", ALL[1:]),
    "one pair": ("qwen2", {}, one_pair, "other", "", (5,)),
    "factor of attention missing": (
        "gpt_oss", {}, factor(1.0), "attention_scaling_missing", "", ALL,
    ),
    "factor of attention twice": (
        "gpt_oss", {}, factor(GPT_YARN**2), "attention_scaling_twice", "", ALL,
    ),
    "factor of attention": (
        "gpt_oss", {}, factor(1.1), "attention_scaling", "", ALL,
    ),
    "long list for short": ("phi3", {}, long_for_short, "other_length", "", (1, 2, 3)),
    "cast beyond the switch": (
        "phi3", {}, cast_beyond_the_switch, "bfloat16", "", None,
    ),
    "whole head rotated": ("phi3", {}, whole_head, "width", "", ALL[:4]),
    "edited after patching": (L, LL, patched_before, "other_spec", "", ALL),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_planted_faults_are_named(what):
    name, changes, plant, kind, layer, pairs = FAULTS[what]
    model = tiny.model(name, **changes)
    model = plant(model) or model
    report = rt.verify(model)
    assert not report.ok
    assert {d.kind for d in report.deviations} == {kind}
    for d in report.deviations:
        assert d.module == "model.rotary_emb"
        assert d.layer_type == layer
        assert pairs is None or d.pairs == pairs
        assert d.max_relative_error > 1e-5
        assert kind in str(report)
        assert d.message.split()[0] in [*dir(model.get_submodule(d.module)), "the"]


def test_the_size_of_a_deviation():
    model = tiny.model("qwen2")
    one_pair(model)
    for d in rt.verify(model).deviations:
        assert d.max_relative_error == pytest.approx(0.01, rel=1e-4)


def test_a_patched_model_deviates_in_nothing_even_when_it_is_cast():
    for name in tiny.CONFIGS:
        model = tiny.model(name)
        rt.patch(model)
        assert rt.verify(model.to(torch.bfloat16)).ok


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, not dict"):
        rt.verify({})
    with pytest.raises(TypeError, match="model has no config"):
        rt.verify(torch.nn.Linear(2, 2))


def test_the_table_of_a_report():
    deviation = rt.Deviation(
        "model.rotary_emb", "", "bfloat16", (0, 1, 2, 5), 0.004, "inv_freq was rounded"
    )
    report = rt.Report((deviation,), ("model.rotary_emb",), ())
    assert (
        str(report)
        == """\
1 deviation; checked: model.rotary_emb
module            layer type  kind      pairs   off by
model.rotary_emb              bfloat16  0-2, 5  4.0e-03
    inv_freq was rounded"""
    )


def test_one_module_may_stay_unchecked():
    model = tiny.model("qwen2")
    model.model.rotary_emb.other_inv_freq = torch.nn.Buffer(torch.ones(8))
    report = rt.verify(model)
    assert report.ok
    assert report.unchecked == (
        "model.rotary_emb other: the config has no spec, or several, for it",
    )


def test_a_model_without_tables_is_not_checked():
    model = torch.nn.Linear(2, 2)
    model.config = tiny.config("qwen2")
    report = rt.verify(model)
    assert report.ok
    assert str(report) == (
        "ok; checked: nothing\n"
        "not checked: no module of the model holds tables of frequencies"
    )


@pytest.mark.parametrize(
    "name", ["bamba", "falcon_h1", "granitemoehybrid", "nemotron_h"]
)
def test_class_defaults_with_an_infinity_elsewhere_can_be_read(name):
    """Their time_step_limit ends at infinity, and has nothing to do with positions."""
    model = torch.nn.Linear(2, 2)
    model.config = transformers.CONFIG_MAPPING[name]()
    assert any(
        note.path == "$.time_step_limit[1]" for note in ri.read(model.config).notes
    )
    rt.verify(model)
