"""Inputs of public reports, cut to their keys: what the check says of each."""

import json

import pytest
from configs import PLAIN
from records import case

from ropeinterp.checks import check

LINEAR = {"rope_type": "linear", "factor": 2.0}


def of(findings, code):
    return [f for f in findings if f.code == code]


def levels(config, code):
    return [f.level for f in of(check(config), code)]


def without_base(**keys):
    return {k: v for k, v in PLAIN.items() if k != "rope_theta"} | keys


# ---- a method without a base ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "figure"),
    [
        # (b / 10000) ** (1 - 2 / 128): the last pair, by hand
        ("k3_llama3_linear_no_base", "500000, of Llama 3", "by up to 47x"),
        ("k3_qwen2_yarn_no_base", "1e+06, of Qwen2.5", "by up to 93.1x"),
    ],
)
def test_a_method_without_a_base_is_a_warning_with_the_figure(name, base, figure):
    (found,) = of(check(case(name)), "RI306")
    assert found.level == "warning"
    assert base in found.message
    assert figure in found.message


def test_a_missing_base_is_none_where_published_models_have_the_class_default():
    for kind in ("phi3", "gpt_oss", "llama4_text"):
        config = without_base(model_type=kind, rope_parameters=LINEAR)
        assert levels(config, "RI306") == []


def test_a_missing_base_is_a_note_where_old_files_of_the_type_left_it_out():
    assert levels(without_base(rope_scaling=LINEAR), "RI306") == ["info"]
    # transformers 5 never saves the dict without it
    assert levels(without_base(rope_parameters=LINEAR), "RI306") == ["warning"]


def test_a_missing_base_is_a_note_for_types_that_nobody_knows():
    config = without_base(model_type="my-own", rope_scaling=LINEAR)
    assert levels(config, "RI306") == ["info"]


def test_without_a_method_a_missing_base_is_no_fault():
    assert levels(without_base(model_type="qwen2"), "RI306") == []


def test_a_base_in_an_object_that_is_not_read_is_found():
    (found,) = of(check(case("k3_dbrx_attn_config_theta")), "RI110")
    assert (found.level, found.path) == ("warning", "$.attn_config.rope_theta")
    assert "10000: 63 of 64 frequencies differ, by up to 47x" in found.message
    assert not found.fix.certain


def test_a_base_under_a_name_of_unknown_code_is_a_note():
    config = case("k3_moshi_max_period")
    assert levels(config, "RI110") in (["info"], [])  # none where it is read
    assert not [f for f in check(json.dumps(config).encode()) if f.level == "error"]


# ---- misses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "level", "said"),
    [
        # 10000 * 1000 ** (128 / 126)
        ("k10_llama_dynamic_alpha", "RI118", "warning", "base 1.1159e+07"),
        ("k10_llama31_replaced_by_linear", "RI305", "warning", "Llama 3.1"),
        ("k10_llama32_1b_factor_8", "RI305", "warning", "Llama 3.2 1B has 32"),
        ("k10_phi3_longrope_no_factor", "RI218", "warning", "up to 62.1"),
        ("k10_smollm3_inverted_list", "RI217", "warning", "27 of 36 layers"),
        ("k11_exaone4_per_layer_dict", "RI116", "error", "KeyError"),
        ("k4_nomic_scaling_factor", "RI117", "warning", "dynamic scaling"),
    ],
)
def test_a_reported_fault_is_the_one_thing_said(name, code, level, said):
    strong = [f for f in check(case(name)) if f.level != "info"]
    (found,) = strong
    assert (found.code, found.level) == (code, level)
    assert said in found.message


@pytest.mark.parametrize(
    "name", ["k11_torchchat_llama3_error", "k11_nanotron_no_model_type"]
)
def test_a_file_of_another_loader_is_no_fault(name):
    assert not [f for f in check(case(name)) if f.level != "info"]


def test_yarn_scaling_that_is_switched_off_is_told_with_the_attention_factor():
    yarn = {"rope_type": "yarn", "factor": 16.0, "apply_yarn_scaling": False}
    yarn["original_max_position_embeddings"] = 8192
    config = PLAIN | {"max_position_embeddings": 131072, "rope_scaling": yarn}
    (found,) = of(check(config), "RI118")
    assert "attention factor 1.2773 against 1" in found.message  # 0.1 ln 16 + 1


def llama(hidden, factor, **keys):
    block = case("k10_llama32_1b_factor_8")["rope_scaling"] | {"factor": factor}
    sizes = {"hidden_size": hidden, "head_dim": 128, "vocab_size": 128256}
    base = {"max_position_embeddings": 131072, "rope_theta": 5e5}
    return PLAIN | sizes | base | {"rope_scaling": block} | keys


