"""Configs that must not be believed: every one a ConfigError, a note, or read."""

import json
import math
import os
import time

import numpy as np
import pytest
from configs import as_mapping, content, is_inside, is_printable
from hypothesis import given, settings
from hypothesis import strategies as st
from records import DATA, HERE, case_file, lines, skip_without

import ropeinterp as ri

# huggingface.md reads these with a note; `check` makes the note an error.
JUDGED_BY_CHECK = {
    "odd-head-dim-127",
    "odd-head-dim-3",
    "head-dim-0",
    "hidden-500-heads-4-125-odd-implied",
    "linear-partial-rotary-factor-0-5078125-65-odd",
    "yarn-beta-fast-1-beta-slow-32",
    "llama3-low-above-high",
}


def verdict(case, source):
    """What is wrong with the outcome, or None."""
    start = time.perf_counter()
    try:
        config = ri.read(source)
    except ri.ConfigError as error:
        raised, paths, texts = True, [error.path], [str(error)]
    else:
        raised = False
        paths = [note.path for note in config.notes]
        texts = [note.message for note in config.notes]
        for spec in config.layers.values():
            assert_finite(spec)
    if time.perf_counter() - start > 1:
        return "slow"
    if not all(is_printable(text) for text in [*paths, *texts]):
        return f"not printable: {texts}"
    told = any(is_inside(path, case["paths"]) for path in paths)
    if case["class"] == "ok":
        return "refused" if raised else None
    if not told:
        return f"silent: {paths}"
    if case["class"] == "error" and not raised and case["id"] not in JUDGED_BY_CHECK:
        return "only noted"
    return None


def assert_finite(spec):
    inv_freq = spec.inv_freq()
    assert np.isfinite(inv_freq).all()
    assert (inv_freq >= 0).all()
    assert math.isfinite(spec.attention_scaling)


@pytest.mark.parametrize(
    "path",
    [HERE / "hostile_configs.jsonl", DATA / "hostile" / "configs.jsonl"],
    ids=("copied", "whole"),
)
def test_hostile_configs(path, tmp_path):
    skip_without(path)
    failed, total = [], 0
    for case in lines(path):
        file = tmp_path / "config.json"
        file.write_bytes(content(case))
        for source in (file, as_mapping(case)):
            if source is not None:
                total += 1
                if wrong := verdict(case, source):
                    failed.append(f"{case['id']} as {type(source).__name__}: {wrong}")
    print(f"{total - len(failed)} of {total} hostile configs as required")
    assert not failed, "\n".join(failed)


def test_fifo_device_loop_and_directory_are_refused_at_once(tmp_path):
    fifo, loop = tmp_path / "fifo", tmp_path / "loop"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    for path in (fifo, loop, tmp_path, "/dev/zero"):
        with pytest.raises(ri.ConfigError) as caught:
            ri.read(path)
        assert caught.value.path == "$"


def test_large_and_sparse_files_are_refused(tmp_path):
    file = tmp_path / "config.json"
    with open(file, "wb") as handle:
        handle.truncate(2**30)
    with pytest.raises(ri.ConfigError, match="larger than"):
        ri.read(file)


@pytest.mark.parametrize("path", ["nowhere", "nul\0byte", "../no/such"])
def test_missing_path_is_file_not_found(path):
    with pytest.raises(FileNotFoundError):
        ri.read(path)


@pytest.mark.parametrize("source", [None, 3, b"config.json", [], ri.RopeConfig])
def test_wrong_type_of_source(source):
    with pytest.raises(TypeError):
        ri.read(source)


def test_mapping_that_contains_itself():
    config = {"model_type": "llama"}
    config["rope_parameters"] = config
    with pytest.raises(ri.ConfigError, match="nested deeper"):
        ri.read(config)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "granite_swa", "layer_rope_theta": list(range(1, 900))},
        {"model_type": "granite_swa", "layer_rope_theta": [1e4] * 60000},
        {"model_type": "smollm3", "num_hidden_layers": 10**9},
        {"model_type": "llama", "head_dim": 2**20},
        {
            "model_type": "x",
            "layer_types": [f"a{i}" for i in range(999)],
            "rope_parameters": {f"a{i}": {} for i in range(999)},
        },
    ],
    ids=("bases", "layers", "count", "width", "types"),
)
def test_what_would_take_long_is_refused_at_once(config):
    start = time.perf_counter()
    with pytest.raises(ri.ConfigError):
        ri.read(config)
    assert time.perf_counter() - start < 1


