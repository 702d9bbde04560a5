"""Channels that are rotated, where they begin, and which position axis drives them."""

from __future__ import annotations

import math

from ropeinterp.config import axes
from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import (
    LARGEST,
    FieldValues,
    Found,
    Origin,
    computed,
    number,
    numbers,
    whole,
)
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES

# A table of this width takes 6 ms; no head of a model has a tenth of it.
_WIDEST = 2**13


def _partial(reading: Reading, rope: RopeDict, head: Found) -> Found:
    row = rope.row
    rotated = reading.at("qk_rope_head_dim")
    if not reading.known and rotated in head.origin.paths:  # MLA: already the share
        factor = reading.find("partial_rotary_factor")
        if factor is not None:
            reading.note(factor.path, f"is not of {rotated}, which is rotated whole")
        return Found.words(1.0, "the whole head")
    inner = rope.get("partial_rotary_factor") if not reading.v4 else None
    top = rope.layer.get("partial_rotary_factor") or _top_partial(reading, rope, head)
    found = top if "forced_partial" in row.flags else inner or top
    if found is None or found.value is None:
        if row.partial is None:
            return Found.words(1.0, "the whole head")
        # An older config has its factor at the top even beside a rope dict.
        inside = not reading.v4 and (rope.nested or not row.partial_keys)
        inside = inside and "forced_partial" not in row.flags
        keys = row.partial_keys
        rope.note_default(reading, "partial_rotary_factor", keys, inside, row.partial)
        return Found.words(row.partial, row.described)
    if inner is not None and found is not inner:
        reading.note(inner.path, f"is not read by {row.model_type}")
    return number(found)


def _top_partial(reading: Reading, rope: RopeDict, head: Found) -> Found | None:
    for key in rope.row.partial_keys:
        name, _, divisor = key.partition("/")
        found = (
            rope.layer.get(name) or reading.find(name) or _default(reading, rope, name)
        )
        if found is None or (found.value is None and not _needed(rope, name)):
            continue
        reading.counted.add(found.path)
        if not divisor:
            return number(found)
        if head.value > 0:
            return _share(whole(found), head.value, exact=_needed(rope, name))
    stray = reading.find("partial_rotary_factor")
    if stray is not None and "partial_rotary_factor" not in rope.row.partial_keys:
        reading.strays[stray.path] = f"is not read by {rope.row.model_type}"
    return None


def _needed(rope: RopeDict, name: str) -> bool:
    """Whether channels, not a factor, have a class default."""
    return name in rope.row.sizes and rope.row.partial is None


def _default(reading: Reading, rope: RopeDict, name: str) -> Found | None:
    if not _needed(rope, name):
        return None
    value = rope.row.sizes[name]
    rope.note_default(reading, name, (name,), False, value)
    return Found.words(value, rope.row.described)


def _share(channels: Found, head: int, exact: bool) -> Found:
    """Share of a head; `exact` where the model uses the channels, not the quotient."""
    n = float(min(channels.value, LARGEST))
    share = n / head
    if exact and 0 < share * head < n:
        share = math.nextafter(share, math.inf)
    return Found(share, channels.origin)


