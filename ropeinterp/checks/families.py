"""Published families of models and what classes declare: families, layer_types.csv."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config.models import table
from ropeinterp.schemes.scheme import ORIGINAL_KEY


class Family(NamedTuple):
    """One row of data/families.csv: a published model, and its rope dict if known.

    Parameters
    ----------
    name, model_type : str
        As it is published.
    base : float
        Its base.
    length : int or None
        Its ``max_position_embeddings``; None where it does not tell the model.
    keys : mapping
        Further keys that tell it from others.
    block : mapping
        Its rope dict; only the type where the rest differs from model to model, without
        a type where it tells no model from others.
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
    return tuple(
        Family(
            row["name"],
            row["model_type"],
            float(row["base"]),
            int(row["length"]) if row["length"] else None,
            json.loads(row["keys"]),
            json.loads(row["block"]),
        )
        for row in table("families.csv")
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
        if (
            "rope_type" in row.block
            and row.length in _lengths(layer, length.value)
            and (row.model_type, row.base) == (target.located.model_type, base)
            and all(target.keys.get(k) == v for k, v in row.keys.items())
        ):
            return row
    return None


def _lengths(layer: Layer, length: float) -> list[float]:
    """Lengths that a model may have been published with, before it was extended."""
    factor, start = layer.get("factor"), layer.get(ORIGINAL_KEY)
    lengths = [length]
    if (
        layer.rope.given
        and layer.traits is not None
        and layer.traits.usual_base is None
    ):
        if is_finite(factor) and factor > 1 and not layer.has(ORIGINAL_KEY):
            lengths.append(length / factor)
        if is_finite(start) and layer.has(ORIGINAL_KEY):
            lengths.append(start)
    return lengths


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
        and "rope_type" not in row.block
        and all(keys.get(k, v) == v for k, v in row.keys.items())
    ]
    fitting = [row for row in rows if row.keys and all(k in keys for k in row.keys)]
    return tuple(fitting or rows)


def layer_types_of(model_type: str | None) -> tuple[str, ...]:
    """Return the layer types of a class whose rope dict is one for all of them.

    Parameters
    ----------
    model_type : str or None
        A model type of transformers.

    Returns
    -------
    tuple of str
        Those of the class default in transformers 5.23.0, data/layer_types.csv; empty
        where the class declares none, or has a rope dict per layer type.
    """
    return _layer_types().get(model_type or "", ())


@cache
def _layer_types() -> Mapping[str, tuple[str, ...]]:
    rows = table("layer_types.csv")
    return {row["model_type"]: tuple(row["layer_types"].split()) for row in rows}
