"""Layers that differ by index: which of them are rotated, and with which rope dict.

Each rule of the column `layers` of models.csv is a function from a config and its rope
dict to plans by name and to the key of every decoder layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ropeinterp.config.lookup import Flat, Found, Plan, number, whole
from ropeinterp.errors import ConfigError

_MOST_LAYERS = 1000
_NOPE = "nope_layer"
# Class defaults of the only family that scales queries of layers without rotation.
_TEMPERATURE = {"attn_scale": 0.1, "floor_scale": 8192}


class Layers(NamedTuple):
    """Plans of a config.

    Parameters
    ----------
    plans : mapping of str to Plan or None
        By layer type; None where the layers are not rotated.
    keys : tuple of str or None
        For each decoder layer its key in `plans`; empty where layers do not differ by
        index, or the config does not say how.
    """

    plans: Mapping[str, Plan | None]
    keys: tuple[str | None, ...] = ()


def labels_of(flat: Flat) -> list[str]:
    """Entries of layer_types, as the model type means them."""
    found = flat.find("layer_types")
    if found is None or found.value is None:
        return []
    if not isinstance(found.value, list) or len(found.value) > _MOST_LAYERS:
        raise ConfigError(
            found.origin, found.value, f"must be a list of at most {_MOST_LAYERS} words"
        )
    meaning = {label: row.layer for row in flat.rows for label in row.labels}
    labels = []
    for i, label in enumerate(found.value):
        if not isinstance(label, str):
            raise ConfigError(f"{found.origin}[{i}]", label, "must be a string")
        labels.append(meaning.get(label, label))
    return labels


def _count(flat: Flat) -> int | None:
    found = flat.plain("num_hidden_layers")
    if found is None or found.value is None:
        flat.note(flat.at("num_hidden_layers"), "is missing: layer_keys stays empty")
        return None
    n = whole(found).value
    if not 0 <= n <= _MOST_LAYERS:
        raise ConfigError(found.origin, n, f"must be from 0 to {_MOST_LAYERS}")
    return int(n)


def _list(flat: Flat, key: str) -> list[Found] | None:
    """Return a list of numbers, one per layer; None where missing, null or empty."""
    found = flat.find(key)
    if found is None or not found.value:
        return None
    if not isinstance(found.value, list) or len(found.value) > _MOST_LAYERS:
        reason = f"must be a list of at most {_MOST_LAYERS} numbers"
        raise ConfigError(found.origin, found.value, reason)
    return [number(Found(v, f"{found.origin}[{i}]")) for i, v in enumerate(found.value)]


def _note_length(flat: Flat, key: str, n: int) -> None:
    found = flat.plain("num_hidden_layers")
    if found is not None and found.value is not None and whole(found).value != n:
        message = f"has {n} entries, but {found.origin} is {found.value}"
        flat.note(flat.at(key), f"{message}: layer_keys follows the list")


def _sliding(flat: Flat, plan: Plan) -> Layers:
    """Rotate only the layers with a sliding window."""
    plans = {"sliding_attention": plan, "full_attention": None}
    labels = labels_of(flat)
    pattern = flat.find("sliding_window_pattern")
    if not labels and pattern is not None and isinstance(pattern.value, int):
        step, n = whole(pattern).value, _count(flat) or 0
        if step < 1:
            raise ConfigError(pattern.origin, step, "must be positive")
        last = ("sliding_attention", "full_attention")
        labels = [last[(i + 1) % step == 0] for i in range(n)]
    if not labels:
        flat.note(flat.at("layer_types"), "is missing: layer_keys stays empty")
    keys = tuple(label if label in plans else None for label in labels)
    return Layers(plans, keys)


def _sliding_if_window(flat: Flat, plan: Plan) -> Layers:
    """Rotate only the layers with a sliding window, all of them if there is none."""
    window = flat.find("sliding_window")
    if window is not None and window.value is None:
        flat.note(window.origin, "is null: all layers are rotated")
        return Layers({"default": plan})
    return _sliding(flat, plan)


def _no_rope_layers(flat: Flat, plan: Plan) -> Layers:
    """Leave out every fourth layer, or those that a list marks with 0."""
    marks = _list(flat, "no_rope_layers")
    if marks is not None:
        rotated = [f.value != 0 for f in marks]
        _note_length(flat, "no_rope_layers", len(marks))
    else:
        found = flat.find("no_rope_layer_interval") or Found(4, "")
        step = whole(found).value
        if step < 1:
            raise ConfigError(found.origin, step, "must be positive")
        rotated = [(i + 1) % step != 0 for i in range(_count(flat) or 0)]
    _note_temperature(flat)
    return _with_nope(plan, rotated)


def _with_nope(plan: Plan, rotated: list[bool]) -> Layers:
    keys = tuple("default" if r else _NOPE for r in rotated)
    return Layers({"default": plan, _NOPE: None}, keys)


def _note_temperature(flat: Flat) -> None:
    """Layers without rotation may scale their queries; no spec can carry it."""
    tuning = flat.find("attn_temperature_tuning")
    if tuning is not None and tuning.value:
        scale, floor = (_temperature(flat, key) for key in _TEMPERATURE)
        message = (
            "layers without rotation multiply queries by "
            f"1 + {scale:g} * ln(1 + floor((position + 1) / {floor:g}))"
        )
        flat.note(tuning.origin, message)


def _temperature(flat: Flat, key: str) -> float:
    found = flat.find(key)
    if found is None or found.value is None:
        return _TEMPERATURE[key]
    return float(number(found).value)


def _layer_rope_theta(flat: Flat, plan: Plan) -> Layers:
    """One base per layer, 0 for no rotation."""
    bases = _list(flat, "layer_rope_theta")
    if bases is None:
        return Layers({"default": plan})
    distinct = sorted({float(f.value) for f in bases if f.value})
    single = len(distinct) == 1
    names = {base: "default" if single else f"rope_theta={base}" for base in distinct}
    plans: dict[str, Plan | None] = {}
    for found in bases:
        if found.value and (name := names[float(found.value)]) not in plans:
            plans[name] = replace(plan, theta=found, used=set())
    if any(not f.value for f in bases):
        plans[_NOPE] = None
    keys = tuple(names[float(f.value)] if f.value else _NOPE for f in bases)
    return Layers(plans, keys)


def _zero_theta(flat: Flat, plan: Plan) -> Layers:
    """Mark layers without rotation by a base of 0; all others share one base."""
    bases = _list(flat, "layer_rope_theta")
    if bases is not None:
        return _with_nope(plan, [f.value != 0 for f in bases])
    n = _count(flat) or 0
    return _with_nope(plan, [(n - 1 - i) % 4 != 0 for i in range(n)])


def _rope_scaling_layers(flat: Flat, plan: Plan) -> Layers:
    """Scale only the layers of a list."""
    scaled = _list(flat, "rope_scaling_layers")
    if scaled is None:
        return Layers({"default": plan})
    inside = {f.value for f in scaled}
    base = plan.block.get("rope_theta")
    block = {} if base is None else {"rope_theta": base}
    scheme = Found("default", flat.at("rope_scaling_layers"))
    plain = replace(plan, block=block, scheme=scheme, used=set())
    n = _count(flat) or 0
    keys = tuple("default" if i in inside else "unscaled" for i in range(n))
    return Layers({"default": plan, "unscaled": plain}, keys)


RULES: Mapping[str, Callable[[Flat, Plan], Layers]] = {
    "sliding": _sliding,
    "sliding_if_window": _sliding_if_window,
    "no_rope_layers": _no_rope_layers,
    "layer_rope_theta": _layer_rope_theta,
    "zero_theta": _zero_theta,
    "rope_scaling_layers": _rope_scaling_layers,
}