def width(reading: Reading, rope: RopeDict, scheme: str, head: Found) -> FieldValues:
    """Channels that are rotated, where they begin, and which axis drives them.

    Parameters
    ----------
    reading, rope : Reading, RopeDict
        The config, and the rope dict of the layers.
    scheme : str
        Name of the scheme.
    head : Found
        Channels of one head.

    Returns
    -------
    FieldValues
        ``head_dim``, ``dim``, and what else the width decides.
    """
    if rope.row.axes in axes.GRIDS:
        return _grid(rope, head)
    if head.value > _WIDEST:
        path = head.path_or(reading.path)
        raise ConfigError(
            path, head.value, f"is wider than {_WIDEST} channels", "range"
        )
    partial = _partial(reading, rope, head)
    found = _dim(reading, rope, scheme, head, partial)
    dim, pairs = found.value, (found.value + 1) // 2
    fields: FieldValues = {"dim": found}
    if SCHEMES[scheme].has("partial_rotary_factor"):
        fields["partial_rotary_factor"] = partial
        if dim % 2 and dim > 0:  # no half pair at the end
            pairs = dim // 2
            fields["frequency_map"] = Found(tuple(range(pairs)), head.origin)
    if dim == head.value > 0:  # the last pair of an odd width needs a channel more
        head = Found(2 * ((dim + 1) // 2), head.origin)
    fields["head_dim"] = head
    if 0 < dim <= head.value and "trailing" in rope.row.flags:
        offset = max(head.value - 2 * pairs, 0)
        fields["rotary_offset"] = Found.words(offset, rope.row.described)
    if 0 < dim <= head.value and rope.row.axes:
        fields["axis_map"] = _axis_map(reading, rope, scheme, pairs)
    return fields


def _dim(
    reading: Reading, rope: RopeDict, scheme: str, head: Found, partial: Found
) -> Found:
    """Channels that divide the exponents: the head, or a share of it."""
    row, traits = rope.row, SCHEMES[scheme]
    uses_partial = row.default_uses_partial or reading.v4
    ignored = not traits.scales and not uses_partial
    if ignored and partial.stated and partial.value != 1:
        reading.note(partial.path, f"is ignored by {row.model_type} with type default")
    if ignored or traits.has("partial_rotary_factor") or partial.value == 1:
        dim = head
    else:
        size = float(max(head.value, -LARGEST)) * float(partial.value)
        size = max(min(size, LARGEST), -LARGEST)
        dim = Found(int(size), partial.origin if partial.stated else _shared(head))
    if dim.value % 2:
        path = dim.path_or(reading.path)
        reading.note(path, f"makes an odd number of rotated channels: {dim.value}")
    return dim


def _shared(head: Found) -> Origin:
    """Origin of a share of the head that a class default decides."""
    share = Origin.words("class default")
    return computed("*", head.origin, share) if head.stated else head.origin


def _grid(rope: RopeDict, head: Found) -> FieldValues:
    if not 4 <= head.value <= _WIDEST:
        raise ConfigError(
            head.path_or(rope.path if rope.given else "$"),
            head.value,
            "is no width of a head with two position axes",
            "range",
        )
    grid = axes.GRIDS[rope.row.axes](head.value)
    origin = Origin.words(rope.row.described)
    fields = {
        "head_dim": head,
        "dim": head if grid.dim == head.value else Found(grid.dim, _shared(head)),
        "axis_map": Found(grid.axis_map, origin),
        "frequency_map": Found(grid.frequency_map, origin),
    }
    if grid.position_scale != 1:
        fields["position_scale"] = Found(grid.position_scale, origin)
    return fields


def _axis_map(reading: Reading, rope: RopeDict, scheme: str, pairs: int) -> Found:
    """Axis map of an M-RoPE model from its sections."""
    kind, *default = rope.row.axes.split()
    found = rope.get("mrope_section")
    if found is None and kind == "component":
        found = rope.get("xdrope_section")
    path = rope.at("mrope_section")
    if found is None or found.value is None:
        if not default and kind != "alternating":
            raise ConfigError(path, None, f"is missing: {kind} axes need it", "missing")
        found = Found.words([int(n) for n in default], rope.row.described)
        if default:
            reading.note(
                path, f"is missing: {' '.join(default)} is the {found.origin.text}"
            )
    path = found.path_or(path)
    sections = tuple(whole(Found.at(n, path)).value for n in numbers(found).value)
    if any(not 0 <= n <= _WIDEST for n in sections):
        raise ConfigError(
            path, list(sections), f"must be from 0 to {_WIDEST} each", "range"
        )
    if default and len(sections) != len(default):
        raise ConfigError(
            path, list(sections), f"must have {len(default)} sections", "form"
        )
    axis_map = axes.SECTIONS[kind](sections, pairs)
    if axis_map is None:
        raise ConfigError(path, list(sections), f"does not fill {pairs} pairs", "form")
    if "D12" in rope.row.flags:
        reading.note(path, "halves of a pair follow two positions: no rotation (D12)")
    if kind == "ernie" and SCHEMES[scheme].scales:
        reading.note(path, "what other types than default do with it is not known")
    return Found(axis_map, found.origin)
