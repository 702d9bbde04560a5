"""What holds no model is refused by the name of what it is, with what to pass."""

import json

import pytest
from records import case_file, published

import ropeinterp as ri
from ropeinterp.cli import main
from ropeinterp.config.models import file_kinds
from ropeinterp.config.no_model import refuse_no_model

SIZES = {"hidden_size": 1024, "num_attention_heads": 8, "max_position_embeddings": 64}
FILES = {
    "adapter": {"peft_type": "LORA", "r": 16, "lora_alpha": 32},
    "adapter of a prompt": {"peft_type": "PREFIX_TUNING", "num_attention_heads": 32},
    "pipeline": {"_class_name": "FluxPipeline", "vae": ["diffusers", "AutoencoderKL"]},
    "scheduler": {"_class_name": "DDIMScheduler", "beta_end": 0.012},
    "class of diffusers": {"_class_name": "X", "axes_dims_rope": [32, 32, 32, 32]},
    "text generation": {
        "_from_model_config": True,
        "eos_token_id": 2,
        "transformers_version": "4.57.6",
    },
    "generation": {"eos_token_id": [1, 2], "transformers_version": "4.57.6"},
    "tokenizer": {"tokenizer_class": "LlamaTokenizer", "model_max_length": 4096},
    "special tokens": {"bos_token": "<s>", "eos_token": "</s>"},
    "preprocessor": {"image_processor_type": "CLIPImageProcessor", "do_resize": True},
    "genai_config": {"model": {"type": "llama"}, "search": {"max_length": 4096}},
    "quantization": {"bits": 4, "group_size": 128, "desc_act": False},
    "index of weights": {"metadata": {}, "weight_map": {"a": "b.safetensors"}},
    "package file": {"name": "a", "version": "1.0.0", "dependencies": {"b": "1"}},
    "package": {"name": "a", "lockfileVersion": 3, "packages": {}},
    "pooling": {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
}
ROPE_DICTS = [
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
    {"rope_type": "default", "rope_theta": 1e6},
    {"type": "linear", "factor": 2.0},
    {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]},
    {
        "full_attention": {"rope_type": "default", "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    },
]


def refused(source):
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(source)
    error = caught.value
    assert (error.path, error.kind) == ("$", "form")
    (found,) = [f for f in ri.check(source) if f.level != "info"]
    assert (found.code, found.level, found.path) == ("RI010", "error", "$")
    assert found.message.endswith(error.reason)
    return error.reason


@pytest.mark.parametrize("word", FILES)
def test_a_file_beside_a_config_is_refused_by_its_name(word):
    reason = refused(FILES[word])
    assert word.split()[0] in reason
    assert ": pass " in reason


@pytest.mark.parametrize("keys", ROPE_DICTS)
def test_a_rope_dict_is_no_config(keys):
    reason = refused(keys)
    assert "rope dict" in reason
    assert "the whole config" in reason
    assert "RopeSpec." in reason


def test_an_empty_object_is_no_config():
    assert "holds no key" in refused({})


@pytest.mark.parametrize(
    "name",
    [
        "k5_adapter_config.json",
        "k5_genai_config.json",
        "k5_model_index.json",
        "k5_hunyuanvideo_axes.json",
        "k5_ltx_video.json",
    ],
)
def test_public_files_without_a_model(name, capsys):
    refused(case_file(name))
    assert main(["check", str(case_file(name))]) == 1
    assert "RI010 error" in capsys.readouterr().out
    assert main(["show", str(case_file(name))]) == 2
    assert ": pass " in capsys.readouterr().err


def test_keys_must_be_strings():
    with pytest.raises(ri.ConfigError, match="must be a string") as caught:
        ri.read({1: 2})
    assert caught.value.path == "$"
    assert [f.code for f in ri.check({1: 2})] == ["RI003"]
    keys = {"model_type": "llama", "id2label": {0: "a"}}
    assert ri.read(keys).spec  # tables of live configs count from 0


# ---- what is read all the same -------------------------------------------------------


@pytest.mark.parametrize("word", FILES)
def test_a_model_type_or_a_size_speaks_against_weak_marks(word):
    keys = FILES[word]
    if word not in ("adapter", "adapter of a prompt"):
        assert ri.read(keys | SIZES | {"model_type": "llama"}).spec
    if not {"peft_type", "_class_name"} & keys.keys():
        assert ri.read(keys | SIZES).spec.dim == 128


@pytest.mark.parametrize(
    "keys",
    [
        {"rope_theta": 1e6},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
        {"head_dim": 64},
        {"n_embd": 768, "n_head": 12, "transformers_version": "5", "eos_token_id": 2},
        {"text_config": {"hidden_size": 64, "num_attention_heads": 2}, "top_p": 1.0},
    ],
)
def test_keys_of_a_rope_or_of_sizes_are_read_by_general_rules(keys):
    config = ri.read(keys)
    assert config.spec
    assert any("general rule" in note.message for note in config.notes)
    assert "RI010" not in {f.code for f in ri.check(keys)}


@pytest.mark.parametrize("kind", ["good", "questionable"])
def test_published_configs_hold_a_model(kind):
    for _, text, _ in published(kind):
        try:
            keys = json.loads(text)
        except ValueError:
            continue
        refuse_no_model(keys)


# ---- unknown types -------------------------------------------------------------------

SILENT = [
    {"model_type": "a-resnet", "num_channels": 3, "depths": [3, 4, 6, 3]},
    {"model_type": "my_model", "max_position_embeddings": 4096},
    {"model_type": "my_model", "rope_scaling": None, "hidden_size": None},
]


@pytest.mark.parametrize("keys", SILENT)
def test_an_unknown_type_needs_a_size_or_a_rotary_key(keys):
    with pytest.raises(ri.ConfigError, match="no size and no rotary key") as caught:
        ri.read(keys)
    assert (caught.value.path, caught.value.kind) == ("$", "missing")
    found = ri.check(keys)
    assert {(f.code, f.level) for f in found} == {("RI009", "info")}
    assert "nothing is checked" in found[0].message


def test_no_type_no_size_and_no_rotary_key():
    keys = {"vocab_size": 32000, "architectures": ["X"], "eos_token_id": 2}
    with pytest.raises(ri.ConfigError, match="no size and no rotary key") as caught:
        ri.read(keys)
    assert (caught.value.path, caught.value.kind) == ("$", "missing")
    (found,) = [f for f in ri.check(keys) if f.level != "info"]
    assert (found.code, found.level) == ("RI010", "error")
    assert "holds no size and no rotary key" in found.message


def test_every_kind_says_what_it_is_and_what_to_pass():
    for kind in file_kinds():
        assert kind.unless in ("", "type", "size", "rotary")
        assert kind.what
        assert kind.instead
        assert all(kind.marks)


# ---- what is no path -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("meta-llama/Llama-3.1-8B", "a repository id is no path"),
        ("yarn", "rope type"),
        ('{"model_type": "llama"}', "json.loads"),
        ('\n{"rope_theta": ' + "1" * 5000 + "}", "json.loads"),
        ("https://example.org/config.json", "nothing is downloaded"),
    ],
)
def test_a_text_that_is_no_path_is_told_what_it_is(text, hint):
    for reads in (ri.read, ri.check):
        with pytest.raises(FileNotFoundError, match=hint) as caught:
            reads(text)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("path", ["nowhere", "no/config.json", "./no/such"])
