"""read(): look-up order, notes, errors and the shape of what it returns."""

import copy
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import DATA, HERE, case_file, lines, skip_without

import ropeinterp as ri

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 8192,
}


def noted(config):
    return {note.path for note in config.notes}


# ---- both spellings --------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 4.0}},
        {"rope_theta": 5e5, "rope_scaling": {"rope_type": "linear", "factor": 4}},
        {"rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 5e5}},
        {"rope_theta": 5e5, "rope_parameters": {"type": "linear", "factor": 4}},
    ],
)
def test_spellings_of_one_embedding(spelling):
    config = ri.read(LLAMA | spelling)
    want = ri.RopeSpec.linear(128, 5e5, factor=4, length=8192)
    assert config.spec == want
    assert config.notes == ()


def test_rope_scaling_replaces_rope_parameters_with_its_theta():
    config = ri.read(
        LLAMA
        | {
            "rope_scaling": {"rope_type": "linear", "factor": 4.0},
            "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
        }
    )
    assert (config.spec.scheme, config.spec.base) == ("linear", 1e4)
    assert noted(config) == {"$.rope_parameters", "$.rope_scaling.rope_theta"}


def test_theta_in_the_dict_wins_and_the_other_one_is_noted():
    block = {"rope_type": "default", "rope_theta": 5e5}
    config = ri.read(LLAMA | {"rope_theta": 1e4, "rope_parameters": block})
    assert config.spec.base == 5e5
    assert noted(config) == {"$.rope_theta"}


def test_rope_type_wins_over_type():
    block = {"rope_type": "linear", "type": "dynamic", "factor": 2, "rope_theta": 1e4}
    config = ri.read(LLAMA | {"rope_parameters": block})
    assert config.spec.scheme == "linear"
    assert noted(config) == {"$.rope_parameters.type"}


@pytest.mark.parametrize(
    ("dialect", "trained"), [("transformers", 2048), ("transformers-4", 4096)]
)
def test_which_original_length_counts(dialect, trained):
    block = {"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 4096}
    config = ri.read(
        LLAMA
        | {
            "rope_theta": 1e4,
            "original_max_position_embeddings": 2048,
            "rope_scaling": block,
        },
        dialect=dialect,
    )
    assert config.spec.trained_length == trained
    assert (
        "is ignored" in config.notes[0].message or "not read" in config.notes[0].message
    )


def test_class_defaults_are_noted_with_their_origin():
    config = ri.read({"model_type": "smollm3"})
    assert config.spec.base == 2e6
    assert config.origins["default"]["base"] == "class default of smollm3"
    assert {"$.rope_theta", "$.hidden_size", "$.max_position_embeddings"} <= noted(
        config
    )


def test_trained_length_comes_from_the_caller_only_where_the_config_is_silent():
    block = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    assert ri.read(LLAMA | {"rope_parameters": block}).spec.trained_length is None
    told = ri.read(LLAMA | {"rope_parameters": block}, trained_length=4096)
    assert told.spec.trained_length == 4096
    assert told.origins["default"]["trained_length"] == "argument trained_length"
    yarn = block | {"rope_type": "yarn", "original_max_position_embeddings": 4096}
    told = ri.read(LLAMA | {"rope_parameters": yarn}, trained_length=1024)
    assert told.spec.trained_length == 4096


@given(st.permutations([*LLAMA, "rope_theta", "rope_scaling"]))
def test_order_of_keys_does_not_matter(order):
    block = {"type": "linear", "factor": 2.0}
    config = LLAMA | {"rope_theta": 1e6, "rope_scaling": block}
    assert ri.read({k: config[k] for k in order}) == ri.read(config)


def test_sources_of_the_same_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))

    class Config:
        def to_dict(self):
            return LLAMA

    for source in (str(path), path, tmp_path, Config()):
        assert ri.read(source) == ri.read(LLAMA)


