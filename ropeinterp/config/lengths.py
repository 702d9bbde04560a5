"""The length, the trained length, and the factor where it is their ratio."""

from __future__ import annotations

from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import (
    LARGEST,
    FieldValues,
    Found,
    Origin,
    computed,
    whole,
)
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY


def lengths(
    reading: Reading, rope: RopeDict, scheme: str, fields: FieldValues
) -> FieldValues:
    """Length, trained length, and the factor where it is their ratio."""
    length = reading.size(LENGTH_KEY)
    if length is not None and isinstance(reading.keys.get(LENGTH_KEY), float):
        reading.note(length.path, "is not written as an integer")
    if length is not None and not length.stated:
        reading.note(
            reading.at(LENGTH_KEY),
            f"is missing: {length.value} is the {length.origin.text}",
        )
    result: FieldValues = {} if length is None else {"length": length}
    trained, factor = _trained(reading, rope, scheme, length), fields.get("factor")
    argument = reading.trained_length
    if trained is not None and argument is not None and trained.value != argument:
        path = trained.path_or(reading.at(LENGTH_KEY))
        reading.note(
            path, f"counts: the argument trained_length {argument} is not used"
        )
    by_lengths = reading.v4 and SCHEMES[scheme].v4_by_lengths
    if by_lengths and reading.find(ORIGINAL_KEY) and length:
        if factor is not None and factor.value is not None:
            reading.note(factor.path, "is ignored: the two lengths give the factor")
        factor = Found(None, Origin())
    if trained is None:
        return result
    result["trained_length"] = trained
    if factor is not None and factor.value is None:
        if length is None:
            raise ConfigError(
                reading.at(LENGTH_KEY), None, "is needed for the factor", "missing"
            )
        if not 0 < trained.value <= LARGEST or not 0 < length.value <= LARGEST:
            fields["factor"] = Found(1.0, Origin())  # the spec refuses the lengths
            return result
        origin = computed("/", length.origin, trained.origin)
        result["factor"] = Found(length.value / trained.value, origin)
        reading.note(rope.at("factor"), f"is missing: {origin.text} is the factor")
    return result


def _trained(
    reading: Reading, rope: RopeDict, scheme: str, length: Found | None
) -> Found | None:
    """Trained length: a key of its own, the argument, or the length."""
    where = SCHEMES[scheme].trained_length_key
    needed = "trained_length" in SCHEMES[scheme].fields
    found = None
    if reading.trained_length is not None:
        found = Found.words(reading.trained_length, "argument trained_length")
    path = reading.at(LENGTH_KEY)
    if where == "original":
        path = rope.at(ORIGINAL_KEY)
        found = _original(reading, rope, scheme) or found or length
        if found is not None and found is length:
            reading.note(path, f"is missing: {LENGTH_KEY} stands for it")
    elif where == "length":
        found = length if needed else found or length
    if found is None and needed:
        raise ConfigError(path, None, f"is missing: {scheme} needs it", "missing")
    return found


def _original(reading: Reading, rope: RopeDict, scheme: str) -> Found | None:
    """Trained length that the config gives: which of two places counts."""
    inside, top = rope.get(ORIGINAL_KEY), reading.find(ORIGINAL_KEY)
    by_lengths = SCHEMES[scheme].v4_by_lengths
    ignores_top = rope.nested or rope.row.layer or (reading.v4 and not by_lengths)
    ignores_inside = reading.v4 and by_lengths
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
