"""The shipped rows say only what the reader understands."""

import csv
from pathlib import Path

import pytest

import ropeinterp as ri
from ropeinterp.config.axes import GRIDS, SECTIONS
from ropeinterp.config.layer_rules import RULES
from ropeinterp.config.models import composites, model_types, rows_of
from ropeinterp.layouts import LAYOUTS
from ropeinterp.schemes import SCHEMES

ROWS = [row for name in model_types() for row in rows_of(name)]
KINDS = {"", *GRIDS, *SECTIONS}
RULES_OF_LAYERS = {"", "types", "none", "refused", *RULES}
# Their class defaults do not fit together; upstream fails, too (defect D11).
UNREADABLE = {"glm4v_moe_text", "glm4v_text", "glm_image_text", "hunyuan_vl_text"}
UNREADABLE |= {"glm_image", "hunyuan_vl"}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.model_type}-{r.layer}")
def test_words_of_a_row_are_known(row):
    assert row.layers in RULES_OF_LAYERS
    if row.layers in ("none", "refused"):
        return
    assert row.layout in LAYOUTS
    assert row.axes.split(" ")[0] in KINDS
    assert set(row.type_words.values()) <= {"", "kexue_ntk", *SCHEMES}
    assert row.one_dict in ("", "merge", "copy")
    for values in row.switch.values():
        negated = isinstance(values, dict) and values.keys() == {"not"}
        assert isinstance(values["not"] if negated else values, list)
    assert row.head_dim_rule
    assert row.theta is not None


def test_a_switched_off_table_is_noted():
    for keys, is_used in (({}, True), ({"alibi": False}, True), ({"alibi": 1}, False)):
        notes = {note.path for note in ri.read({"model_type": "falcon"} | keys).notes}
        assert ("$.alibi" not in notes) == is_used


def test_rows_are_sorted_and_complete():
    folder = Path(ri.__file__).parent / "data"
    for name in ("models.csv", "composites.csv"):
        with open(folder / name, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert {len(row) for row in rows} == {len(header)}
        assert len({tuple(row[:2]) for row in rows}) == len(rows)


def test_class_defaults_of_every_model_type_read():
    refused = {name for name in model_types() if rows_of(name)[0].layers == "refused"}
    failed = set()
    for name in {*model_types(), *composites()} - {""}:
        try:
            ri.read({"model_type": name})
        except ri.ConfigError:
            failed.add(name)
    assert failed == (refused - set(composites())) | UNREADABLE


def test_example_of_a_new_row_has_all_columns():
    root = Path(__file__).parents[1]
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("my_type,"))
    header = (root / "ropeinterp/data/models.csv").read_text().splitlines()[0]
    assert row.count(",") == header.count(",")