def test_a_dialect_may_name_the_version_that_was_measured():
    config = LLAMA | {"rope_parameters": {"rope_type": "default", "rope_theta": 7e5}}
    for name, version in (("transformers", "5.23.0"), ("transformers-4", "4.57.6")):
        plain, exact = (
            ri.read(config, dialect=d) for d in (name, f"{name}=={version}")
        )
        assert plain.spec == exact.spec
        with pytest.raises(ValueError, match=f"dialect '{name}==1.0': must be one of"):
            ri.read(config, dialect=f"{name}==1.0")


def test_unknown_dialect_and_gguf(tmp_path):
    with pytest.raises(ValueError, match="dialect 'jax'"):
        ri.read(LLAMA, dialect="jax")
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(ri.ConfigError, match="not supported yet"):
        ri.read(path)


# ---- errors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"rope_type": "linear", "factor": "4"}, "$.rope_parameters.factor"),
        ({"rope_type": "linear"}, "$.rope_parameters.factor"),
        (
            {"rope_type": "yarn", "factor": 2, "truncate": 1},
            "$.rope_parameters.truncate",
        ),
        ({"rope_type": "ntk", "factor": 2}, "$.rope_parameters.rope_type"),
        ({"rope_theta": 0}, "$.rope_parameters.rope_theta"),
        (
            {
                "rope_type": "longrope",
                "short_factor": [1.0] * 64,
                "long_factor": [1.0] * 63 + [-1],
            },
            "$.rope_parameters.long_factor[63]",
        ),
    ],
)
def test_errors_name_path_value_and_reason(block, path):
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(LLAMA | {"rope_parameters": {"rope_theta": 1e4} | block})
    assert caught.value.path == path
    assert str(caught.value).startswith(path)
    assert pickle.loads(pickle.dumps(caught.value)).path == path


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"rope_scaling": {"type": "linear"}}, "missing"),
        ({"rope_scaling": {"type": "llama4", "factor": 2.0}}, "form"),
        ({"rope_scaling": {"type": "linear", "factor": "2"}}, "type"),
        ({"rope_scaling": {"type": "linear", "factor": None}}, "type"),
        ({"rope_scaling": {"type": "linear", "factor": 0}}, "range"),
        ({"rope_scaling": "linear"}, "type"),
        (
            {
                "max_position_embeddings": None,
                "rope_scaling": {
                    "type": "longrope",
                    "short_factor": [1.0],
                    "long_factor": [1.0],
                    "factor": 2.0,
                },
            },
            "form",
        ),
        ({"rope_theta": 10**400}, "range"),
        ({"labels": [[]] * 2**17}, "size"),
    ],
)
def test_errors_say_what_kind_of_fault_it_is(keys, kind):
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(LLAMA | keys)
    assert caught.value.kind == kind
    assert pickle.loads(pickle.dumps(caught.value)).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"{", "syntax"),
        (b"\xff{}", "syntax"),
        (b"[1]", "type"),
        (b'{"a": 1, "a": 2}', "form"),
        (b"[" * 200_000, "size"),
    ],
)
def test_errors_of_files_say_what_kind_of_fault_it_is(text, kind, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(text)
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(path)
    assert caught.value.kind == kind


def test_errors_name_the_whole_path_of_an_odd_key():
    name = "a and b // c"
    dicts = {name: {"rope_type": "linear", "factor": 0}}
    with pytest.raises(ri.ConfigError) as caught:
        ri.read({"layer_types": [name], "rope_parameters": dicts})
    assert caught.value.path == f"$.rope_parameters['{name}'].factor"


def test_unread_keys_are_noted_at_their_path():
    block = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4, "finetuned": 1}
    block["original_max_position_embeddings"] = 4096
    config = ri.read(LLAMA | {"rope_parameters": block})
    assert noted(config) == {
        "$.rope_parameters.finetuned",
        "$.rope_parameters.original_max_position_embeddings",
    }


# ---- layers that differ ----------------------------------------------------------