def test_the_factor_of_a_known_family_is_compared():
    assert levels(llama(3072, 8.0), "RI305") == ["warning"]
    assert levels(llama(3072, 32.0), "RI305") == []
    assert levels(llama(4096, 8.0), "RI305") == []
    assert levels(llama(4096, 32.0), "RI305") == ["warning"]
    # weights in float32 are those of another training
    assert levels(llama(3072, 8.0, dtype="float32"), "RI305") == ["info"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "linear", "factor": 2.0},
        {"type": "dynamic", "factor": 2.0},
        {
            "rope_type": "yarn",
            "factor": 2.0,
            "original_max_position_embeddings": 131072,
        },
    ],
)
def test_a_family_that_was_extended_by_another_method_is_found(block):
    config = llama(4096, 8.0, max_position_embeddings=262144)
    assert levels(config | {"rope_scaling": block}, "RI305") == ["warning"]


def qwen3(length, start):
    yarn = {"rope_type": "yarn", "factor": 4.0}
    yarn["original_max_position_embeddings"] = start
    keys = {"model_type": "qwen3", "head_dim": 128, "rope_theta": 1e6}
    return PLAIN | keys | {"max_position_embeddings": length, "rope_scaling": yarn}


def test_the_published_length_of_qwen3_is_not_the_one_of_its_training():
    (found,) = [f for f in check(qwen3(163840, 40960)) if f.level != "info"]
    assert found.code == "RI310"
    assert "17 of 64 frequencies differ, by up to 1.18x" in found.message
    assert not found.fix.certain


def test_a_published_length_with_its_margin_may_be_stretched_whole():
    assert levels(qwen3(163840, 32768), "RI302") == []
    assert levels(qwen3(40960, 32768), "RI302") == ["warning"]


@pytest.mark.parametrize(
    ("kind", "bound", "level"),
    [
        ("llama", 1.0, "warning"),
        ("llama", 4.0, "warning"),
        ("llama4_text", 1.0, "info"),
    ],
)
def test_equal_bounds_are_a_note_where_published_models_have_them(kind, bound, level):
    config = llama(5120, 8.0, model_type=kind, num_attention_heads=40)
    block = {"low_freq_factor": bound, "high_freq_factor": bound}
    config["rope_scaling"] = config["rope_scaling"] | block
    assert levels(config, "RI207") == [level]


def test_the_retired_name_of_longrope_is_told():
    lists = {"short_factor": [1.0] * 64, "long_factor": [2.0] * 64}
    config = PLAIN | {"original_max_position_embeddings": 4096}
    config["rope_scaling"] = {"type": "su"} | lists
    (found,) = of(check(config), "RI104")
    assert (found.level, found.fix.message) == ("error", 'write "longrope"')
    assert levels(config | {"model_type": "phi3"}, "RI104") == ["info"]


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "deepseek_v3"])
def test_a_file_without_any_size_is_found(kind):
    (found,) = of(check({"model_type": kind, "rope_theta": 1e6}), "RI301")
    assert found.level in ("error", "warning")


def test_interleaved_sections_that_are_too_long_run():
    section = {"rope_type": "default", "mrope_section": [24, 20, 20]}
    config = PLAIN | {"model_type": "qwen3_vl_text", "head_dim": 64}
    assert levels(config | {"rope_scaling": section}, "RI214") == ["warning"]


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ({"rope_condense_ratio": 8}, "warning"),
        ({"use_scaled_rope": True}, "warning"),
        ({"use_dynamic_ntk": True, "model_type": "qwen"}, "info"),
        ({"rotary_scaling_factor": None}, None),
        ({"use_dynamic_ntk": False}, None),
        ({"rope_condense_ratio": 8, "rope_scaling": LINEAR}, None),
    ],
)
def test_a_scaling_in_another_spelling_is_told(keys, level):
    assert levels(PLAIN | keys, "RI117") == ([level] if level else [])


def test_a_long_list_that_stretches_nothing_is_found():
    lists = {"short_factor": [1.0] * 64, "long_factor": [1.0] * 64}
    block = {"rope_type": "longrope", "original_max_position_embeddings": 4096} | lists
    assert levels(PLAIN | {"rope_scaling": block}, "RI218") == ["warning"]
    assert levels(PLAIN | {"rope_scaling": block | {"factor": 1.0}}, "RI218") == []


def test_a_scaling_factor_at_the_top_is_one_finding():
    findings = check(PLAIN | {"rope_scaling_factor": 4.0})
    assert [f.code for f in findings if f.level != "info"] == ["RI105"]


@pytest.mark.parametrize(
    "name", ["k6_qwen25vl_text_qwen2", "k6_qwen3_omni_text_qwen3_moe"]
)
def test_no_fix_touches_m_rope_that_the_class_of_the_composite_reads(name):
    findings = check(case(name))
    assert not [f for f in findings if f.level != "info"]
    assert not [f for f in findings if f.code == "RI106" and f.fix]


def test_sizes_of_the_class_itself_are_no_error():
    sizes = {"model_type": "glm4_moe", "hidden_size": 4096, "num_attention_heads": 96}
    assert levels(sizes, "RI301") == ["info"]
    assert levels(sizes | {"num_attention_heads": 90}, "RI301") == ["error"]
