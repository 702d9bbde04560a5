"""Which rope dict serves which layers: one for all, one per type, or by lists.

The column `layers` of models.csv says which; layers that differ by index have their
rules in :mod:`ropeinterp.config.layer_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ropeinterp.config.json_source import below
from ropeinterp.config.layer_rules import RULES, Layers, labels_of
from ropeinterp.config.models import Model
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import Found
from ropeinterp.errors import ConfigError

# Keys that may hold one value per layer, and the key that each value stands for.
_PER_LAYER = {
    "rope_theta": "rope_theta",
    "partial_rotary_factors": "partial_rotary_factor",
}


def layers_of(reading: Reading) -> Layers:
    """Find the rope dict of every layer type."""
    rule = reading.rows[0].layers
    if rule == "types" or (not reading.known and _is_nested(reading)):
        return _by_type(reading)
    rope = _single(reading)
    return RULES[rule](reading, rope) if rule else Layers({"default": rope})


# ---- the rope dict ---------------------------------------------------------------


def _rope_dict(reading: Reading) -> tuple[Mapping[str, Any] | None, str]:
    """Return the dict that counts and its key: rope_scaling before rope_parameters."""
    scaling, parameters = (_mapping(reading, key) for key in OF_ROPE_DICTS)
    if parameters and reading.v4:
        reading.note(
            reading.at("rope_parameters"), "is not read at all by transformers 4.57"
        )
    elif parameters and scaling:
        reading.note(reading.at("rope_parameters"), "is ignored: rope_scaling counts")
    if scaling:
        return scaling, "rope_scaling"
    return (None, "") if reading.v4 else (parameters, "rope_parameters")


def _mapping(reading: Reading, key: str) -> Mapping[str, Any] | None:
    value = reading.keys.get(key)
    if not value:
        return None
    if not isinstance(value, dict):
        raise ConfigError(reading.at(key), value, "must be an object", "type")
    return value


def _single(reading: Reading) -> RopeDict:
    row = reading.rows[0]
    block, key = _rope_dict(reading)
    if block and ("no_dict" in row.flags or ("v4_no_dict" in row.flags and reading.v4)):
        reading.note(reading.at(key), f"is not read by {row.model_type}")
        block = None
    if block and "D8" in row.flags and key == "rope_scaling":
        reading.defect(reading.at(key), "D8", "ignores it")
    if block and "D9" in row.flags and key == "rope_scaling":
        reading.defect(reading.at(key), "D9", "loses the partial factor with it")
    if block:
        return RopeDict(row, block, reading.at(key))
    return _of_class(reading, row)


def _of_class(
    reading: Reading, row: Model, layer: Mapping[str, Found] | None = None
) -> RopeDict:
    """Return the dict of the class, for configs that give none."""
    path = reading.at("rope_parameters")
    return RopeDict(row, row.block or {}, path, given=False, layer=layer or {})


# ---- one dict per layer type -----------------------------------------------------


def _is_nested(reading: Reading) -> bool:
    block, _ = _rope_dict(reading)
    names = {row.layer for row in reading.rows if row.layer} | set(labels_of(reading))
    return block is not None and any(name in block for name in names)


def _by_type(reading: Reading) -> Layers:
    labels = labels_of(reading)
    ropes = (
        _nested(reading, labels) if _is_nested(reading) else _shared(reading, labels)
    )
    keys = tuple(label if label in ropes else None for label in labels)
    return Layers(ropes, keys)


def _nested(reading: Reading, labels: list[str]) -> dict[str, RopeDict | None]:
    block, key = _rope_dict(reading)
    assert block is not None
    rows = {row.layer: row for row in reading.rows}
    ropes: dict[str, RopeDict | None] = {}
    for name, entry in block.items():
        path = below(reading.at(key), name)
        if name not in rows and name not in labels:
            reading.note(path, "is not read beside the layer types")
            continue
        if entry is not None and not isinstance(entry, dict):
            raise ConfigError(path, entry, "must be an object or null", "form")
        row = rows.get(name, reading.rows[0])
        layer = _first_layer(reading, labels, name)
        ropes[name] = (
            None
            if entry is None
            else RopeDict(row, entry, path, nested=True, layer=layer)
        )
    for name in rows:
        if name and name in labels and name not in ropes:
            reading.note(below(reading.at(key), name), "is missing: no rotation there")
    return ropes


def _shared(reading: Reading, labels: list[str]) -> dict[str, RopeDict | None]:
    """One dict, or none, for all layer types: what it does is in the rows."""
    block, key = _rope_dict(reading)
    ropes: dict[str, RopeDict | None] = {}
    read = False
    for row in reading.rows:
        layer = _first_layer(reading, labels, row.layer)
        rope = _of_class(reading, row, layer)
        if block and row.one_dict == "copy":
            # Every layer type gets the dict with the base of the first one.
            first = reading.rows[0]
            row = row._replace(theta=first.theta, theta_keys=first.theta_keys)
            rope = RopeDict(row, block, reading.at(key), layer=layer)
        elif block and row.one_dict == "merge" and key == "rope_scaling":
            rope = RopeDict(
                row, {**(row.block or {}), **block}, reading.at(key), layer=layer
            )
            if "rope_type" not in block and "type" in block:
                rope = replace(rope, block=block)
                path = below(reading.at(key), "type")
                reading.defect(path, "D6", "drops it where rope_type is missing")
        read = read or rope.given
        if "D7" in row.flags and reading.find("rope_theta"):
            what = "does not take it for the sliding layers"
            reading.defect(reading.at("rope_theta"), "D7", what)
        ropes[row.layer] = None if row.unrotated else rope
    if block and not read:
        message = "is not read: this model type has one dict per layer type"
        reading.note(reading.at(key), message)
    return ropes


def _first_layer(reading: Reading, labels: list[str], name: str) -> dict[str, Found]:
    """Return what the config says about the first layer of a type alone."""
    if name not in labels:
        return {}
    i = labels.index(name)
    result: dict[str, Found] = {}
    for key, single in _PER_LAYER.items():
        values = reading.keys.get(key)
        if isinstance(values, list) and i < len(values):
            result[single] = Found.at(values[i], below(reading.at(key), i))
    by_index = reading.keys.get("per_layer_config")
    if isinstance(by_index, dict):
        for key, entry in by_index.items():
            if key.isdecimal() and len(key) < 9 and int(key) == i:
                path = below(reading.at("per_layer_config"), key)
                if isinstance(entry, dict):
                    result |= {k: Found.at(v, below(path, k)) for k, v in entry.items()}
    return result
