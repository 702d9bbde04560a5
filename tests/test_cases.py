"""Inputs cut from public reports and files: the answers that are right for them."""

import json

import pytest
from records import HERE

import ropeinterp as ri
from ropeinterp.checks import check

CASES = HERE / "cases"


def case(name):
    return json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))


def strong(keys):
    return {f.path: f.code for f in check(keys) if f.level != "info"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("k2_no_rotary_biogpt", "$.model_type"),
        ("k2_no_rotary_m2m_100", "$.model_type"),
        ("k2_no_rotary_rwkv7", "$.model_type"),
        ("k2_swin_list_heads", "$.model_type"),
        ("k2_kimi_linear_nope", "$.model_type"),
        ("k2_granitemoehybrid_nope", "$.position_embedding_type"),
        ("k2_zamba2_no_mem_rope", "$.use_mem_rope"),
        ("k2_baichuan_13b_alibi", "$.hidden_size"),
        ("k2_glm5_next_text_nope", "$.text_config.model_type"),
    ],
)
def test_a_model_without_rotary_embedding_says_why(name, path):
    config = ri.read(case(name))
    assert not config.layers
    (reason,) = [n for n in config.notes if "no rotary embedding" in n.message]
    assert reason.path == path
    assert not strong(case(name))


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"alibi": True, "hidden_size": 64, "num_attention_heads": 1}, "$.alibi"),
        ({"model_type": "granitemoehybrid", "position_embedding_type": None}, ""),
        ({"rope": False, "hidden_size": 64, "num_attention_heads": 1}, "$.rope"),
        ({"model_type": "my_mla", "qk_rope_head_dim": 0}, "$.qk_rope_head_dim"),
        ({"model_type": "my_mla", "mla_use_nope": True}, "$.mla_use_nope"),
    ],
)
def test_a_key_switches_the_embedding_off(keys, path):
    config = ri.read(keys)
    assert not config.layers
    assert [n.path for n in config.notes] == [path or "$.position_embedding_type"]


def test_a_table_that_is_built_without_use_is_read_and_said():
    config = ri.read({"model_type": "falcon", "alibi": True})
    assert config.spec.dim == 64
    assert ("$.alibi", "the rotary table exists but is not used") in [
        (n.path, n.message) for n in config.notes
    ]


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        (case("k2_inverse_chronos2"), ["$.rope_theta"]),
        (
            case("k2_inverse_mpt_rope"),
            [f"$.attn_config.{key}" for key in ("rope", "rope_theta", "rope_impl")],
        ),
        (
            {"model_type": "xlm-roberta", "position_embedding_type": "rotary"},
            ["$.position_embedding_type"],
        ),
    ],
    ids=["chronos2", "mpt", "jina"],
)
def test_rotary_keys_of_a_type_without_rotation_are_named(keys, paths):
    config = ri.read(keys)
    assert not config.layers
    assert config.notes[0].message.endswith(": " + ", ".join(paths))
    assert strong(keys) == dict.fromkeys(paths, "RI018")


def test_a_part_of_any_type_speaks_for_itself():
    keys = {"model_type": "blip-2", "vision_config": {"model_type": "vit"}}
    assert not ri.read(keys).layers
    text = {"model_type": "llama", "rope_theta": 5e5}
    config = ri.read(keys | {"text_config": text})
    assert list(config.parts) == ["text_config"]
    assert config.spec.base == 5e5


def test_parts_of_a_model_that_rotates_itself_are_read_beside_it():
    config = ri.read(case("k8_csm_depth_decoder_unread"))
    assert config.spec.trained_length == 1024
    depth = config.parts["depth_decoder_config"].spec
    assert (depth.scheme, depth.factor, depth.trained_length) == ("llama3", 32, 16)
    assert config.parts["codec_config"].model_type == "mimi"


def test_a_fault_of_a_talker_is_found():
    found = strong(case("k8_qwen3_omni_talker_unread"))
    inside = "$.talker_config.text_config.rope_scaling.rope_type"
    assert found[inside] == "RI104"


def test_sarvam_mla_is_yarn_of_64_channels():
    spec = ri.read(case("k13_sarvam_mla")).spec
    assert (spec.scheme, spec.dim, spec.factor) == ("yarn", 64, 40)
    assert spec.layout == "interleaved_to_half"
    # (0.1 ln 40 + 1)^2
    assert spec.logit_scale == pytest.approx(1.8738542070926265, rel=1e-15)


def test_blocks_of_dory_are_two_to_a_layer():
    kinds = ["sliding_attention", "full_attention"]
    blocks = [word for kind in kinds for word in (kind, "mlp")]
    for labels in (kinds, blocks):
        config = ri.read({"model_type": "dory", "layer_types": labels})
        assert config.layer_keys == tuple(kinds)
        assert [config.layers[k].base for k in kinds] == [1e4, 1e7]


def test_a_type_of_a_later_version_says_so():
    keys = {"model_type": "exaone"}
    for dialect in ("transformers", "transformers==5.24.0"):
        config = ri.read(keys, dialect=dialect)
        assert config.spec.base == 5e5
        assert not [n for n in config.notes if n.path == "$.model_type"]
    older = ri.read(keys, dialect="transformers==5.23.0")
    assert older.spec == config.spec
    assert older.dialect == config.dialect == "transformers"
    (note,) = [n for n in older.notes if n.path == "$.model_type"]
    assert "transformers 5.24.0" in note.message
    with pytest.raises(ValueError, match=r"\(==5\.23\.0 or 5\.24\.0\)"):
        ri.read(keys, dialect="transformers==5.25.0")


def test_architectures_decide_for_an_unknown_type():
    config = ri.read(case("k7_kimi_k2_architectures"))
    assert config.model_type == "kimi_k2"
    assert config.spec.layout == "interleaved_to_half"
    # (0.1 ln 32 + 1)^2
    assert config.spec.logit_scale == pytest.approx(1.8132604340394958, rel=1e-15)
    assert "deepseek_v3" in config.notes[0].message
    other = {"model_type": "own", "architectures": ["BertModel"], "rope_theta": 5e5}
    assert ri.read(other | {"hidden_size": 64, "num_attention_heads": 1}).spec


@pytest.mark.parametrize(
    ("name", "dim", "layout"),
    [
        ("k7_head_dim_before_qk_rope", 64, "half"),
        ("k7_bailing_v25_partial_on_mla", 64, "interleaved_to_half"),
        ("k7_rope_interleaved_key", 64, "interleaved"),
    ],
)
def test_widths_and_layouts_of_unknown_types(name, dim, layout):
    spec = ri.read(case(name)).spec
    assert (spec.dim, spec.layout) == (dim, layout)


def test_the_rotated_width_of_an_unknown_mla_model_has_no_share():
    keys = {"model_type": "my_mla", "qk_rope_head_dim": 64}
    config = ri.read(keys | {"partial_rotary_factor": 0.5})
    assert config.spec.dim == 64
    assert "$.partial_rotary_factor" in {note.path for note in config.notes}
