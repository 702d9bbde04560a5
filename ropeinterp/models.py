"""What a model type says without saying it: rows of data/models.csv and composites.csv.

A model type that follows existing rules is one row there, two where its layer types
differ. Nothing here interprets a row; docs/huggingface.md describes the columns.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Model:
    """One model type, or one layer type of it.

    Parameters
    ----------
    model_type, layer : str
        `layer` is empty where one table serves all layers.
    layout : str
        As in :class:`ropeinterp.RopeSpec`.
    theta, theta_v4 : float or None
        Class default of the base, and that of transformers 4.57.
    theta_keys, partial_keys : tuple of str
        Top-level keys of the base and of the partial factor, the first that is present
        counts; ``key/head_dim`` is a quotient.
    partial : float or None
        Class default of the partial factor.
    default_uses_partial : bool
        Whether the type "default" honours the partial factor.
    head_dim_rule : str
        Alternatives separated by ``|``, see :mod:`ropeinterp.reading.heads`.
    sizes : mapping
        Class defaults of the keys that the rules name.
    aliases : mapping
        Other names of plain keys.
    block : mapping or None
        Rope dict of the class, for configs that give none; None where `unrotated`.
    axes : str
        Kind of axis map and its default sections, see :mod:`ropeinterp.reading.axes`.
    type_words : mapping
        Further words for rope types; an empty meaning refuses the word.
    layers : str
        How layers differ, see :mod:`ropeinterp.reading.layers`.
    labels : frozenset of str
        Further entries of ``layer_types`` that mean this layer type.
    flat : str
        What a rope dict that is not nested does for this layer type: "merge" (only
        ``rope_scaling``, over the class's dict), "copy", or nothing.
    flags : frozenset of str
        Rules that hold or do not; D1 to D12 are defects of transformers 5.23.0.
    """

    model_type: str
    layer: str
    layout: str
    theta: float | None
    theta_v4: float | None
    theta_keys: tuple[str, ...]
    partial: float | None
    partial_keys: tuple[str, ...]
    default_uses_partial: bool
    head_dim_rule: str
    sizes: Mapping[str, int]
    aliases: Mapping[str, tuple[str, ...]]
    block: Mapping[str, Any] | None
    unrotated: bool
    axes: str
    type_words: Mapping[str, str]
    layers: str
    labels: frozenset[str]
    flat: str
    flags: frozenset[str]

    @property
    def described(self) -> str:
        """Where a class default comes from, in words."""
        if not self.model_type:
            return "general rule"
        return f"class default of {self.model_type}"


@dataclass(frozen=True)
class Part:
    """One part of a composite model type.

    Parameters
    ----------
    path : tuple of str
        Keys that lead to its config.
    model_type : str
        Its rotary model type where the config names none; empty: general rules.
    flat : bool
        Whether old files keep its keys at the top level.
    """

    path: tuple[str, ...]
    model_type: str
    flat: bool


@cache
def models() -> Mapping[str, tuple[Model, ...]]:
    """Rows of every model type; the row of the empty name holds the general rules."""
    rows: dict[str, tuple[Model, ...]] = {}
    for row in _table("models.csv"):
        rows[row["model_type"]] = (*rows.get(row["model_type"], ()), _model(row))
    return MappingProxyType(rows)


@cache
def composites() -> Mapping[str, tuple[Part, ...]]:
    """Parts of every composite model type that hold a rotary embedding."""
    parts: dict[str, tuple[Part, ...]] = {}
    for row in _table("composites.csv"):
        part = Part(
            tuple(row["part"].split(".")), row["part_model_type"], row["flat"] == "yes"
        )
        parts[row["model_type"]] = (*parts.get(row["model_type"], ()), part)
    return MappingProxyType(parts)


def _table(name: str) -> Iterator[dict[str, str]]:
    # Not importlib.resources: it would double the time of importing the package.
    path = os.path.join(os.path.dirname(__file__), "data", name)
    with open(path, encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _pairs(text: str) -> dict[str, str]:
    """Split ``a=b c=d``."""
    return {k: v for k, _, v in (item.partition("=") for item in text.split())}


def _keys(text: str) -> tuple[str, ...]:
    """Split ``a|b``; ``-`` stands for none."""
    return () if text in ("", "-") else tuple(text.split("|"))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _model(row: Mapping[str, str]) -> Model:
    block = json.loads(row["block"] or "{}")
    aliases = _pairs(row["aliases"])
    return Model(
        model_type=row["model_type"],
        layer=row["layer"],
        layout=row["layout"],
        theta=_number(row["theta"]),
        theta_v4=_number(row["theta_v4"] or row["theta"]),
        theta_keys=_keys(row["theta_keys"]),
        partial=_number(row["partial"]),
        partial_keys=_keys(row["partial_keys"]),
        default_uses_partial=row["default_uses_partial"] == "yes",
        head_dim_rule=row["head_dim_rule"],
        sizes={k: int(v) for k, v in _pairs(row["sizes"]).items()},
        aliases={k: tuple(v.split(",")) for k, v in aliases.items()},
        block=block,
        unrotated=block is None,
        axes=row["axes"],
        type_words=_pairs(row["type_words"]),
        layers=row["layers"],
        labels=frozenset(row["labels"].split()),
        flat=row["flat"],
        flags=frozenset(row["flags"].split()),
    )
