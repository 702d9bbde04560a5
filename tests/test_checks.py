"""Every rule fires on its bad example, and not on its good one."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from configs import PLAIN, example
from records import HERE, lines

import ropeinterp as ri
from ropeinterp.checks import RULES, check
from ropeinterp.dialects import DIALECTS

LEVELS = ("error", "warning", "info")


def strong(findings):
    return {f.code for f in findings if f.level != "info"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_bad_example_is_found_and_good_one_is_clean(rule):
    bad = check(example(rule.bad), dialects=rule.dialects)
    found = [f for f in bad if f.code == rule.code]
    assert [f.level for f in found][:1] == [rule.level]
    assert strong(bad) <= {rule.code}  # one fault, one finding
    good = check(example(rule.good), dialects=rule.dialects)
    assert rule.code not in {f.code for f in good}
    assert not strong(good)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_says_what_why_and_whence(rule):
    assert rule.what.endswith(".")
    assert rule.why.endswith(".")
    assert rule.source
    assert rule.level in LEVELS
    assert rule.code[:2] == "RI"
    assert set(rule.dialects) <= set(DIALECTS)


def test_no_code_is_used_twice():
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))


# ---- where a rule stands ------------------------------------------------------------


def named_in(words):
    """Codes that a docstring begins with: "RI302 to RI304, RI307: lengths"."""
    for first, last in re.findall(r"RI(\d+)(?: to RI(\d+))?", words.partition(":")[0]):
        yield from (f"RI{n:03}" for n in range(int(first), int(last or first) + 1))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_code_leads_to_its_file(rule):
    module = sys.modules[type(rule).__module__]
    assert module.__name__.startswith("ropeinterp.checks.rules.")
    assert rule.code in named_in(module.__doc__)


def test_a_file_has_rules_of_one_hundred_in_the_order_of_their_codes():
    files = {}
    for rule in RULES:
        files.setdefault(type(rule).__module__, []).append(type(rule))
    for name, classes in files.items():
        source = Path(sys.modules[name].__file__).read_text()
        assert len({c.code[:3] for c in classes}) == 1, name
        assert [c.code for c in classes] == list(named_in(source)), name
        starts = [source.index(f"\nclass {c.__name__}(") for c in classes]
        assert starts == sorted(starts), name


def test_the_list_of_rules_tells_the_codes():
    listing = Path(sys.modules["ropeinterp.checks.rules"].__file__).read_text()
    told = re.findall(r"^    (\w+)\.(\w+)\(\),  # (RI\d+)$", listing, re.MULTILINE)
    names = [(*type(r).__module__.split(".")[-1:], type(r).__name__) for r in RULES]
    assert told == [(*name, r.code) for name, r in zip(names, RULES, strict=True)]


def test_silenced_codes_exist():
    codes = [rule.code for rule in RULES]
    for rule in RULES:
        for prefix in rule.silences:
            assert any(code.startswith(prefix) for code in codes), (rule.code, prefix)


# ---- where a finding points --------------------------------------------------------

TEXT = """{
  "model_type": "llama",
  "hidden_size": 4096,
  "num_attention_heads": 32,
  "max_position_embeddings": 32768,
  "rope_scaling": {
    "rope_type": "yarn",
    "factor": 4.0,
    "finetuned": true
  }
}
"""


def test_a_wrong_value_is_found_at_its_line_and_column():
    text = TEXT.replace("4.0", '"4"').replace(
        '"finetuned": true', '"original_max_position_embeddings": 8192'
    )
    (found,) = [f for f in check(text.encode()) if f.level == "error"]
    assert (found.code, found.line, found.column) == ("RI201", 8, 15)
    assert found.path == "$.rope_scaling.factor"
    assert found.value == "4"


def test_an_unknown_key_is_found_at_the_key():
    (found,) = [f for f in check(TEXT.encode()) if f.code == "RI109"]
    assert (found.line, found.column, found.value) == (9, 5, True)


def test_a_missing_key_is_found_at_the_object_that_lacks_it():
    (found,) = [f for f in check(TEXT.encode()) if f.code == "RI303"]
    assert found.path == "$.rope_scaling.original_max_position_embeddings"
    assert (found.line, found.column, found.value) == (6, 19, None)


def test_a_mapping_has_no_lines():
    (found,) = [f for f in check(json.loads(TEXT)) if f.code == "RI303"]
    assert (found.file, found.line, found.column) == (None, None, None)


def test_not_json_is_found_where_the_parser_stops():
    (found,) = check(b'{\n  "a": 1,\n}')
    assert (found.code, found.line, found.column) == ("RI002", 3, 1)
    assert "'}'" in found.message


def test_of_two_equal_keys_the_last_is_shown():
    text = b'{"model_type": "bert",\n "rope_theta": 1,\n "rope_theta": 2}'
    (found,) = [f for f in check(text) if f.level == "error"]
    assert (found.code, found.line) == ("RI005", 3)
    assert "1 and 2" in found.message


# ---- numbers in messages, from elsewhere ---------------------------------------------


def test_numbers_of_a_missing_original_length_are_those_of_the_rule_book():
    # 131072 taken for 32768: 23 of 64 frequencies, up to 2.24x; 40960: 17, 1.18x.
    block = {"rope_type": "yarn", "factor": 4.0}
    for length, words in ((131072, "23 of 64"), (40960, "17 of 64")):
        keys = {
            "max_position_embeddings": length,
            "rope_theta": 1e6,
            "rope_scaling": block,
        }
        (found,) = [f for f in check(PLAIN | keys) if f.code == "RI303"]
        assert words in found.message
        assert ("2.24x" if length == 131072 else "1.18x") in found.message


def test_numbers_of_a_lost_llama3_block_are_those_of_the_rule_book():
    keys = {"max_position_embeddings": 131072, "rope_theta": 500000.0}
    (found,) = [f for f in check(PLAIN | keys) if f.code == "RI305"]
    assert "35 of 64 frequencies differ, by up to 8x" in found.message


def test_an_attn_factor_is_offered_as_what_it_multiplies_to():
    # 0.8782488562869419 * (0.1 ln 4 + 1) = 1
    rule = next(rule for rule in RULES if rule.code == "RI107")
    (found,) = [f for f in check(example(rule.bad)) if f.code == "RI107"]
    assert found.fix.edits[1].value == 1.0
    assert "logits 1.2965x" in found.message


# ---- arguments ---------------------------------------------------------------------


def test_select_and_ignore_take_prefixes():
    bad = example({"rope_scaling": {"rope_type": "linear", "factor": 0.25}})
    assert {f.code for f in check(bad, select=["RI2"])} == {"RI203"}
    assert not {f.code for f in check(bad, ignore=["RI2"])} & {"RI203"}
    assert check(bad, select=["RI2"], ignore=["RI203"]) == []


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"select": ["RI9"]}, ValueError, "'RI9'"),
        ({"ignore": "RI2"}, TypeError, "'RI2'"),
        ({"select": [2]}, TypeError, "2"),
        ({"dialects": ["transformers-3"]}, ValueError, "'transformers-3'"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        check(PLAIN, **arguments)


def test_a_wrong_source_raises_and_a_wrong_file_is_a_finding(tmp_path):
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "config.json")
    with pytest.raises(TypeError, match="int"):
        check(3)
    (found,) = check(tmp_path)
    assert (found.code, found.line) == ("RI001", None)
    assert found.file == str(tmp_path / "config.json")


def test_dialects_add_rules():
    keys = {"rope_theta": None, "rope_parameters": {"rope_theta": 1e6}}
    assert "RI401" not in {f.code for f in check(example(keys))}
    assert "RI401" in {
        f.code for f in check(example(keys), dialects=["transformers-4"])
    }


def test_a_config_object_is_checked_as_its_mapping():
    class Config:
        def to_dict(self):
            return PLAIN | {"max_position_embeddings": np.float64(32768)}

    assert "RI215" in {f.code for f in ri.check(Config())}


# ---- what decides ------------------------------------------------------------------


SMOLLM = {"model_type": "smollm3", "hidden_size": 2048, "num_attention_heads": 16}
REFUSED = [
    b"null",
    b"{",
    b"\xff",
    b"[" * 99,
    SMOLLM | {"no_rope_layers": ["a", 1]},
    SMOLLM | {"layer_types": 3},
    PLAIN | {"head_dim": "64"},
    PLAIN | {"num_hidden_layers": -1, "layer_types": [3]},
    {"model_type": "llava", "text_config": 3},
    {"model_type": "qwen2_vl_text", "rope_scaling": {"type": "mrope"}},
    {"model_type": 7},
]


def test_no_verdict_hangs_on_the_words_of_a_message(monkeypatch):
    sources = [*REFUSED, *(example(rule.bad) for rule in RULES)]
    sources += [r["text"].encode() for r in lines(HERE / "configs.jsonl.gz")]
    before = [[(f.code, f.level, f.path) for f in check(s)] for s in sources]
    assert before[4] == [("RI201", "error", "$.no_rope_layers[0]"), *before[4][1:]]
    for error in (ri.ConfigError, ri.ParameterError):

        def reworded(
            self, place, value, reason, *kind, original=error.__init__, **named
        ):
            original(self, place, value, "said otherwise", *kind, **named)

        monkeypatch.setattr(error, "__init__", reworded)
    found = [check(source) for source in sources]
    assert before == [[(f.code, f.level, f.path) for f in each] for each in found]
    assert any("said otherwise" in f.message for each in found for f in each)


# ---- composite models ----------------------------------------------------------------


def test_every_part_is_checked_though_one_is_broken():
    config = {
        "model_type": "qwen2_vl",
        "text_config": {
            "model_type": "qwen2_vl_text",
            "hidden_size": 4096,
            "num_attention_heads": 32,
            "rope_scaling": {"rope_type": "mrope", "mrope_section": [1, 2, 3]},
        },
        "vision_config": {"model_type": "qwen2_vl", "embed_dim": -4},
    }
    paths = {f.path: f.code for f in check(config) if f.level == "error"}
    assert paths["$.text_config.rope_scaling.mrope_section"] == "RI214"
    assert any(path.startswith("$.vision_config") for path in paths)


def test_a_part_that_is_no_object_is_one_finding():
    (found,) = check({"model_type": "llava", "text_config": 3})
    assert (found.code, found.path) == ("RI003", "$.text_config")


def test_a_model_type_that_is_no_word_is_one_finding():
    (found,) = check(PLAIN | {"model_type": 7})
    assert (found.code, found.path) == ("RI201", "$.model_type")


# ---- what readers met in published files ---------------------------------------------

NOMIC = {
    "model_type": "nomic_bert",
    "n_embd": 768,
    "n_head": 12,
    "n_positions": 8192,
    "rotary_emb_base": 1000,
}
POLYGLOT = {
    "model_type": "gpt_neox",
    "rotary_pct": 0.25,
    "rotary_dim": 32,
    "rotary_emb_base": 10000,
    "rope_theta": None,
}
KANANA = {
    "max_position_embeddings": 131072,
    "rope_scaling": {
        "rope_type": "yarn",
        "factor": 4.4,
        "original_max_position_embeddings": 32768,
    },
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192}
MSCALE = {"rope_scaling": YARN | {"mscale": 1.0}}
QWEN = {"model_type": "qwen3_vl_text"} | {k: PLAIN[k] for k in list(PLAIN)[1:]}
GEMMA = {"model_type": "gemma3_text", "layer_types": ["full_attention"]}


@pytest.mark.parametrize("keys", [NOMIC, POLYGLOT, KANANA, MSCALE])
def test_what_is_meant_as_it_stands_stays_clean(keys):
    assert not strong(check(keys if keys is NOMIC else example(keys)))


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ({"rope_sclaing": YARN, "rope_scaling": None}, "RI108", "$.rope_sclaing"),
        ({"rope_scaling": {"type": None, "factor": 4.0}}, "RI102", "$.rope_scaling"),
        ({"mrope_section": [16, 24, 24]}, "RI106", "$.mrope_section"),
        ({"max_position_embeddings": 40906}, "RI307", "$.max_position_embeddings"),
        (POLYGLOT | {"rotary_emb_base": "1e4"}, "RI201", "$.rotary_emb_base"),
        (POLYGLOT | {"rotary_emb_base": 1}, "RI213", "$.rotary_emb_base"),
        (POLYGLOT | {"rotary_pct": 0.3, "head_dim": 96}, "RI210", "$.rotary_pct"),
        ({"hidden_size": "4096"}, "RI201", "$.hidden_size"),
        ({"factor": 8.0, "rope_type": "linear"}, "RI105", "$.factor"),
        (
            {"model_type": "qwen3_vl", "rope_scaling": YARN, "text_config": QWEN},
            "RI105",
            "$.rope_scaling",
        ),
        (
            GEMMA | {"rope_parameters": {"full_atention": {"rope_type": "default"}}},
            "RI116",
            "$.rope_parameters.full_atention",
        ),
        (
            {
                "rope_theta": 1e6,
                "rope_scaling": YARN,
                "rope_parameters": YARN | {"rope_theta": 1e4},
            },
            "RI111",
            "$.rope_scaling",
        ),
        (
            {"rope_scaling": {"rope_type": "linear", "facotr": 4.0}},
            "RI108",
            "$.rope_scaling.facotr",
        ),
        (
            {"model_type": "phi3", "rope_scaling": {"type": "linear", "factor": 2.0}},
            "RI104",
            "$.rope_scaling.type",
        ),
    ],
)
def test_one_fault_is_one_finding_where_it_stands(keys, code, path):
    found = [f for f in check(example(keys)) if f.level != "info"]
    assert [(f.code, f.path) for f in found] == [(code, path)]


def test_a_head_of_which_nothing_is_rotated_is_found():
    block = {"rope_type": "proportional", "partial_rotary_factor": 0.25}
    found = check(PLAIN | {"head_dim": 1, "rope_parameters": block})
    assert "RI209" in strong(found)
    assert "rotated" in next(f.message for f in found if f.code == "RI209")


@pytest.mark.parametrize(
    "keys",
    [
        {f"key{i}": i for i in range(5000)},
        {"rope_scaling": {f"key{i}": i for i in range(5000)}},
        {"text_config": {"rope_parameters": {f"key{i}": {} for i in range(5000)}}},
    ],
)
def test_more_keys_than_any_config_has_are_over_a_limit(keys):
    (found,) = check(json.dumps(PLAIN | keys).encode())
    assert (found.code, found.level) == ("RI001", "error")


def test_a_table_of_labels_is_no_fault():
    labels = {str(i): f"label {i}" for i in range(21_841)}
    found = check(json.dumps(PLAIN | {"id2label": labels}).encode())
    assert not strong(found)