def test_one_spec_per_layer_type():
    config = ri.read(
        {
            "model_type": "gemma3_text",
            "layer_types": ["sliding_attention", "full_attention"],
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        }
    )
    full, sliding = (config.layers[f"{k}_attention"] for k in ("full", "sliding"))
    assert (full.scheme, full.base, full.factor) == ("linear", 1e6, 8.0)
    assert (sliding.scheme, sliding.base) == ("default", 1e4)
    assert config.layer_keys == ("sliding_attention", "full_attention")
    with pytest.raises(ValueError, match="full_attention, sliding_attention"):
        _ = config.spec


def test_layers_without_rotation():
    config = ri.read({"model_type": "smollm3", "num_hidden_layers": 5})
    assert config.layers["nope_layer"] is None
    assert config.layer_keys == (*["default"] * 3, "nope_layer", "default")
    assert config.spec == config.layers["default"]
    sliding = ri.read(
        {
            "model_type": "cohere2",
            "layer_types": ["sliding_attention", "full_attention"],
        }
    )
    assert sliding.layers["full_attention"] is None
    assert sliding.layer_keys == ("sliding_attention", "full_attention")


def test_theta_by_layer():
    config = ri.read({"model_type": "granite_swa", "layer_rope_theta": [1e4, 0, 5e5]})
    assert config.layer_keys == (
        "rope_theta=10000.0",
        "nope_layer",
        "rope_theta=500000.0",
    )
    assert config.layers["rope_theta=500000.0"].base == 5e5


def test_parts_of_a_composite_model():
    config = ri.read(
        {
            "model_type": "qwen2_vl",
            "text_config": {"rope_theta": 1e6, "model_type": "qwen2_vl_text"},
            "vision_config": {"model_type": "qwen2_vl", "embed_dim": 1280},
        }
    )
    assert list(config.parts) == ["vision_config", "text_config"]
    assert config.spec == config.parts["text_config"].spec
    vision = config.parts["vision_config"].spec
    assert (vision.n_axes, vision.rotary_dim, vision.dim) == (2, 80, 40)
    assert set(config.parts["vision_config"].notes) <= set(config.notes)


def test_model_without_rotary_embedding():
    assert ri.read({"model_type": "bert"}).layers == {}


def test_unknown_model_type_is_read_by_general_rules():
    config = ri.read(
        {
            "model_type": "my_own",
            "n_embd": 1024,
            "n_head": 16,
            "rotary_pct": 0.5,
            "rope_scaling": {"type": "su2"},
        }
    )
    assert (config.spec.dim, config.spec.head_dim) == (32, 64)
    assert {"$.model_type", "$.rope_scaling.type"} <= noted(config)


# ---- what notes and origins say ---------------------------------------------------


def said(config, path):
    return [note.message for note in config.notes if note.path == path]


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "deepseek_v4", "compress_rope_theta": 2e5},
        {"model_type": "dots3_note_text"},
        {"model_type": "gemma3_text", "rope_local_base_freq": 1e4},
        {
            "model_type": "step3p5",
            "rope_theta": [1e4, 5e5],
            "layer_types": ["full_attention", "sliding_attention"],
        },
    ],
)
def test_a_key_that_one_layer_type_reads_is_not_noted_by_another(config):
    assert said(ri.read({"rope_theta": 5e5} | config), "$.rope_theta") == []


def test_a_key_that_no_layer_type_reads_is_noted():
    config = ri.read({"model_type": "gpt_neox", "rope_theta": 5e5})
    assert said(config, "$.rope_theta") == ["is not read by gpt_neox"]