SEEDS = [record["config"] for record in lines(HERE / "core.jsonl")]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 127, 2**20, 2**53, 10**30, 10**300, -(10**300)])
    | st.floats(allow_nan=True)
    | st.text(max_size=5)
    | st.sampled_from(["yarn", "linear", "longrope", "full_attention"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rope_type", "factor", "full_attention", "rope_theta"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_nothing_but_config_error_escapes(seed, data):
    config = json.loads(json.dumps(seed))
    keys = [*config, "rope_scaling", "rope_parameters", "head_dim", "layer_types"]
    for key in data.draw(st.lists(st.sampled_from(keys), max_size=3)):
        config[key] = data.draw(JSON)
    block = config.get("rope_parameters")
    if isinstance(block, dict) and block:
        block[data.draw(st.sampled_from([*block]))] = data.draw(JSON)
    parts, message = [], ""
    try:
        read = ri.read(config)
        parts = [read, *read.parts.values()]
    except ri.ConfigError as error:
        message = str(error)
    assert is_printable(message)
    for part in parts:
        for spec in part.layers.values():
            if spec is not None:
                assert_finite(spec)


# ---- numbers that float64 does not hold ----------------------------------------------

NOT_A_NUMBER = [math.nan, math.inf, -math.inf, 10**400]


@pytest.mark.parametrize("name", ["k1_nemotron_h_infinity.json", "k1_unread_nan.json"])
def test_a_number_that_nothing_reads_is_a_note(name):
    found = ri.check(case_file(name))
    assert all(f.level == "info" for f in found)
    notes = [n for n in ri.read(case_file(name)).notes if "finite" in n.message]
    assert [n.path for n in notes] == [f.path for f in found if f.code == "RI004"]
    assert notes[0].message.endswith("though not in use")


def test_a_number_that_nothing_reads_changes_no_spec():
    keys = json.loads(case_file("k1_unread_nan.json").read_text())
    spec = ri.read(keys).spec
    del keys["some_training_note"]
    assert spec == ri.read(keys).spec


LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "head_dim": 128,
    "max_position_embeddings": 8192,
    "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4},
}


def put(keys, path, value):
    """A copy of a config with another value at the words of a path."""
    copy = json.loads(json.dumps(keys))
    *way, last = path.split()
    inner = copy
    for word in way:
        inner = inner.setdefault(word, {})
    inner[last] = value
    return copy


@pytest.mark.parametrize("value", NOT_A_NUMBER)
@pytest.mark.parametrize(
    "path",
    [
        "attention_dropout",
        "time_step_limit",
        "quantization_config alpha",
        "task_specific_params rope_theta",
        "dim",  # a size elsewhere
        "rope_parameters mine",
        "vision_config max_position_embeddings",
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_keys_that_no_reader_takes_are_not_judged(path, value, wrapped):
    keys = put(LLAMA, path, [0.0, value] if wrapped else value)
    assert ri.read(keys).spec == ri.read(LLAMA).spec
    assert all(f.level == "info" for f in ri.check(keys))


@pytest.mark.parametrize("value", NOT_A_NUMBER)
@pytest.mark.parametrize(
    "path",
    [
        "hidden_size",
        "num_attention_heads",
        "head_dim",
        "max_position_embeddings",
        "num_hidden_layers",
        "rope_theta",
        "original_max_position_embeddings",
        "partial_rotary_factor",
        "rope_parameters factor",
        "rope_parameters rope_theta",
        "rope_parameters beta_fast",
    ],
)
def test_keys_that_tell_positions_are_refused(path, value):
    keys = put(LLAMA, path, value)
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(keys)
    assert caught.value.kind == "range"
    assert caught.value.path == "$." + path.replace(" ", ".")
    beyond = "is beyond the range of float64"
    finite = "must be a finite number"
    assert caught.value.reason == (beyond if value == 10**400 else finite)
    assert ("RI004", "error", caught.value.path) in [
        (f.code, f.level, f.path) for f in ri.check(keys)
    ]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        (
            {"model_type": "granite_swa", "layer_rope_theta": [1e4, math.nan]},
            "$.layer_rope_theta[1]",
        ),
        (
            {"model_type": "smollm3", "no_rope_layers": [1, math.inf]},
            "$.no_rope_layers[1]",
        ),
        ({"model_type": "gpt_neox", "rotary_pct": math.nan}, "$.rotary_pct"),
        (
            {
                "model_type": "gemma4_text",
                "layer_types": ["full_attention"],
                "per_layer_config": {"0": {"head_dim": math.nan}},
            },
            "$.per_layer_config.0.head_dim",
        ),
        (
            put(LLAMA, "rope_parameters", {"rope_type": "longrope"})
            | {"rope_scaling": {"rope_type": "longrope", "short_factor": [math.inf]}},
            "$.rope_scaling.short_factor[0]",
        ),
    ],
    ids=("bases", "marks", "share", "layer", "list"),
)
def test_lists_and_layers_that_tell_positions_are_refused(keys, path):
    with pytest.raises(ri.ConfigError, match="finite") as caught:
        ri.read(keys)
    assert caught.value.path.replace('["0"]', ".0").replace("['0']", ".0") == path
