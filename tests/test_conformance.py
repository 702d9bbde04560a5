"""Recorded results of transformers 5.23.0 and 4.57.6, and published configs.

Tolerances are those of data/huggingface/README.md: transformers computes in float32, so
exact float64 frequencies agree to 1e-6, those with a ramp or a cancellation to 3e-6.
"""

import math

import numpy as np
import pytest
from records import DATA, HERE, chosen_spec, lines, skip_without

import ropeinterp as ri

# Explained in docs/huggingface.md: the record holds no logit_scale.
KNOWN = {"mistral4/rope_interleave_false"}
LOOSE = ("yarn", "llama3")


def inv_freq_differs(got, want, tolerance):
    if got.shape != want.shape:
        return f"{got.size} pairs, not {want.size}"
    if ((got == 0) != (want == 0)).any():
        return "zeros differ"
    turning = want != 0
    worst = np.abs(got[turning] / want[turning] - 1).max(initial=0.0)
    return None if worst <= tolerance else f"inv_freq differs by {worst:.2g}"


def axis_map_differs(got, want):
    if want is None:
        return False
    if got is None or len(got) != len(want):
        return True
    return any(w not in (".", str(g)) for g, w in zip(got, want, strict=True))


def disagreement(record):
    spec, seq_len = chosen_spec(record), record["seq_len"]
    want = np.frombuffer(bytes.fromhex(record["inv_freq"]), "<f4").astype(float)
    tolerance = 3e-6 if record["rope_type"] in LOOSE else 1e-6
    differs = inv_freq_differs(spec.inv_freq(seq_len), want, tolerance)
    if differs:
        return differs
    at = spec if seq_len is None else spec.at(seq_len)
    pairs = [("attention_scaling", at.attention_scaling, record["attention_scaling"])]
    # The records of 4.57 hold no logit scale.
    if "dialect" not in record:
        pairs += [("logit_scale", spec.logit_scale, record.get("logit_scale", 1.0))]
    if "position_scale" in record:
        pairs += [("position_scale", spec.position_scale, 2 * math.pi)]
    for name, got, wanted in pairs:
        if not math.isclose(got, wanted, rel_tol=1e-12):
            return f"{name} {got}, not {wanted}"
    if spec.layout != record["layout"]:
        return f"layout {spec.layout}"
    if spec.rotary_offset != record.get("rotary_offset", 0):
        return f"rotary_offset {spec.rotary_offset}"
    if axis_map_differs(spec.axis_map, record.get("axis_map")):
        return f"axis_map {spec.axis_map}"
    return None


@pytest.mark.parametrize(
    "path",
    [
        HERE / "core.jsonl",
        DATA / "huggingface" / "conformance.jsonl.gz",
        DATA / "huggingface" / "conformance_4_57.jsonl.gz",
    ],
    ids=lambda path: path.name,
)
def test_records_of_transformers_agree(path):
    skip_without(path)
    failed, known, total = [], 0, 0
    for record in lines(path):
        total += 1
        try:
            reason = disagreement(record)
        except (ValueError, KeyError) as error:
            reason = repr(error)
        if reason and f"{record['model_type']}/{record['variant']}" in KNOWN:
            known += 1
        elif reason:
            failed.append(f"{record['id']}: {reason}")
    print(f"{path.name}: {total - len(failed) - known} of {total} agree, {known} known")
    assert not failed, "\n".join(failed[:50])
    assert known <= total / 100


def test_published_configs_read_and_agree():
    folder = DATA / "configs"
    skip_without(folder)
    vectors = {
        r["id"]: np.array(r["inv_freq"]) for r in lines(folder / "inv_freq.jsonl")
    }
    failed, read, compared = [], 0, 0
    for record in lines(folder / "hf_result.jsonl"):
        if not record["file"].startswith("good/"):
            continue
        config = ri.read(folder / record["file"])
        read += 1
        if [n.path for n in config.notes] == ["$.alibi"]:
            continue  # falcon: transformers builds a table that no layer uses
        for name, want in expected_tables(record):
            spec = config.spec if name == "default" else config.layers[name]
            seq_len = want.get("seq_len")
            got = spec.inv_freq(seq_len)
            compared += 1
            differs = inv_freq_differs(got, vectors[want["inv_freq"]], 2e-6)
            scaling = (spec if seq_len is None else spec.at(seq_len)).attention_scaling
            if not math.isclose(scaling, want["attention_scaling"], rel_tol=1e-6):
                differs = f"attention_scaling {scaling}"
            if differs:
                failed.append(f"{record['file']} {name}: {differs}")
    print(
        f"{read} published configs read, {compared - len(failed)} of {compared} agree"
    )
    assert not failed, "\n".join(failed)


def expected_tables(record):
    yield from record["layers"].items()
    if "long" in record:
        yield "default", record["long"]


def test_misconfigurations_are_refused_or_read():
    path = DATA / "huggingface" / "validation_cases.jsonl"
    skip_without(path)
    failed, total = [], 0
    for case in lines(path):
        total += 1
        try:
            ri.read(case["config"])
            outcome = "returns"
        except ri.ConfigError as error:
            outcome = "raises"
            if not error.path.startswith(case["path"]):
                failed.append(f"{case['name']}: {error}, not at {case['path']}")
        if case["read"] not in (outcome, "either"):
            failed.append(f"{case['name']}: {outcome}")
    print(f"{total - len(failed)} of {total} misconfigurations as judged")
    assert not failed, "\n".join(failed)
