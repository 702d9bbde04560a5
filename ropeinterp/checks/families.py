"""RI305, RI306: families whose published configs have a rope dict."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
from ropeinterp.config.json_source import below
from ropeinterp.text import printable


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


class FamilyBlock(Rule):
    """A known family of models without its rope dict, or with another one.

    The scaling that the model was trained with is lost, without any sign.
    """

    code, level = "RI305", "warning"
    source = "published Llama-3.1 and DeepSeek-V3 configs, and their copies"
    bad = {"rope_theta": 500000.0, "max_position_embeddings": 131072}
    good = {
        "rope_theta": 500000.0,
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare base, length and type with the rows."""
        family = family_of(target)
        if family is None or target.layers[0].scheme == family.block["rope_type"]:
            return
        layer = target.layers[0]
        word = family.block["rope_type"]
        other = target.reread(layer, **family.block)
        given = f"type {printable(layer.word)}" if layer.rope.given else "no rope dict"
        message = (
            f"{given}, where base {family.base:g} and length {family.length} are those "
            f"of {family.name}, which has {word}{told(effect(layer.spec, other))}"
        )
        path = layer.rope.path if layer.rope.given else target.at("rope_scaling")
        yield Diagnostic(path, message, _restored(target, layer, family))


def _restored(target: Target, layer: Layer, family: Family) -> Fix | None:
    if layer.rope.given or len(family.block) == 1:
        return None
    edit = Edit(target.reading.path, "rope_scaling", dict(family.block))
    return Fix(f"restore the rope dict of {family.name}", (edit,), certain=False)


class BaseMissing(Rule):
    """A llama3 dict without any base.

    The class default 10000 counts, where every model of this method has 500000.
    """

    code, level = "RI306", "warning"
    source = "transformers 5.23.0 class defaults"
    bad = {
        "rope_theta": None,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 4096,
        },
    }
    good = bad | {"rope_theta": 500000.0}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask where the base comes from."""
        for layer in target.given():
            origin = layer.origins.get("base", "$")
            if layer.scheme != "llama3" or origin.startswith("$"):
                continue
            if layer.spec is None or layer.spec.base != 1e4:
                continue
            other = target.reread(layer, rope_theta=5e5)
            words = told(effect(layer.spec, other))
            message = f"is missing: 10000 counts, not 500000{words}"
            yield Diagnostic(below(layer.rope.path, "rope_theta"), message)


RULES = (FamilyBlock(), BaseMissing())
