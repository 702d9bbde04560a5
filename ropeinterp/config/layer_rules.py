"""Layers that differ by index: which of them are rotated, and with which rope dict.

Each rule of the column `layers` of models.csv is a function from a config and its rope
dict to ropes by name and to the key of every decoder layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ropeinterp.config.json_source import below
from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import Found, Origin, number, whole
from ropeinterp.errors import ConfigError

_MOST_LAYERS = 1000
_NOPE = "nope_layer"
# Class defaults of the only family that scales queries of layers without rotation.
_TEMPERATURE = {"attn_scale": 0.1, "floor_scale": 8192}


class Layers(NamedTuple):
    """Rope dicts of a config, and the layers that each serves.

    Parameters
    ----------
    ropes : mapping of str to RopeDict or None
        By layer type; None where the layers are not rotated.
    keys : tuple of str or None
        For each decoder layer its key in `ropes`; empty where layers do not differ by
        index, or the config does not say how.
    """

    ropes: Mapping[str, RopeDict | None]
    keys: tuple[str | None, ...] = ()


def labels_of(reading: Reading) -> list[str]:
    """Entries of layer_types, as the model type means them."""
    found = reading.find("layer_types")
    if found is None or found.value is None:
        return []
    if not isinstance(found.value, list) or len(found.value) > _MOST_LAYERS:
        raise ConfigError(
            found.path,
            found.value,
            f"must be a list of at most {_MOST_LAYERS} words",
            "type",
        )
    meaning = {label: row.layer for row in reading.rows for label in row.labels}
    labels = []
    for i, label in enumerate(found.value):
        if not isinstance(label, str):
            raise ConfigError(below(found.path, i), label, "must be a string", "type")
        labels.append(meaning.get(label, label))
    # Files of some model types list the blocks of a layer, attention before "mlp".
    blocks = "mlp_blocks" in reading.rows[0].flags and "mlp" in labels
    return labels[::2] if blocks else labels


def _count(reading: Reading) -> int | None:
    found = reading.named("num_hidden_layers")
    if found is None or found.value is None:
        reading.note(
            reading.at("num_hidden_layers"), "is missing: layer_keys stays empty"
        )
        return None
    n = whole(found).value
    if not 0 <= n <= _MOST_LAYERS:
        raise ConfigError(found.path, n, f"must be from 0 to {_MOST_LAYERS}", "range")
    return int(n)


def _list(reading: Reading, key: str) -> list[Found] | None:
    """Return a list of numbers, one per layer; None where missing, null or empty."""
    found = reading.find(key)
    if found is None or not found.value:
        return None
    if not isinstance(found.value, list) or len(found.value) > _MOST_LAYERS:
        reason = f"must be a list of at most {_MOST_LAYERS} numbers"
        raise ConfigError(found.path, found.value, reason, "type")
    return [
        number(Found.at(v, below(found.path, i))) for i, v in enumerate(found.value)
    ]


def _note_length(reading: Reading, key: str, n: int) -> None:
    found = reading.named("num_hidden_layers")
    if found is not None and found.value is not None and whole(found).value != n:
        message = f"has {n} entries, but {found.path} is {found.value}"
        reading.note(reading.at(key), f"{message}: layer_keys follows the list")


def _sliding(reading: Reading, rope: RopeDict) -> Layers:
    """Rotate only the layers with a sliding window."""
    ropes = {"sliding_attention": rope, "full_attention": None}
    labels = labels_of(reading)
    pattern = reading.find("sliding_window_pattern")
    if not labels and pattern is not None and isinstance(pattern.value, int):
        step, n = whole(pattern).value, _count(reading) or 0
        if step < 1:
            raise ConfigError(pattern.path, step, "must be positive", "range")
        last = ("sliding_attention", "full_attention")
        labels = [last[(i + 1) % step == 0] for i in range(n)]
    if not labels:
        reading.note(reading.at("layer_types"), "is missing: layer_keys stays empty")
    keys = tuple(label if label in ropes else None for label in labels)
    return Layers(ropes, keys)


def _sliding_if_window(reading: Reading, rope: RopeDict) -> Layers:
    """Rotate only the layers with a sliding window, all of them if there is none."""
    window = reading.find("sliding_window")
    if window is not None and window.value is None:
        reading.note(window.path, "is null: all layers are rotated")
        return Layers({"default": rope})
    return _sliding(reading, rope)


def _no_rope_layers(reading: Reading, rope: RopeDict) -> Layers:
    """Leave out every fourth layer, or those that a list marks with 0."""
    marks = _list(reading, "no_rope_layers")
    if marks is not None:
        rotated = [f.value != 0 for f in marks]
        _note_length(reading, "no_rope_layers", len(marks))
    else:
        found = reading.find("no_rope_layer_interval") or Found(4, Origin())
        step = whole(found).value
        if step < 1:
            raise ConfigError(found.path, step, "must be positive", "range")
        rotated = [(i + 1) % step != 0 for i in range(_count(reading) or 0)]
    _note_temperature(reading)
    return _with_nope(rope, rotated)


def _with_nope(rope: RopeDict, rotated: list[bool]) -> Layers:
    keys = tuple("default" if r else _NOPE for r in rotated)
    return Layers({"default": rope, _NOPE: None}, keys)


def _note_temperature(reading: Reading) -> None:
    """Layers without rotation may scale their queries; no spec can carry it."""
    tuning = reading.find("attn_temperature_tuning")
    if tuning is not None and tuning.value:
        scale, floor = (_temperature(reading, key) for key in _TEMPERATURE)
        message = (
            "layers without rotation multiply queries by "
            f"1 + {scale:g} * ln(1 + floor((position + 1) / {floor:g}))"
        )
        reading.note(tuning.path, message)


def _temperature(reading: Reading, key: str) -> float:
    found = reading.find(key)
    if found is None or found.value is None:
        return _TEMPERATURE[key]
    return float(number(found).value)


def _layer_rope_theta(reading: Reading, rope: RopeDict) -> Layers:
    """One base per layer, 0 for no rotation."""
    bases = _list(reading, "layer_rope_theta")
    if bases is None:
        return Layers({"default": rope})
    distinct = sorted({float(f.value) for f in bases if f.value})
    single = len(distinct) == 1
    names = {base: "default" if single else f"rope_theta={base}" for base in distinct}
    ropes: dict[str, RopeDict | None] = {}
    for found in bases:
        if found.value and (name := names[float(found.value)]) not in ropes:
            ropes[name] = replace(rope, theta=found)
    if any(not f.value for f in bases):
        ropes[_NOPE] = None
    keys = tuple(names[float(f.value)] if f.value else _NOPE for f in bases)
    return Layers(ropes, keys)


def _zero_theta(reading: Reading, rope: RopeDict) -> Layers:
    """Mark layers without rotation by a base of 0; all others share one base."""
    bases = _list(reading, "layer_rope_theta")
    if bases is not None:
        return _with_nope(rope, [f.value != 0 for f in bases])
    n = _count(reading) or 0
    return _with_nope(rope, [(n - 1 - i) % 4 != 0 for i in range(n)])


def _rope_scaling_layers(reading: Reading, rope: RopeDict) -> Layers:
    """Scale only the layers of a list."""
    scaled = _list(reading, "rope_scaling_layers")
    if scaled is None:
        return Layers({"default": rope})
    inside = {f.value for f in scaled}
    base = rope.block.get("rope_theta")
    block = {} if base is None else {"rope_theta": base}
    scheme = Found.at("default", reading.at("rope_scaling_layers"))
    unscaled = replace(rope, block=block, scheme=scheme)
    n = _count(reading) or 0
    keys = tuple("default" if i in inside else "unscaled" for i in range(n))
    return Layers({"default": rope, "unscaled": unscaled}, keys)


RULES: Mapping[str, Callable[[Reading, RopeDict], Layers]] = {
    "sliding": _sliding,
    "sliding_if_window": _sliding_if_window,
    "no_rope_layers": _no_rope_layers,
    "layer_rope_theta": _layer_rope_theta,
    "zero_theta": _zero_theta,
    "rope_scaling_layers": _rope_scaling_layers,
}