def test_a_path_that_does_not_exist_gets_no_hint(path):
    with pytest.raises(FileNotFoundError) as caught:
        ri.read(path)
    assert ";" not in str(caught.value)


def test_what_exists_is_opened_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yarn").write_text(json.dumps({"model_type": "llama"}))
    assert ri.read("yarn").spec


# ---- directories without config.json -------------------------------------------------


def test_a_directory_says_what_it_holds(tmp_path, capsys):
    for name in ("README.md", "params.json", "model.gguf", "adapter_config.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "original").mkdir()
    holds = (
        "it holds adapter_config.json, model.gguf, params.json, README.md, original/"
    )
    with pytest.raises(ri.ConfigError) as caught:
        ri.read(tmp_path)
    assert caught.value.reason == f"is a directory without config.json; {holds}"
    (found,) = ri.check(tmp_path)
    assert (found.code, found.level) == ("RI001", "error")
    assert found.message.endswith(holds)
    assert main(["show", str(tmp_path)]) == 2
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count(holds) == 2


def test_a_directory_of_many_files_or_of_none(tmp_path):
    with pytest.raises(ri.ConfigError, match=r"; it is empty$"):
        ri.read(tmp_path)
    for i in range(9):
        (tmp_path / f"{i}\n{'x' * 150}.json").write_text("{}")
    with pytest.raises(ri.ConfigError, match=r"and 3 more$") as caught:
        ri.read(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def test_a_directory_is_searched_for_config_json_only(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "a" / "config.json").write_text('{"model_type": "bert"}')
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("nothing wrong in 1 file")
