"""Published and hostile configs: what must be found, and what must stay clean."""

import json
import math
import time

import pytest
from configs import as_mapping, content, is_inside, is_printable
from records import DATA, HERE, lines, published, skip_without

import ropeinterp as ri
from ropeinterp.checks import check


def test_no_error_and_no_warning_on_a_good_config():
    found, total = [], 0
    for file, text, _ in published("good"):
        total += 1
        strong = [f for f in check(text) if f.level != "info"]
        found += [f"{file}: {f.code} {f.message}" for f in strong]
    print(f"{total} good configs, {len(found)} false alarms")
    assert total >= 60
    assert not found, "\n".join(found)


def test_every_fault_that_a_file_shows_is_found():
    missed, total = [], 0
    for file, text, codes in published("questionable"):
        strong = {f.code for f in check(text) if f.level != "info"}
        total += bool(codes)
        if codes and not strong & set(codes):
            missed.append(f"{file}: {codes}, found {sorted(strong)}")
    print(f"{total - len(missed)} of {total} faults of published configs found")
    assert total >= 45
    assert not missed, "\n".join(missed)


def test_nothing_is_guessed_where_one_file_does_not_show_it():
    for file, text, codes in published("questionable"):
        if not codes:
            assert not [f for f in check(text) if f.level != "info"], file


@pytest.mark.parametrize(
    "path",
    [
        HERE / "validation_cases.jsonl",
        DATA / "huggingface" / "validation_cases.jsonl",
    ],
    ids=["copied", "whole"],
)
def test_misconfigurations_are_judged_as_they_should_be(path):
    skip_without(path)
    failed = []
    for case in lines(path):
        findings = check(case["config"])
        strong = [f for f in findings if f.level != "info"]
        hits = [f for f in findings if f.code in case["codes"]]
        if case["codes"]:
            inside = [f for f in hits if is_inside(f.path, [case["path"]])]
            if not inside or inside[0].level != case["level"]:
                failed.append((case["name"], case["codes"], findings))
        elif case["level"] is None and strong:
            failed.append((case["name"], "clean", strong))
        elif case["level"] is not None and not strong:
            failed.append((case["name"], case["level"], findings))
    assert not failed, failed[:5]


@pytest.mark.parametrize(
    "path",
    [HERE / "hostile_configs.jsonl", DATA / "hostile" / "configs.jsonl"],
    ids=["copied", "whole"],
)
def test_hostile_configs_are_judged_and_nothing_breaks(path, tmp_path):
    skip_without(path)
    failed = []
    for case in lines(path):
        file = tmp_path / "config.json"
        file.write_bytes(content(case))
        for source in (file, as_mapping(case)):
            if source is not None and (words := verdict(case, source)):
                failed.append(f"{case['id']}: {words}")
    assert not failed, "\n".join(failed)


def verdict(case, source):
    """What is wrong with the findings, or None."""
    start = time.perf_counter()
    findings = check(source)
    if time.perf_counter() - start > 1:
        return "slow"
    for f in findings:
        assert is_printable(f.message)
        assert len(f.message) <= 2000
        assert is_printable(f.path)
        json.dumps(f.value, allow_nan=False)
    levels = {f.level for f in findings if is_inside(f.path, case["paths"])}
    if case["class"] == "ok":
        return "refused" if any(f.level == "error" for f in findings) else None
    if case["class"] == "error":
        return None if "error" in levels else f"no error at {case['paths']}: {findings}"
    if levels & {"error", "warning"}:
        return None
    # A warning may also be a note of the reader.
    try:
        notes = ri.read(source).notes
    except ri.ConfigError as error:
        return None if is_inside(error.path, case["paths"]) else "silent"
    return None if any(is_inside(n.path, case["paths"]) for n in notes) else "silent"


LARGE = {
    "a string without end": '"' + "a" * 2**20,
    "quotes without end": '{"a": "' + '\\"' * 500_000,
    "commas, then quotes": "," * 70_000 + '"' + '\\"' * 400_000,
    "brackets": "[" * 2**20,
    "empty lists": '{"a": [' + "[]," * 65_000 + "[]]}",
    "words": '{"a": [' + '"abcdefgh",' * 65_000 + '""]}',
    "numbers": '{"rope_scaling": {"short_factor": [' + "1.25," * 65_000 + "1]}}",
    "not numbers": '{"rope_theta": [' + "NaN," * 65_000 + "NaN]}",
    "keys": "{" + ",".join(f'"k{i}":[1]' for i in range(32_000)) + "}",
    "equal keys": "{" + ",".join('"rope_theta":1' for _ in range(64_000)) + "}",
    "commas in a string": '{"a": "' + "x," * 500_000 + '"}',
    "a list of LongRoPE": '{"model_type": "llama", "rope_scaling": {"type": "longrope",'
    '"short_factor": ['
    + "1.0," * 30_000
    + '1], "long_factor": ['
    + "2.0," * 30_000
    + "2]}}",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_is_checked_in_linear_time(name):
    # Whatever is quadratic takes minutes at this size.
    start = time.perf_counter()
    findings = check(LARGE[name].encode())
    assert time.perf_counter() - start < 5
    assert all(len(f.message) <= 2000 for f in findings)


def test_numbers_of_findings_are_finite():
    config = {"model_type": "llama", "rope_theta": math.inf, "hidden_size": 4096}
    (found,) = [f for f in check(config) if f.code == "RI004"]
    assert found.value == "inf"
