"""ropeinterp check and explain: what they read, print and answer, and how they fail."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ropeinterp import cli
from ropeinterp.checks import RULES
from ropeinterp.checks.fix import Change
from ropeinterp.cli.formats import FORMATS

ROOT = Path(__file__).parents[1]
PLAIN = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 8192,
    "rope_theta": 1e6,
}
# RI203: a factor below 1.
FAULTY = PLAIN | {"rope_scaling": {"rope_type": "linear", "factor": 0.25}}
# RI101: a string where a dict belongs.
BROKEN = PLAIN | {"rope_scaling": "dynamic"}


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def run(capsys):
    """Run the command in this process."""

    def command(*arguments):
        code = cli.main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def process(*arguments, **options):
    """Run the command in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "ropeinterp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, **options)


def write(path, config=PLAIN):
    """A config.json, and the directories above it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=2))
    return str(path)


# ---- what is printed, and the exit status ----------------------------------------


def test_a_clean_config_exits_with_0_and_counts_its_notes(run):
    code, out, err = run("check", write("config.json"))
    assert (code, err) == (0, "")
    assert out == "nothing wrong in 1 file (1 note, --verbose shows it)\n"


def test_a_finding_has_its_place_its_code_and_its_level(run):
    code, out, _ = run("check", write("config.json", FAULTY))
    assert code == 1
    # Line 9 of the file is "factor": 0.25, whose value stands at column 15.
    assert out.startswith("config.json:9:15: RI203 warning: $.rope_scaling.factor: ")
    assert out.splitlines()[-1].startswith("1 warning in 1 file")


def test_what_to_write_instead_stands_below(run):
    yarn = {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 4096}
    write("config.json", PLAIN | {"rope_scaling": yarn})
    lines = run("check", "config.json")[1].splitlines()
    assert " RI302 warning: " in lines[0]
    assert lines[1] == '    fix: write "max_position_embeddings": 16384'


def test_notes_are_shown_on_request(run):
    out = run("check", write("config.json"), "--verbose")[1]
    assert " RI113 info: " in out
    assert out.splitlines()[-1] == "1 note in 1 file"


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize(
    ("config", "code"), [(PLAIN, 0), (FAULTY, 1), (BROKEN, 1)], ids=str
)
def test_the_exit_status_is_the_same_with_every_format(run, how, config, code):
    path = write("config.json", config)
    assert run("check", path, "--format", how)[0] == code
    assert run("check", path, "--format", how, "--strict", "--verbose")[0] == code


def test_select_and_ignore_take_prefixes(run):
    path = write("config.json", FAULTY)
    assert run("check", path, "--select", "RI1,RI3")[0] == 0
    assert run("check", path, "--select", "RI1,RI203")[0] == 1
    assert run("check", path, "--ignore", "RI2")[0] == 0
    code, _, err = run("check", path, "--ignore", "RI9")
    assert (code, err.count("\n")) == (2, 1)
    assert "RI9" in err


def test_a_dialect_adds_its_rules(run):
    new = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}
    config = {k: v for k, v in PLAIN.items() if k != "rope_theta"} | new
    path = write("config.json", config)
    assert run("check", path)[0] == 0
    code, out, _ = run("check", path, "--dialect", "transformers-4")
    assert (code, "RI401" in out) == (1, True)
    assert run("check", path, "--dialect", "jax")[0] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--select", "RI3,,RI4"],
        ["--format", "xml"],
        ["--fix", "--diff"],
        ["--no-such-option"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(run, wrong):
    with pytest.raises(SystemExit) as caught:
        run("check", *wrong)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "wrong", [["--unsafe-fixes"], ["--diff", "--format", "json"], ["--fix", "-"]]
)
def test_options_that_make_no_sense_together_exit_with_2(run, wrong):
    code, out, err = run("check", write("config.json"), *wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_fault_of_our_own_exits_with_2(run, monkeypatch):
    def broken(*_):
        raise AssertionError("of our own")

    monkeypatch.setattr("ropeinterp.cli.check.check_document", broken)
    code, out, err = run("check", write("config.json"))
    assert (code, out) == (2, "")
    assert err.startswith("ropeinterp: internal error\n")
    assert "while checking 'config.json'" in err


# ---- what words name -------------------------------------------------------------


def files_of(out):
    """Files in a JSON array of findings, each once, in order."""
    return list(dict.fromkeys(finding["file"] for finding in json.loads(out)))


def test_a_directory_with_a_config_is_a_model(run):
    write("model/config.json", FAULTY)
    write("model/parts/config.json", FAULTY)
    out = run("check", "model/", "--format", "json")[1]
    assert files_of(out) == [os.path.join("model", "config.json")]


def test_below_another_directory_every_config_is_checked_in_order(run):
    for name in ("b", "a/y", "a/x", "a-z"):
        write(f"many/{name}/config.json", FAULTY)
    write("many/other.json", FAULTY)
    expected = [f"many/{name}/config.json" for name in ("a-z", "a/x", "a/y", "b")]
    assert files_of(run("check", "many", "--format", "json")[1]) == expected
    assert run("check", "many")[1].splitlines()[-1].startswith("4 warnings in 4 files")


def test_the_current_directory_is_the_default_and_a_file_counts_once(run):
    write("config.json", FAULTY)
    assert files_of(run("check", "--format", "json")[1]) == ["config.json"]
    out = run("check", ".", "config.json")[1]
    assert out.splitlines()[-1].startswith("1 warning in 1 file ")


def test_no_link_is_followed_in_a_tree(run):
    write("elsewhere/config.json", FAULTY)
    write("many/a/config.json")
    os.symlink("../elsewhere", "many/b")
    os.symlink("..", "many/loop")
    os.makedirs("many/c")
    os.symlink("../../elsewhere/config.json", "many/c/config.json")
    assert files_of(run("check", "many", "--format", "json")[1]) == [
        "many/a/config.json"
    ]


@pytest.mark.parametrize("name", ["none.json", "empty", "no/such", "x.gguf", "a/b/c"])
def test_what_names_nothing_is_told_before_anything_is_checked(run, name):
    os.mkdir("empty")
    code, out, err = run("check", write("config.json", FAULTY), name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err


def test_options_may_stand_between_paths(run):
    write("a/config.json", FAULTY)
    write("b/config.json", FAULTY)
    out = run("check", "a", "--verbose", "b")[1]
    assert "b/config.json" in out
    for wrong in (["check", "a", "--verbos3", "b"], ["show", "a", "b"]):
        with pytest.raises(SystemExit):
            run(*wrong)


def test_standard_input(run, monkeypatch):
    def given(data):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return run("check", "-")

    code, out, _ = given(json.dumps(FAULTY).encode())
    assert (code, out.startswith("<stdin>:1:")) == (1, True)
    assert "RI001 error" in given(b" " * (2**20 + 1))[1]
    monkeypatch.setattr(sys, "stdin", None)
    assert run("check", "-")[::2] == (2, "ropeinterp: standard input is closed\n")


CACHES = [
    ({"HF_HUB_CACHE": "c"}, "c"),
    ({"HF_HOME": "h", "XDG_CACHE_HOME": "x"}, "h/hub"),
    ({"XDG_CACHE_HOME": "x"}, "x/huggingface/hub"),
    ({"HOME": "."}, ".cache/huggingface/hub"),
    ({"HF_HUB_CACHE": "~/c", "HOME": "home"}, "home/c"),
]


@pytest.mark.parametrize(("environment", "folder"), CACHES)
def test_an_id_is_looked_up_in_the_cache(run, monkeypatch, environment, folder):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    model = Path(folder, "models--some-one--model_1.5")
    blob = write(model / "blobs/0123", FAULTY)
    snapshot = model / "snapshots/0ab1"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to(os.path.abspath(blob))
    (model / "refs").mkdir()
    (model / "refs/main").write_text("0ab1")
    code, out, _ = run("check", "some-one/model_1.5", "--format", "json")
    assert code == 1
    assert os.path.samefile(files_of(out)[0], blob)


@pytest.mark.parametrize("revision", [None, "", "../../..", "gone", "\0", "\udcff"])
def test_an_id_that_is_not_cached_is_one_line(run, revision):
    write("config.json", FAULTY)
    if revision is not None:
        Path("hub/models--a--b/refs").mkdir(parents=True)
        content = revision.encode(errors="surrogateescape")
        Path("hub/models--a--b/refs/main").write_bytes(content)
    code, out, err = run("check", "a/b")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "a/b: no such file, and not in the local Hugging Face cache" in err


# ---- pyproject.toml --------------------------------------------------------------


def test_the_nearest_pyproject_is_read_and_the_command_line_wins(run, monkeypatch):
    path = os.path.abspath(write("config.json", FAULTY))
    Path("pyproject.toml").write_text('[tool.ropeinterp]\nignore = ["RI203"]\n')
    Path("deep/er").mkdir(parents=True)
    monkeypatch.chdir("deep/er")
    assert run("check", path)[0] == 0
    assert run("check", path, "--ignore", "RI1")[0] == 1
    Path("pyproject.toml").write_text("[project]\n")
    assert run("check", path)[0] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.ropeinterp]\nselct = []", "tool.ropeinterp.selct: unknown key"),
        ('[tool.ropeinterp]\nselect = "RI3"', "select 'RI3': must be a list of words"),
        ("[tool.ropeinterp]\nignore = [3]", "ignore [3]: must be a list of words"),
        ("[tool.ropeinterp]\nstrict = 1", "strict 1: must be true or false"),
        ("[tool]\nropeinterp = 1", "tool.ropeinterp 1: must be a table"),
        ("ropeinterp =", "is not TOML"),
        ('[tool.ropeinterp]\nselect = ["RI9"]', "'RI9': no rule"),
        ('[tool.ropeinterp]\ndialect = ["jax"]', "dialect 'jax'"),
    ],
)
def test_a_wrong_pyproject_is_one_clear_error(run, text, words):
    Path("pyproject.toml").write_text(text)
    code, out, err = run("check", write("config.json"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_every_key_of_pyproject(run):
    new = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}
    write("config.json", {k: PLAIN[k] for k in PLAIN if k != "rope_theta"} | new)
    Path("pyproject.toml").write_text(
        '[tool.ropeinterp]\nselect = ["RI4"]\nignore = ["RI5"]\n'
        'dialect = ["transformers-4"]\nstrict = true\n'
    )
    code, out, _ = run("check")
    assert (code, "RI401" in out) == (1, True)


# ---- --fix and --diff ------------------------------------------------------------


@pytest.fixture
def fixing(monkeypatch):
    """The functions behind --fix, made by hand: they turn 0.25 into 4.0."""

    def fix_file(path, rules, unsafe, schemas):
        before = Path(path).read_text()
        after = before.replace("0.25", "4.0")
        assert rules
        refused = "because" if "dynamic" in before else ""
        return SimpleNamespace(
            before=before,
            after=after,
            applied=("a", "b"),
            changes=(Change("RI203", "$.rope_scaling.factor", "0.25", "4.0"),),
            refused=refused,
        )

    def replace(path, text):
        if os.path.islink(path):
            raise OSError("is a link")
        Path(path).write_text(text)

    monkeypatch.setattr("ropeinterp.checks.fix.fix_file", fix_file)
    monkeypatch.setattr("ropeinterp.checks.fix.replace", replace)


@pytest.mark.usefixtures("fixing")
def test_fix_writes_and_reports_what_is_left(run):
    path = Path(write("config.json", FAULTY))
    code, out, err = run("check", str(path), "--fix")
    change = f"{path}: RI203 $.rope_scaling.factor: 0.25 -> 4.0\n"
    assert (code, err) == (0, f"{change}2 fixed\n")
    assert out.startswith("nothing wrong in 1 file")
    assert json.loads(path.read_text())["rope_scaling"]["factor"] == 4


@pytest.mark.usefixtures("fixing")
def test_diff_prints_and_writes_nothing(run):
    path = Path(write("config.json", FAULTY))
    before = path.read_text()
    code, out, err = run("check", str(path), "--diff")
    assert code == 1
    assert out.startswith("--- a/config.json\n+++ b/config.json\n@@ ")
    assert '\n-    "factor": 0.25\n+    "factor": 4.0\n' in out
    assert err.startswith("1 warning in 1 file")
    assert path.read_text() == before


@pytest.mark.usefixtures("fixing")
def test_what_cannot_be_fixed_is_told(run):
    write("real.json", FAULTY)
    os.symlink("real.json", "link.json")
    code, _, err = run("check", "link.json", write("broken.json", BROKEN), "--fix")
    assert code == 1
    assert err.splitlines() == [
        "link.json: left alone: is a link",
        "broken.json: left alone: because",
        "0 fixed",
    ]


def test_what_fix_writes_is_clean_and_applies_as_a_patch(run):
    yarn = {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 4096}
    path = Path(write("config.json", PLAIN | {"rope_scaling": yarn}))
    before = path.read_text()
    code, diff, _ = run("check", "config.json", "--diff")
    assert (code, path.read_text()) == (1, before)
    code, out, err = run("check", "config.json", "--fix")
    change = "config.json: RI302 $.max_position_embeddings: 8192 -> 16384\n"
    assert (code, err) == (0, f"{change}1 fixed\n")
    assert out.startswith("nothing wrong in 1 file")
    fixed = path.read_text()
    kept = [line[1:] for line in diff.splitlines()[3:] if line[0] in "+ "]
    assert "\n".join(kept) in fixed
    assert json.loads(fixed)["max_position_embeddings"] == 16384


def test_both_schemas_are_written_where_they_are_asked_for_by_name(run):
    path = Path(write("config.json", PLAIN | {"rope_scaling": None}))
    before = path.read_text()
    assert run("check", "config.json", "--fix")[2] == "0 fixed\n"
    assert path.read_text() == before
    err = run("check", "config.json", "--fix", "--select", "RI113")[2]
    assert "config.json: RI113 $.rope_parameters: missing -> {" in err
    assert "rope_parameters" in json.loads(path.read_text())


def test_a_file_that_cannot_be_mended_does_not_end_the_run(run):
    twice = b'{"model_type": "llama", "rope_thetaa": 1e6, "rope_thetaa": 1e6}'
    os.mkdir("a")
    Path("a/config.json").write_bytes(twice)
    yarn = {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 4096}
    os.mkdir("b")
    write("b/config.json", PLAIN | {"rope_scaling": yarn})
    code, _, err = run("check", ".", "--fix")
    assert code == 1
    assert "a/config.json: left alone: rope_thetaa" in err.replace("'", "")
    assert err.endswith("1 fixed\n")


def test_numbers_that_json_has_not_are_not_copied(run):
    linear = {"type": "linear", "factor": 2.0, "mine": float("nan")}
    path = Path(write("config.json", PLAIN | {"rope_scaling": linear}))
    before = path.read_text()
    code, _, err = run("check", "config.json", "--fix")
    left_alone, count = err.splitlines()
    assert left_alone.startswith("config.json: left alone: it has numbers")
    assert (code, count, path.read_text()) == (0, "0 fixed", before)


# ---- explain ---------------------------------------------------------------------


def test_the_page_of_the_rules_is_what_explain_prints(run):
    assert run("explain", "--all")[1] == (ROOT / "docs/rules.md").read_text()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_explained(run, rule):
    code, out, err = run("explain", rule.code)
    assert (code, err) == (0, "")
    assert out.startswith(f"## {rule.code}\n\n{rule.level}: ")
    assert out in (ROOT / "docs/rules.md").read_text()
    for name, example in (("Bad", rule.bad), ("Good", rule.good)):
        if isinstance(example, dict) and example:
            text = out.split(f"{name}:\n\n```json\n")[1].split("```")[0]
            assert json.loads(text) == json.loads(json.dumps(example))


@pytest.mark.parametrize("code", ["RI30", "ri302", "R1302", "RI3O2"])
def test_a_slip_in_a_code_is_answered_with_the_nearest(run, code):
    status, out, err = run("explain", code)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "did you mean" in err
    assert "RI30" in err


@pytest.mark.parametrize("codes", [["nonsense"], [], ["x" * 10**5]], ids=len)
def test_other_words_are_no_codes(run, codes):
    status, out, err = run("explain", *codes)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--all" in err


def test_the_hook_is_for_files_named_config_json():
    """As pre-commit reads it: the pattern is searched in the path."""
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "  entry: ropeinterp check\n" in hook
    pattern = re.search(r"^  files: (.*)$", hook, re.MULTILINE)[1]
    for path, wanted in {
        "config.json": True,
        "models/a/config.json": True,
        "generation_config.json": False,
        "config.json.bak": False,
        "config_json": False,
    }.items():
        assert bool(re.search(pattern, path)) is wanted


# ---- terminals, strangers --------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_for_terminals_and_many_files(run, monkeypatch):
    for name in "abc":
        write(f"many/{name}/config.json")
    assert run("check", "many")[2] == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert cli.main(["check", "many"]) == 0
    assert "\r2 of 3 files" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\r\x1b[K")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert cli.main(["check", "many/a"]) == 0
    assert sys.stderr.getvalue() == ""


def test_colour_is_for_terminals_that_want_it(monkeypatch):
    write("config.json", FAULTY)
    monkeypatch.setenv("TERM", "xterm")
    for no_color, coloured in (("1", False), ("", True)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr(sys, "stdout", Terminal())
        cli.main(["check"])
        assert ("\x1b[33mwarning\x1b[0m" in sys.stdout.getvalue()) is coloured


def test_no_python_and_no_network_of_a_config_is_touched():
    write("config.json", FAULTY | {"auto_map": {"AutoConfig": "evil.Evil"}})
    Path("evil.py").write_text("raise SystemExit('imported')")
    program = """if True:
        import sys, socket
        def refuse(event, arguments):
            if event.startswith(("socket", "subprocess", "os.exec", "urllib")):
                raise SystemExit(event)
        sys.addaudithook(refuse)
        from ropeinterp.cli import main
        codes = [main(["check", "config.json"]), main(["check", "someone/nothing"])]
        raise SystemExit(str(codes))"""
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, timeout=60, text=True)
    assert result.stderr.splitlines()[-1] == "[1, 2]"


def test_special_files_are_refused_at_once():
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    Path("empty.json").touch()
    names = ["fifo", "/dev/zero", "loop", "empty.json"]
    result = process("check", *names)
    assert (result.returncode, result.stderr) == (1, b"")
    lines = result.stdout.decode().splitlines()
    assert [line.partition(": ")[0] for line in lines[:3]] == names[:3]
    assert [line.split(": ")[1] for line in lines[:3]] == ["RI001 error"] * 3
    assert lines[3].startswith("empty.json:1:1: RI002 error: $: ")
    assert lines[4] == "4 errors in 4 files"


def keys(n):
    return {f"key_{i}": 1 for i in range(n)}


LARGE = {
    "string": json.dumps(PLAIN | {"x": "a" * 10**6}),
    "numbers": json.dumps(PLAIN | {"x": [1] * 65000}),
    "keys": json.dumps(PLAIN | keys(50000)),
    "keys of a rope dict": json.dumps(
        PLAIN | {"rope_scaling": {"rope_type": "linear", "factor": 2.0} | keys(50000)}
    ),
    "brackets": "[" * 2**20,
    "quotes": '{"' * 2**19,
    "not JSON": "\n" * 2**20,
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_a_file_of_1_mib_takes_neither_long_nor_much(text):
    """Seconds and tens of MiB on any machine; measured, 0.7 s and 44 MiB at worst."""
    Path("config.json").write_text(text)
    assert len(text) <= 2**20
    program = """if True:
        import resource, sys, time
        from ropeinterp import check, cli
        check({})
        most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        before, start = most(), time.process_time()
        cli.main(["check", "config.json", "--verbose"])
        print(time.process_time() - start, most() - before, file=sys.stderr)"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, timeout=60, text=True)
    seconds, mebibytes = map(float, done.stderr.split())
    assert seconds < 5
    assert mebibytes < 100
    assert len(done.stdout) < 10**6


def test_no_control_character_of_a_stranger_reaches_the_terminal():
    bad = "\x1b[31m\r\n\u202e\x00\x7f\u0085\ud800"
    write("config.json", PLAIN | {"rope_scaling": {"type": bad, bad: 1, "factor": 2}})
    name = "di\x1br\n::error::/config.json"
    write(name, BROKEN)
    for how in FORMATS:
        result = process("check", "config.json", name, "--format", how, "--verbose")
        assert (result.returncode, result.stderr) == (1, b"")
        text = result.stdout.decode()
        assert text.replace("\n", "").isprintable()
        assert how != "github" or all(
            line.startswith("::") for line in text.splitlines()[:-1]
        )


def test_a_closed_output_is_told_without_a_traceback():
    write("config.json", FAULTY)
    command = f"exec {sys.executable} -m ropeinterp check config.json >&-"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == b"ropeinterp: standard output is closed\n"


def test_a_reader_that_leaves_early_is_no_error():
    write("config.json", FAULTY)
    command = [sys.executable, "-m", "ropeinterp", "check", "--format", "sarif"]
    pipe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe.stdout.close()
    errors = pipe.stderr.read()
    pipe.stderr.close()
    assert (pipe.wait(60), errors) == (141, b"")
