"""What findings look like in each format, whatever a stranger's file holds."""

import json
import math
import re
import subprocess
import sys
from urllib.parse import unquote

import jsonschema
import pytest
from records import HERE

from ropeinterp.checks import RULES
from ropeinterp.checks.finding import REMOVE, Edit, Finding, Fix
from ropeinterp.cli.formats import FORMATS, renderer
from ropeinterp.cli.options import parse

FIX = Fix("write 4.0", (Edit("$.rope_scaling", "factor", 4.0),))
ERROR = Finding("RI205", "error", "a/config.json", "$.x", 3, 7, "$.x: is missing")
WARNING = Finding("RI203", "warning", "b.json", "$.y", 1, 2, "$.y: 0.25", 0.25, FIX)
NOTE = Finding("RI008", "info", None, "$", None, None, "$: nothing is checked")
EVERY = [ERROR, WARNING, NOTE]
BAD = "\x1b[2J\x07\r\n::error::%\u202e\ud800\x7f\u0085,:"
# A name of a file has other surrogates: bytes that are not UTF-8.
NAME = BAD.replace("\ud800", "\udcff")
HOSTILE = Finding("RI104", "error", NAME, f"$[{BAD}]", 1, 1, BAD, BAD, Fix(BAD))


def plain(level, words):
    return words


def render(name, findings=EVERY, files=2, verbose=False):
    return renderer(name)(findings, files, verbose, plain)


def strict(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_the_command_offers_every_format():
    for name in FORMATS:
        given = parse(["check", "--format", name], show=None, check=None, explain=None)
        assert given.format == name
        assert callable(renderer(name))


def test_the_command_starts_without_the_formats():
    program = "import sys, ropeinterp.cli.options; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "ropeinterp.cli.formats" in loaded
    assert not {f"ropeinterp.cli.formats.{name}" for name in FORMATS} & set(loaded)
    assert "ropeinterp.checks" not in loaded


def test_text():
    assert render("text").splitlines() == [
        "a/config.json:3:7: RI205 error: $.x: is missing",
        "b.json:1:2: RI203 warning: $.y: 0.25",
        "    fix: write 4.0",
        "1 error, 1 warning in 2 files (1 note, --verbose shows it)",
    ]
    assert render("text", verbose=True).splitlines()[3:] == [
        "config: RI008 info: $: nothing is checked",
        "1 error, 1 warning, 1 note in 2 files",
    ]


@pytest.mark.parametrize(
    ("findings", "files", "summary"),
    [
        ([], 1, "nothing wrong in 1 file"),
        ([ERROR] * 3 + [WARNING], 12, "3 errors, 1 warning in 12 files"),
        ([WARNING] * 2, 1, "2 warnings in 1 file"),
        ([NOTE] * 5, 9, "nothing wrong in 9 files (5 notes, --verbose shows them)"),
    ],
)
@pytest.mark.parametrize("name", ["text", "github"])
def test_the_last_line_counts(name, findings, files, summary):
    assert render(name, findings, files).splitlines()[-1] == summary


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (Fix("a", FIX.edits), "    fix: a"),
        (Fix("a", FIX.edits, certain=False), "    unsafe fix: a"),
        (Fix("a"), "    hint: a"),
    ],
)
def test_a_hint_says_whether_the_command_can_write_it(fix, words):
    finding = Finding("RI203", "warning", "f", "$", 1, 1, "m", None, fix)
    assert render("text", [finding]).splitlines()[1] == words


def test_json():
    error, warning, note = strict(render("json"))
    names = ["code", "level", "file", "path", "line", "column", "message"]
    assert list(error) == [*names, "value", "fix"]
    assert (error["line"], error["column"], error["fix"]) == (3, 7, None)
    edit = {"path": "$.rope_scaling", "key": "factor", "value": 4.0}
    assert warning["fix"] == {"message": "write 4.0", "certain": True, "edits": [edit]}
    assert (note["file"], note["line"], note["value"]) == (None, None, None)