@pytest.mark.parametrize(
    ("model_type", "path", "message"),
    [
        ("dots3_note_text", "$.swa_rope_theta", "is missing: 50000"),
        ("deepseek_v4", "$.compress_rope_theta", "is missing: 160000"),
        ("gemma3_text", "$.rope_local_base_freq", "is missing: 10000"),
        ("gpt_neox", "$.rotary_emb_base", "is missing: 10000"),
        ("gpt_neox", "$.rotary_pct", "is missing: 0.25"),
        ("dots3_note_text", "$.qk_rope_head_dim", "is missing: 0.25 of head_dim"),
        ("gptj", "$.rope_theta", "is fixed: 10000"),
        ("roformer", "$.rope_theta", "is fixed: 10000"),
        ("bamba", "$.rope_parameters.partial_rotary_factor", "is missing: 0.5"),
        ("beam", "$.rope_parameters.rope_theta", "is missing: 10000"),
    ],
)
def test_a_class_default_is_noted_at_the_key_that_would_count(
    model_type, path, message
):
    messages = said(ri.read({"model_type": model_type}), path)
    assert messages
    assert all(m.startswith(message) for m in messages)


def test_a_factor_of_another_name_is_unread_but_not_missing():
    for model_type in ("bamba", "gpt_neox"):
        config = ri.read({"model_type": model_type, "partial_rotary_factor": 0.75})
        want = [f"is not read by {model_type}"]
        assert said(config, "$.partial_rotary_factor") == want


def test_notes_on_defaults_name_the_layer_type():
    full, sliding = said(ri.read({"model_type": "neomme"}), "$.rope_theta")
    assert full == "is missing: 1e+06 is the class default of neomme for full_attention"
    assert sliding.endswith(
        "10000 is the class default of neomme for sliding_attention"
    )


def test_layers_that_a_list_leaves_unscaled():
    block = {"rope_type": "linear", "factor": 2.0}
    config = ri.read(
        {
            "model_type": "molmo2_text",
            "rope_scaling": block,
            "rope_scaling_layers": [0],
            "num_hidden_layers": 2,
        }
    )
    assert said(config, "$.rope_scaling.rope_type") == []
    assert config.origins["unscaled"]["scheme"] == "$.rope_scaling_layers"
    assert config.layers["unscaled"].scheme == "default"
    assert config.layer_keys == ("default", "unscaled")


HEADS = {"hidden_size": 1024, "num_attention_heads": 16}
QUOTIENT = "$.hidden_size // $.num_attention_heads"


@pytest.mark.parametrize(
    ("config", "dim", "origin"),
    [
        ({"model_type": "minimax_m2", "rotary_dim": 64}, 64, "$.rotary_dim"),
        (
            {"model_type": "dots3_note_text", "qk_rope_head_dim": 64},
            64,
            "$.qk_rope_head_dim",
        ),
        (
            {"model_type": "zamba2"} | HEADS,
            128,
            "$.hidden_size * 2 // $.num_attention_heads",
        ),
        ({"model_type": "gpt_neox"} | HEADS, 16, QUOTIENT + " * class default"),
        ({"model_type": "bamba"} | HEADS, 32, QUOTIENT + " * class default"),
        ({"model_type": "pixtral"} | HEADS, 64, QUOTIENT),
        (
            {"model_type": "qwen2_5_vl_vision"} | HEADS,
            32,
            QUOTIENT + " * class default",
        ),
        ({"model_type": "gptj"}, 64, "class default of gptj"),
        ({} | HEADS, 64, QUOTIENT),
    ],
)
def test_origin_of_the_rotated_width(config, dim, origin):
    read = ri.read(config)
    name = next(iter(read.layers))
    assert (read.layers[name].dim, read.origins[name]["dim"]) == (dim, origin)


def test_origins_name_a_class_default_once_and_general_rules_as_such():
    origins = ri.read({"model_type": "deepseek_v3"} | HEADS).origins["default"]
    assert origins["base"] == "class default of deepseek_v3"
    mistral = ri.read({"model_type": "mistral4"}).origins["default"]
    assert mistral["attention_scaling"] == "class default of mistral4"
    assert (
        ri.read({"model_type": "my_own"} | HEADS).origins["default"]["base"]
        == "general rule"
    )


