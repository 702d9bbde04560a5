"""precision="hf32" against what transformers computed, and table_error by hand.

Promised: frequencies within 4 ulp of transformers, llama3 within 12 (its subtraction
cancels); tables by the bound of data/huggingface/README.md, in which an ulp of the
frequency moves the float32 angle by an ulp.
"""

from collections import Counter

import numpy as np
import oracle
import pytest
from records import DATA, HERE, chosen_spec, lines, skip_without

import ropeinterp as ri

FILES = [HERE / "core.jsonl", DATA / "huggingface" / "conformance.jsonl.gz"]


def ulps_between(got, want):
    """Distances of two arrays of positive float32, in ulps."""
    return np.abs(got.view(np.int32).astype(np.int64) - want.view(np.int32))


def samples(record, table):
    """Per token the values of the first and the last pair."""
    return np.array(record[table]).reshape(-1, 2)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hf32_is_what_transformers_computes(path):
    skip_without(path)
    away, failed = Counter(), []
    for record in lines(path):
        if "defect" in record:
            continue  # the record holds the intended numbers, not transformers' own
        spec, seq_len = chosen_spec(record), record["seq_len"]
        want = np.frombuffer(bytes.fromhex(record["inv_freq"]), "<f4")
        got = spec.inv_freq(seq_len, precision="hf32")
        assert got.dtype == np.float32
        ulps = ulps_between(got, want)
        away.update(ulps.tolist())
        if ulps.max(initial=0) > (12 if record["rope_type"] == "llama3" else 4):
            failed.append(f"{record['id']}: inv_freq {ulps.max()} ulp")
        if "cos" in record and not spec.splits_pairs:
            failed += disagreeing_tables(record, spec, seq_len, want, ulps)
    print(f"{path.name}: ulps of hf32 frequencies {sorted(away.items())}")
    assert not failed, "\n".join(failed[:30])


def disagreeing_tables(record, spec, seq_len, inv_freq, ulps):
    positions = np.array(record["positions"])
    if positions.dtype.kind == "f":
        positions = positions.astype(np.float64)
    scale = record["attention_scaling"]
    size = np.abs(positions.astype(np.float64)) * spec.position_scale
    size = size.reshape(-1, size.shape[-1]).max(0)
    tables = spec.cos_sin(positions, seq_len, precision="hf32")
    for name, table in zip(("cos", "sin"), tables, strict=True):
        want = samples(record, name)
        for column, pair in enumerate((0, -1)):
            u, w = int(ulps[pair]), float(inv_freq[pair])
            bound = scale * (3e-7 + (u + (u > 0)) * 2.0**-23 * size * w)
            off = np.abs(table.reshape(-1, table.shape[-1])[:, pair] - want[:, column])
            if (off > bound).any():
                yield f"{record['id']}: {name} of pair {pair} off by {off.max():.2g}"


def test_hf32_tables_from_the_same_frequencies_are_within_two_ulp():
    """A float32 angle, its correctly rounded cosine, times the factor."""
    rng = np.random.default_rng(5)
    inv_freq = (0.7 ** np.arange(24)).astype(np.float32)
    spec = ri.RopeSpec.from_inv_freq(inv_freq, attention_scaling=1.1386294)
    positions = rng.integers(0, 131072, 100)
    factor = np.float32(spec.attention_scaling)
    for which, table in enumerate(spec.cos_sin(positions, precision="hf32")):
        for p, row in zip(positions, table, strict=True):
            for k in range(0, 24, 5):
                angle = np.float32(p) * inv_freq[k]
                exact = oracle.cos_sin(1, oracle.real(float(angle)))[which]
                rounded = np.float32(float(oracle.nearest(exact, "float32")))
                assert row[k] == rounded * factor


def test_positions_go_through_float32():
    spec = ri.RopeSpec.default(8)
    near, far = spec.cos_sin([2**24, 2**24 + 1], precision="hf32")[0]
    assert (near == far).all()
    near, far = spec.cos_sin([2**24, 2**24 + 1])[0]
    assert (near != far).any()


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes_round_the_float32_table_again(dtype):
    spec = ri.RopeSpec.yarn(32, factor=4, trained_length=64)
    single = spec.cos_sin(range(50), precision="hf32")
    other = spec.cos_sin(range(50), dtype=dtype, precision="hf32")
    for a, b in zip(single, other, strict=True):
        for x, y in zip(a.ravel().tolist(), b.astype(float).ravel(), strict=True):
            assert oracle.nearest(x, dtype) == oracle.fraction(float(y))


def test_apply_rotates_by_the_hf32_tables():
    spec = ri.RopeSpec.llama3(64)
    x = np.random.default_rng(0).standard_normal((2, 9, 64), np.float32)
    tables = spec.cos_sin(np.arange(9) + 100000, precision="hf32")
    got = spec.apply(x, np.arange(9) + 100000, precision="hf32")
    assert (got == ri.ufuncs.rotate_half(x, *tables)).all()
    assert (got != spec.apply(x, np.arange(9) + 100000)).any()


def test_an_unknown_precision_is_refused():
    spec = ri.RopeSpec.default(8)
    for call in (spec.inv_freq, lambda **k: spec.cos_sin([1], **k)):
        with pytest.raises(ValueError, match=r"precision 'half': must be one of exact"):
            call(precision="half")


# ---- table_error -------------------------------------------------------------------


def float32_angles(base, dim, positions):
    """The angles of transformers, in its operations."""
    exponent = (2 * np.arange(dim // 2)).astype(np.float32) / np.float32(dim)
    power = np.float64(base) ** exponent.astype(np.float64)
    inv_freq = np.float32(1) / power.astype(np.float32)
    return positions.astype(np.float32)[:, None] * inv_freq


def test_table_error_is_the_largest_error_of_float32():
    report = ri.table_error(ri.RopeSpec.default(16, 5e5), 3000)
    assert (report.length, report.exhaustive) == (3000, True)
    frequencies = oracle.default(16, 5e5)
    angles = float32_angles(5e5, 16, np.arange(3000.0))
    for k in (1, 4, 7):
        off = [
            abs(oracle.real(float(a)) - p * frequencies[k])
            for p, a in enumerate(angles[:, k])
        ]
        # The report subtracts in float64: 2^-52 of the largest angle.
        assert report.phase[k] == pytest.approx(float(max(off)), abs=1e-12)
    # An angle error of e moves cos and sin by at most e, and float32 rounds them.
    assert (report.table <= report.phase + 3.1e-8).all()
    assert report.table.max() > 1e-5


def test_table_error_of_long_sequences_is_a_lower_bound():
    report = ri.table_error(ri.RopeSpec.default(16, 5e5), 10**7)
    assert not report.exhaustive
    assert "at least" in str(report)
    # numerics: 0.64 at 10M for 64 pairs; some of the eight pairs here are as bad.
    assert 0.05 < report.table.max() <= 2.0


def test_table_error_takes_the_spec_at_that_length():
    spec = ri.RopeSpec.dynamic(16, factor=2, trained_length=64)
    assert (
        ri.table_error(spec, 500).phase == ri.table_error(spec.at(500), 500).phase
    ).all()
    with pytest.raises(ValueError, match="length 0: must be from 1 to"):
        ri.table_error(spec, 0)