def test_json_tells_a_key_that_goes_from_one_that_becomes_null():
    fix = Fix("", (Edit("$", "a", REMOVE), Edit("$", "b", None)))
    finding = Finding("RI109", "info", None, "$", None, None, "", None, fix)
    assert strict(render("json", [finding]))[0]["fix"]["edits"] == [
        {"path": "$", "key": "a", "remove": True},
        {"path": "$", "key": "b", "value": None},
    ]


def test_json_of_a_fix_is_finite():
    edits = (Edit("$", "rope_parameters", {"mine": [math.nan], "factor": 2.0}),)
    finding = Finding("RI113", "info", None, "$", None, None, "", None, Fix("", edits))
    edit = strict(render("json", [finding]))[0]["fix"]["edits"][0]
    assert edit["value"] == {"mine": ["nan"], "factor": 2.0}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (0.25, 0.25),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (10**400, "an integer of 1329 bits"),
        (math.nan, "nan"),
        ([1, math.inf, None], [1, "inf", None]),
        ({"a\n": "b\x1b"}, {"a\\n": "b\\x1b"}),
        ([0] * 4096, "a list of 4096 items"),
        ([[1, 2], {"a": 1}], ["[1, 2]", "{'a': 1}"]),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_values_in_json_are_short_and_finite(value, shown):
    finding = Finding("RI201", "error", None, "$", None, None, "", value)
    assert strict(render("json", [finding]))[0]["value"] == shown


def test_a_long_string_is_cut_in_json():
    finding = Finding("RI201", "error", None, "$", None, None, "", "x" * 10**6)
    assert len(render("json", [finding])) < 1000


def test_github():
    assert render("github", verbose=True).splitlines() == [
        "::error file=a/config.json,line=3,col=7,title=RI205::$.x: is missing",
        "::warning file=b.json,line=1,col=2,title=RI203::$.y: 0.25%0Afix: write 4.0",
        "::notice title=RI008::$: nothing is checked",
        "1 error, 1 warning, 1 note in 2 files",
    ]


def test_github_escapes_what_would_end_a_command_or_a_property():
    line, last = render("github", [HOSTILE]).splitlines()
    match = re.fullmatch(r"::error file=([^:,]*),line=1,col=1,title=RI104::(.*)", line)
    words = "\\x1b[2J\\x07\\r\\n::error::%\\u202e\\ud800\\x7f\\x85,:"
    assert unquote(match[1]) == words.replace("ud800", "udcff")
    assert unquote(match[2]) == f"{words}\nhint: {words}"
    assert last == "1 error in 2 files"


SCHEMA = json.loads((HERE / "sarif-2.1.0.json").read_text())


def sarif(findings):
    log = strict(render("sarif", findings))
    jsonschema.Draft4Validator.check_schema(SCHEMA)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    return log["runs"][0]


@pytest.mark.parametrize("findings", [[], EVERY, [HOSTILE]], ids=len)
def test_sarif_keeps_to_the_schema(findings):
    assert len(sarif(findings)["results"]) == len(findings)


def test_sarif_has_every_rule_with_its_level():
    rules = sarif([])["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    levels = {"error": "error", "warning": "warning", "info": "note"}
    for said, rule in zip(rules, RULES, strict=True):
        assert said["defaultConfiguration"]["level"] == levels[rule.level]
        assert said["shortDescription"]["text"] == rule.what
        assert re.fullmatch(r"[a-z]+:\S+", said["helpUri"])


def test_sarif_results():
    error, warning, note = sarif(EVERY)["results"]
    location = error["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "a/config.json"}
    assert location["region"] == {"startLine": 3, "startColumn": 7}
    assert warning["message"]["text"] == "$.y: 0.25\nfix: write 4.0"
    assert (note["level"], note["ruleId"]) == ("note", "RI008")
    assert "locations" not in note


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b:c/config.json", "a%20b%3Ac/config.json"),
        ("/tmp/ä.json", "file:///tmp/%C3%A4.json"),
        ("\udcff\n", "%FF%0A"),
    ],
)
def test_sarif_uris(file, uri):
    result = sarif([Finding("RI002", "error", file, "$", 1, 1, "")])["results"][0]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_that_moves_a_cursor_is_printed(name):
    assert render(name, [HOSTILE], verbose=True).replace("\n", "").isprintable()
    assert render(name, [HOSTILE]).endswith("\n")
