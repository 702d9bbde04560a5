"""Published families of models and their rope dicts, data/families.csv."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ropeinterp.checks.target import Target


class Family(NamedTuple):
    """One row of data/families.csv: a published model, and its rope dict if known.

    Parameters
    ----------
    name, model_type : str
        As it is published.
    base : float
        Its base.
    length : int or None
        Its ``max_position_embeddings``; None where only the base is known.
    keys : mapping
        Further keys that tell it from others.
    block : mapping
        Its rope dict; only the type where the rest differs from model to model, empty
        where only the base is known.
    """

    name: str
    model_type: str
    base: float
    length: int | None
    keys: Mapping[str, Any]
    block: Mapping[str, Any]


@cache
def families() -> tuple[Family, ...]:
    """All rows, the more special ones first."""
    path = os.path.join(os.path.dirname(__file__), "..", "data", "families.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return tuple(
            Family(
                row["name"],
                row["model_type"],
                float(row["base"]),
                int(row["length"]) if row["length"] else None,
                json.loads(row["keys"]),
                json.loads(row["block"]),
            )
            for row in csv.DictReader(file)
        )


def family_of(target: Target) -> Family | None:
    """Return the family that base, length and further keys name."""
    length = target.length()
    if len(target.layers) != 1 or length is None:
        return None
    layer = target.layers[0]
    base = layer.get("rope_theta") or target.keys.get("rope_theta")
    if base is None and layer.spec is not None:
        base = layer.spec.base
    for row in families():
        if (row.model_type, row.base, row.length) == (
            target.located.model_type,
            base,
            length.value,
        ) and all(target.keys.get(k) == v for k, v in row.keys.items()):
            return row
    return None


def published(target: Target) -> tuple[Family, ...]:
    """Return the published models of a type whose bases are known.

    Rows whose further keys contradict the file are left out; where such keys tell a
    model from others of its type, it stands alone.
    """
    keys = target.keys
    rows = [
        row
        for row in families()
        if row.model_type == target.located.model_type
        and row.length is None
        and all(keys.get(k, v) == v for k, v in row.keys.items())
    ]
    told = [row for row in rows if row.keys and all(k in keys for k in row.keys)]
    return tuple(told or rows)
