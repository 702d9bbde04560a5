"""ropeinterp show: what it prints, to whom, and how it fails."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from ropeinterp import ConfigError, RopeSpec, cli
from ropeinterp import config as configs
from ropeinterp.cli import colour

LLAMA = Path(__file__).parents[1] / "docs/examples/configs/llama-3.1-8b.json"
SPEC = RopeSpec.llama3(128, 5e5, factor=8, trained_length=8192, length=131072)


@dataclass
class Config:
    """What read() returns, by hand."""

    layers: dict
    model_type: str = "llama"
    layer_keys: tuple = ()
    parts: dict = field(default_factory=dict)
    notes: tuple = ()
    origins: dict = field(default_factory=dict)


@pytest.fixture
def show(monkeypatch, capsys):
    """Run `show` on a config made by hand, or on an error of read()."""

    def run(config, *options):
        def read(path, dialect, trained_length):
            if isinstance(config, Exception):
                raise config
            return config

        monkeypatch.setattr(configs, "read", read)
        code = cli.main(["show", "config.json", *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def process(*arguments, **options):
    """Run the command in a process of its own, on a real config."""
    command = [sys.executable, "-W", "error", "-m", "ropeinterp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, **options)


def test_one_screen_tells_values_origins_pairs_and_outcome(show):
    origins = {"default": {"base": "$.rope_theta", "layout": "class default"}}
    code, out, err = show(Config({"default": SPEC}, origins=origins))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "config.json: llama"
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    rows = [line.split() for line in lines]
    assert ["scheme", "llama3"] in rows
    assert ["base", "500000", "$.rope_theta"] in rows
    assert ["layout", "half", "class", "default"] in rows
    # The first pair takes 2 pi tokens; 8192 / (2 pi) = 1303.8 turns.
    assert ["0", "6.283", "6.283", "1,304", "extrapolated", "seen"] in rows
    # 2 pi b^(2k/128) > 8192 for k >= 35; 8 * 8192 tokens are too few for 131072.
    row = next(row for row in rows if row[:1] == ["35"])
    assert row[4:] == ["interpolated", "new"]
    assert ["as", "trained", "29", "of", "64"] in rows
    assert ["llama3", "29", "of", "64"] in rows
    assert "  Up to 65,536 tokens no pair meets any." in lines


def test_length_decides_what_is_new(show):
    out = show(Config({"default": SPEC}), "--length", "65536")[1]
    assert "At 65,536 tokens (8 x the trained 8,192)" in out
    assert "llama3        0 of 64" in out


def test_all_shows_every_pair(show):
    few, every = (show(Config({"default": SPEC}), *o)[1] for o in ((), ("--all",)))
    assert "16 of 64 pairs; --all shows every one" in few
    pairs = [w[0] for w in map(str.split, every.splitlines()) if len(w) == 6]
    assert [int(k) for k in pairs if k.isdigit()] == list(range(64))


def test_precision_says_how_far_float32_is_off(show):
    spec = RopeSpec.default(128, 5e5, trained_length=8192, length=131072)
    code, out, _ = show(Config({"default": spec}), "--precision")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    # numerics, measured on torch: 9.0e-3 and more at 128k positions, base 5e5.
    assert "In float32, as transformers computes it, at 131,072 tokens:" in out
    assert (
        "cos and sin are off by up to 9.3e-03 (pair 2); exact tables by 3.0e-08" in out
    )
    assert "angles are off" not in show(Config({"default": spec}))[1]
    report = json.loads(show(Config({"default": spec}), "--precision", "--json")[1])
    errors = report["layers"]["default"]["precision"]
    assert (errors["length"], errors["exhaustive"]) == (131072, True)
    assert len(errors["phase"]) == len(errors["table"]) == 64


def test_dialect_and_version():
    new = process("show", LLAMA, "--json").stdout
    old = process("show", LLAMA, "--json", "--dialect", "transformers-4").stdout
    assert json.loads(new)["layers"]["default"]["parameters"]["base"] == 5e5
    assert json.loads(old)["layers"]["default"]["parameters"]["base"] == 5e5
    wrong = process("show", LLAMA, "--dialect", "jax")
    assert wrong.returncode == 2
    assert b"dialect 'jax': must be one of" in wrong.stderr
    assert process("--version").stdout.startswith(b"ropeinterp 0.")


def test_a_closed_output_is_told_without_a_traceback():
    command = f"exec {sys.executable} -m ropeinterp show {LLAMA} >&-"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == b"ropeinterp: standard output is closed\n"


def test_json_is_strict_and_holds_every_pair(show):
    spec = RopeSpec.proportional(8, partial_rotary_factor=0.5, trained_length=8)
    code, out, _ = show(Config({"default": spec}), "--json", "--length", "16")

    def refuse(constant):
        raise AssertionError(constant)

    report = json.loads(out, parse_constant=refuse)
    assert code == 0
    assert list(report) == ["model_type", "layers", "layer_keys", "parts", "notes"]
    layer = report["layers"]["default"]
    assert [p["pair"] for p in layer["pairs"]] == [0, 1, 2, 3]
    assert layer["pairs"][3]["period_before"] is None
    assert layer["pairs"][3]["kind"] == "identity"
    assert layer["coverage"]["pairs_outside"] == 1  # 20 pi tokens and no full turn in 8
    assert layer["parameters"]["scheme"] == "proportional"


def test_several_layer_types_and_parts_get_a_section_each(show):
    layers = {"full_attention": SPEC, "nope_layer": None}
    keys = ("full_attention", None, "full_attention", "full_attention")
    text = Config(layers, layer_keys=keys)
    vision = Config({"default": RopeSpec.default(4)}, model_type="eyes")
    parts = {"text_config": text, "vision_config": vision}
    out = show(Config(layers, "both", keys, parts))[1]
    assert "\ntext_config, full_attention (3 of 4 layers)\n" in out
    assert "\ntext_config, nope_layer (1 of 4 layers)\n  not rotated\n" in out
    assert "\nvision_config\n" in out
    assert "--trained-length tells it" in out  # nobody knows it for the eyes
    assert out.count("  scheme ") == 2  # the composite model is its text part


def test_a_model_without_rotary_says_so(show):
    assert show(Config({}))[1] == "config.json: llama\n\nnot rotated\n"


def test_notes_come_last_and_are_harmless(show):
    notes = (SimpleNamespace(path="$.a", message="ignored\x1b[31m " + "word " * 30),)
    out = show(Config({}, model_type="m\x1b]0;x", notes=notes))[1]
    assert "\x1b" not in out
    assert out.index("Notes") > out.index("not rotated")
    assert max(map(len, out.splitlines())) <= 80


def test_long_names_of_keys_move_to_a_line_of_their_own(show):
    origin = "$.rope_parameters.full_attention.original_max_position_embeddings"
    origins = {"default": {"trained_length": origin}}
    out = show(Config({"default": SPEC}, origins=origins))[1]
    assert f"\n      {origin}\n" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("$.rope_theta", "abc", "must be a number"),
        FileNotFoundError(2, "No such file or directory", "config.json"),
        TypeError("source must be a path"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(show, error):
    code, out, err = show(error)
    assert (code, out) == (2, "")
    assert err.startswith("ropeinterp: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("bad", ["0", "-5", "1e6", "many", str(2**53 + 1)])
def test_wrong_lengths_are_wrong_usage(show, bad):
    with pytest.raises(SystemExit) as exit_:
        show(Config({"default": SPEC}), f"--length={bad}")
    assert exit_.value.code == 2


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(monkeypatch, environment, coloured):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    assert not colour.wants_colour(terminal)
    terminal.isatty = lambda: True
    assert colour.wants_colour(terminal) is coloured


def test_the_command_runs_in_a_process_without_a_word_on_stderr():
    result = process("show", LLAMA, "--length", 65536)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"llama3        0 of 64" in result.stdout
    assert b"\x1b" not in result.stdout


def test_a_missing_file_and_wrong_usage_leave_no_traceback(tmp_path):
    missing = process("show", tmp_path / "none.json")
    assert missing.returncode == 2
    assert missing.stderr.count(b"\n") == 1
    usage = process("show")
    assert usage.returncode == 2
    assert b"usage:" in usage.stderr


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path):
    path = tmp_path / "modèle.json"
    path.write_bytes(LLAMA.read_bytes())
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = process("show", path, env=environment)
    assert result.returncode == 0
    assert b"mod\\xe8le.json" in result.stdout


def test_a_reader_that_leaves_early_is_no_error():
    command = [sys.executable, "-m", "ropeinterp", "show", str(LLAMA), "--json"]
    pipe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe.stdout.close()
    errors = pipe.stderr.read()
    pipe.stderr.close()
    assert (pipe.wait(60), errors) == (141, b"")
