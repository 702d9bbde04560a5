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