def test_a_trained_length_that_does_not_count_is_noted():
    block = {"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}
    path = "$.rope_parameters.original_max_position_embeddings"
    known = LLAMA | {"rope_parameters": block | {path.rpartition(".")[2]: 4096}}
    want = ["counts: the argument trained_length 1000 is not used"]
    assert said(ri.read(known, trained_length=1000), path) == want
    assert said(ri.read(known, trained_length=4096), path) == []
    dynamic = LLAMA | {"rope_parameters": block | {"rope_type": "dynamic"}}
    read = ri.read(dynamic, trained_length=1000)
    assert said(read, "$.max_position_embeddings") == want


def test_a_list_of_another_length_than_the_layers_is_noted():
    config = {"model_type": "smollm3", "num_hidden_layers": 4}
    read = ri.read(config | {"no_rope_layers": [1, 0]})
    (message,) = said(read, "$.no_rope_layers")
    assert message.startswith("has 2 entries, but $.num_hidden_layers is 4")
    read = ri.read(config | {"no_rope_layers": [1, 0, 1, 1]})
    assert said(read, "$.no_rope_layers") == []


@pytest.mark.parametrize("model_type", ["gptj", "codegen"])
def test_heads_that_rotate_their_first_channels(model_type):
    config = {"model_type": model_type, "n_embd": 1056, "n_head": 48}
    for n in (14, 15, 22):  # 15 / 22 * 22 is below 15 in float64
        spec = ri.read(config | {"rotary_dim": n}).spec
        assert (spec.head_dim, spec.dim) == (22, n)
    default = ri.read({"model_type": model_type}).spec
    assert (default.head_dim, default.dim) == (256, 64)
    with pytest.raises(ri.ConfigError, match="rotary_dim"):
        ri.read(config | {"rotary_dim": None})


def test_query_temperature_is_noted_with_its_numbers():
    config = {"model_type": "llama4_text", "attn_temperature_tuning": True}
    for more, scale, floor in (({}, 0.1, 8192), ({"attn_scale": 0.2}, 0.2, 8192)):
        (message,) = said(ri.read(config | more), "$.attn_temperature_tuning")
        assert f"1 + {scale} * ln(1 + floor((position + 1) / {floor}))" in message


def test_arguments_of_read():
    block = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    config = LLAMA | {"rope_parameters": block}
    told = ri.read(config, trained_length=np.int64(5)).spec.trained_length
    assert (told, type(told)) == (5, int)
    for wrong in (True, np.bool_(True), 5.0, "5"):
        with pytest.raises(TypeError, match="trained_length must be an int"):
            ri.read(config, trained_length=wrong)
    with pytest.raises(ValueError, match="dialect 'transformers=='"):
        ri.read(config, dialect="transformers==")


def test_what_is_read_cannot_be_changed():
    config = ri.read({"model_type": "qwen2_vl"})
    for mapping in (config.layers, config.parts, config.origins):
        with pytest.raises(TypeError):
            mapping["default"] = None
    with pytest.raises(TypeError):
        config.origins["default"]["base"] = "elsewhere"
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config


# ---- back and forth --------------------------------------------------------------

ROPE_KEYS = {
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "partial_rotary_factor",
    "original_max_position_embeddings",
}
# Their names of base and partial factor are their own.
OWN_NAMES = {"gpt_neox", "gpt_neox_japanese", "bamba"}


@pytest.mark.parametrize("version", [5, 4])
def test_to_hf_reads_back_as_the_same_spec(version):
    failed, compared = [], 0
    for record in lines(HERE / "core.jsonl"):
        config = record["config"]
        dialect = record.get("dialect", "transformers")
        if record.get("part") or record["layer"] or config["model_type"] in OWN_NAMES:
            continue
        if version == 5 and dialect != "transformers":
            continue
        spec = ri.read(config, dialect=dialect).spec
        try:
            keys = spec.to_hf(version)
        except ValueError:
            assert version == 4
            continue
        rest = {k: v for k, v in config.items() if k not in ROPE_KEYS}
        again = rest | json.loads(json.dumps(keys))
        again = ri.read(again, dialect=dialect).spec
        compared += 1
        if again != spec:
            failed.append(record["id"])
    print(f"{compared} specs written and read again")
    assert compared > 50
    assert not failed


def test_to_hf_refuses_what_has_no_words():
    with pytest.raises(ValueError, match="proportional"):
        ri.RopeSpec.proportional(64).to_hf(4)
    with pytest.raises(ValueError, match="given"):
        ri.RopeSpec.from_inv_freq([1.0]).to_hf()
    for spec, field in (
        (ri.RopeSpec.linear(8, factor=2, attention_scaling=3.0), "attention_scaling"),
        (ri.RopeSpec.default(8, logit_scale=2.0), "logit_scale"),
        (ri.RopeSpec.linear(8, factor=Fraction(10, 3)), "factor 10/3"),
        (ri.RopeSpec.linear(8, factor=2, trained_length=64), "trained_length"),
        (
            ri.RopeSpec.dynamic(8, factor=2, trained_length=64, length=128),
            "trained_length 64",
        ),
    ):
        with pytest.raises(ValueError, match=field):
            spec.to_hf()
    with pytest.raises(ValueError, match="version 3"):
        ri.RopeSpec.default(64).to_hf(3)


# ---- rotation of what was read ---------------------------------------------------


def test_readings_rotate_as_the_models_do():
    """Layouts, slices and axes: a wrong one is off by 1, float32 phases by 0.005."""
    folder = DATA / "huggingface" / "apply"
    skip_without(folder)
    cases = json.loads((folder / "index.json").read_text())
    for case in cases:
        with np.load(folder / f"{case['name']}.npz") as arrays:
            x, want, positions = (arrays[k] for k in ("x", "out", "positions"))
        if x.dtype == np.uint16:
            x, want = ((a.astype(np.uint32) << 16).view(np.float32) for a in (x, want))
        config = ri.read(case["config"])
        spec = config.layers[case["layer"]] if case["layer"] else config.spec
        got = spec.apply(x.astype(np.float32), positions, seq_axis=case["seq_axis"])
        worst = np.abs(got - want.astype(np.float32)).max() / np.abs(x).max()
        assert worst < 0.01, (case["name"], worst)
    print(f"{len(cases)} of {len(cases)} rotations agree")


def test_halves_on_two_axes_are_no_rotation():
    block = {"rope_type": "default", "mrope_section": [16, 16, 16, 16]}
    config = ri.read({"model_type": "hunyuan_vl_text", "rope_parameters": block})
    spec, x = config.spec, np.ones((3, 128))
    cos, _ = spec.cos_sin(np.arange(12).reshape(4, 3))
    assert cos.shape == (3, 128)
    for call in (
        lambda: spec.shift(x, 1),
        lambda: spec.apply(x, inverse=True),
        lambda: spec.retarget(x, [0, 1, 2], spec),
    ):
        with pytest.raises(ValueError, match="no rotation"):
            call()


def test_two_blocks_rotate_rows_and_columns_apart():
    spec = ri.read({"model_type": "gemma4_vision"}).spec
    x = np.random.default_rng(0).normal(size=(3, 64))
    row = spec.apply(x, np.array([[1, 2, 3], [0, 0, 0]]))
    assert spec.layout == "half_blocks"
    assert (row[:, 32:] == x[:, 32:]).all()
    assert (row[:, :32] != x[:, :32]).any()
    plain = ri.RopeSpec.default(32, spec.base)
    np.testing.assert_allclose(row[:, :32], plain.apply(x[:, :32], [1, 2, 3]))


@pytest.mark.parametrize(
    ("name", "length"),
    [("k12_max_seqlen", 131072), ("k12_block_size", 16384), ("k12_max_length", None)],
)
def test_no_length_is_invented(name, length):
    spec = ri.read(case_file(f"{name}.json")).spec
    assert (spec.length, spec.trained_length) == (length, length)


def test_an_unknown_length_is_asked_for():
    spec = ri.read({"hidden_size": 512, "num_attention_heads": 4}).spec
    assert spec.length is None
    with pytest.raises(ri.ParameterError, match="trained_length None: the spec does"):
        ri.coverage(spec, 4096)
