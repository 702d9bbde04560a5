"""The base, the length, the trained length, and the factor where it is their ratio."""

from __future__ import annotations

from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import Fields, Found, Origin, computed, number, whole
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES

_ORIGINAL = "original_max_position_embeddings"
_LENGTH = "max_position_embeddings"
_LARGEST = 2.0**60


def base(reading: Reading, rope: RopeDict) -> Found:
    """Find the base: in the dict, else at the top, else the class default."""
    row = rope.row
    inside = not reading.v4 and (rope.nested or "own_theta" not in row.flags)
    own = rope.get("rope_theta")
    top = reading.find(*row.theta_keys, *(("rope_theta",) if rope.nested else ()))
    top = rope.layer.get("rope_theta", top)
    if not inside:
        own = None
    if rope.theta is not None:
        return rope.theta
    if own is not None:
        if top is not None and top.value != own.value:
            reading.note(top.path, f"is ignored: {own.origin.text} counts")
        base = number(own)
    elif top is not None:
        base = number(top)
        reading.counted.add(top.path)
    else:
        default = row.theta_v4 if reading.v4 else row.theta
        # The types of this flag without a key of their own have a fixed base.
        inside = inside and "plain" not in row.flags
        inside = inside and (rope.given or not row.theta_keys)
        rope.note_default(reading, "rope_theta", row.theta_keys, inside, default or 0.0)
        base = Found.words(default, row.described)
    stray = reading.find("rope_theta")
    if stray is not None and stray not in (top, own) and not rope.nested:
        reading.strays[stray.path] = f"is not read by {row.model_type}"
    if base.value == 1:
        reading.note(base.path, "makes all frequencies equal")
    return base


def lengths(reading: Reading, rope: RopeDict, scheme: str, fields: Fields) -> Fields:
    """Length, trained length, and the factor where it is their ratio."""
    length = reading.size(_LENGTH)
    if length is not None and isinstance(reading.keys.get(_LENGTH), float):
        reading.note(length.path, "is not written as an integer")
    if length is not None and not length.stated:
        reading.note(
            reading.at(_LENGTH),
            f"is missing: {length.value} is the {length.origin.text}",
        )
    result: Fields = {} if length is None else {"length": length}
    trained, factor = _trained(reading, rope, scheme, length), fields.get("factor")
    argument = reading.trained_length
    if trained is not None and argument is not None and trained.value != argument:
        path = trained.path_or(reading.at(_LENGTH))
        reading.note(
            path, f"counts: the argument trained_length {argument} is not used"
        )
    if reading.v4 and scheme == "longrope" and reading.find(_ORIGINAL) and length:
        if factor is not None and factor.value is not None:
            reading.note(factor.path, "is ignored: the two lengths give the factor")
        factor = Found(None, Origin())
    if trained is None:
        return result
    result["trained_length"] = trained
    if factor is not None and factor.value is None:
        if length is None:
            raise ConfigError(
                reading.at(_LENGTH), None, "is needed for the factor", "missing"
            )
        if not 0 < trained.value <= _LARGEST or not 0 < length.value <= _LARGEST:
            fields["factor"] = Found(1.0, Origin())  # the spec refuses the lengths
            return result
        origin = computed("/", length.origin, trained.origin)
        result["factor"] = Found(length.value / trained.value, origin)
        reading.note(rope.at("factor"), f"is missing: {origin.text} is the factor")
    return result


def _trained(
    reading: Reading, rope: RopeDict, scheme: str, length: Found | None
) -> Found | None:
    own = (
        None
        if reading.trained_length is None
        else Found.words(reading.trained_length, "argument trained_length")
    )
    if not any(key.name == _ORIGINAL for key in SCHEMES[scheme].optional):
        if scheme == "dynamic" and length is None:
            raise ConfigError(
                reading.at(_LENGTH), None, "is missing: dynamic needs it", "missing"
            )
        if scheme == "dynamic":
            return length
        return own or (length if scheme in ("default", "proportional") else None)
    found = _original(reading, rope, scheme) or own or length
    if found is None:
        raise ConfigError(
            rope.at(_ORIGINAL), None, f"is missing: {scheme} needs it", "missing"
        )
    if found is length:
        reading.note(rope.at(_ORIGINAL), f"is missing: {_LENGTH} stands for it")
    return found


def _original(reading: Reading, rope: RopeDict, scheme: str) -> Found | None:
    """Trained length that the config gives: which of two places counts."""
    inside, top = rope.get(_ORIGINAL), reading.find(_ORIGINAL)
    ignores_top = rope.nested or rope.row.layer or (reading.v4 and scheme != "longrope")
    ignores_inside = reading.v4 and scheme == "longrope"
    if top is not None and top.value is not None and not ignores_top:
        if inside is not None and inside.value != top.value:
            reading.note(inside.path, f"is ignored: {top.path} counts")
            reading.defect(inside.path, "D5", "shows it until the model is built")
        return whole(top)
    if top is not None:
        reading.note(top.path, "is not read here")
    if inside is None or inside.value is None:
        return None
    if ignores_inside:
        reading.note(inside.path, "is not read by transformers 4.57 for longrope")
        return None
    return whole(inside)


def scale_base(fields: Fields) -> None:
    """NTK of vendors' own code: the base times s, all divided by s ** (2 / dim)."""
    factor, base, dim = fields["factor"], fields["base"], fields["dim"].value
    if not 0 < factor.value < _LARGEST or dim < 1 or abs(base.value) > _LARGEST:
        return  # the spec refuses it
    origin = computed("*", base.origin, factor.origin)
    fields["base"] = Found(float(base.value) * float(factor.value), origin)
    fields["factor"] = Found(float(factor.value) ** (2 / dim), factor.origin)
