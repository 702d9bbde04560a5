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
    """One row of data/families.csv: a published model and its rope dict.

    Parameters
    ----------
    name, model_type : str
        As it is published.
    base : float
        Its base.
    length : int
        Its ``max_position_embeddings``.
    keys : mapping
        Further keys that tell it from others.
    block : mapping
        Its rope dict; only the type where the rest differs from model to model.
    """

    name: str
    model_type: str
    base: float
    length: int
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
                int(row["length"]),
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
