"""Recorded data: the folder that ROPEINTERP_DATA names, else the copies in tests/data.

The copies are a small part of that folder, in fewer folders: of what both have only
numerics/ has the same place. A test of what is only in the whole is skipped without it.
"""

import csv
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ropeinterp as ri

HERE = Path(__file__).parent / "data"
# Absolute, because some tests change the directory.
DATA = Path(os.environ.get("ROPEINTERP_DATA") or HERE).resolve()
if not (DATA / "numerics").is_dir():
    raise FileNotFoundError(f"ROPEINTERP_DATA: no recorded data in {DATA}")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a .jsonl file, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def case_file(name: str) -> Path:
    """The file of a case that a report or a public file gave, cut to its keys."""
    return HERE / "cases" / name


def skip_without(path: Path) -> None:
    """Skip the running test where the copies do not hold `path`."""
    if not path.exists():
        pytest.skip("not among the copies: set ROPEINTERP_DATA")


def chosen_spec(record: dict[str, Any]) -> ri.RopeSpec:
    """The spec of the config, part and layer type that a record is about."""
    config = ri.read(record["config"], dialect=record.get("dialect", "transformers"))
    if record.get("part"):
        config = config.parts[record["part"]]
    return config.layers[record["layer"]] if record["layer"] else config.spec


def published(kind: str) -> Iterator[tuple[str, bytes, list[str]]]:
    """(file, text, expected codes) of the collected configs of one kind."""
    folder = DATA / "configs"
    if not folder.exists():
        for record in lines(HERE / "configs.jsonl.gz"):
            if record["file"].startswith(kind):
                yield record["file"], record["text"].encode(), record["codes"]
        return
    with open(folder / "index.tsv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        for row in rows:
            codes = row["expected_codes"].replace(" ", "").split(",")
            if row["file"].startswith(kind):
                known = [c for c in codes if c.startswith("RI")]
                yield row["file"], (folder / row["file"]).read_bytes(), known


def case(name: str) -> dict[str, Any]:
    """The config of tests/data/cases of that name: an input of a public report."""
    text = case_file(f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
