"""One rope dict of a config, for one layer type, becomes a RopeSpec.

The look-up order, what a missing key means and which keys are read follow
docs/huggingface.md. What is in range is known to RopeSpec alone: its errors come back
here and leave as ConfigError with the JSON path of the value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ropeinterp.config import heads
from ropeinterp.config.attention import multipliers
from ropeinterp.config.base import base, scale_base
from ropeinterp.config.lengths import lengths
from ropeinterp.config.models import Model
from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import KINDS, FieldValues, Found, Origin, flag
from ropeinterp.config.width import width
from ropeinterp.dialects import V4, V5
from ropeinterp.errors import ConfigError, Kind, ParameterError
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.scheme import ORIGINAL_KEY
from ropeinterp.spec import RopeSpec
from ropeinterp.text import printable

_MOST_NOTES = 100
# Schemes of vendors' own code that another one expresses.
_EXPRESSED = {"kexue_ntk": "linear"}
_LOOKED_UP = (ORIGINAL_KEY, "partial_rotary_factor")  # at the top level too


def read_block(reading: Reading, rope: RopeDict) -> tuple[RopeSpec, dict[str, Origin]]:
    """Read one rope dict.

    Parameters
    ----------
    reading : Reading
        The config that it belongs to.
    rope : RopeDict
        The dict, and the layers that it serves.

    Returns
    -------
    spec : RopeSpec
    origins : dict of str to Origin
        Where the value of each field comes from.

    Raises
    ------
    ConfigError
        If a value is missing, of a wrong type or out of range.
    """
    word = _type_word(reading, rope)
    scheme = _EXPRESSED.get(word.value, word.value)
    fields = {"scheme": Found(scheme, word.origin)}
    fields |= _scheme_keys(reading, rope, scheme)
    head = heads.head_dim(reading, rope.row, rope.layer)
    fields |= width(reading, rope, scheme, head)
    fields["base"] = base(reading, rope)
    fields |= lengths(reading, rope, scheme, fields)
    fields["layout"] = _layout(reading, rope.row)
    if word.value in _EXPRESSED:
        scale_base(fields)
    mscales = {k: fields.pop(k, None) for k in ("mscale", "mscale_all_dim")}
    attention_factor = fields.pop("attention_factor", None)
    fields = {name: f for name, f in fields.items() if f.value is not None}
    try:
        spec = RopeSpec(**_values(fields))
        more = multipliers(reading, rope, spec, attention_factor, mscales)
        fields |= more
        if more:
            spec = replace(spec, **_values(more))
    except ParameterError as error:
        raise _config_error(reading, rope, fields, error) from error
    _note_unread(reading, rope, scheme)
    _note_order(reading, rope, spec)
    return spec, {name: found.origin for name, found in fields.items()}


def _values(fields: FieldValues) -> dict[str, Any]:
    return {name: found.value for name, found in fields.items()}


def _config_error(
    reading: Reading, rope: RopeDict, fields: FieldValues, error: ParameterError
) -> ConfigError:
    """Say the same with the JSON path of the value in place of the argument."""
    name, bracket, index = error.argument.partition("[")
    if name == "head_dim":
        name = "dim"  # it is the rotated width that does not fit
    path = rope.path if rope.given else reading.path
    if name in fields:
        path = fields[name].path_or(path)
    return ConfigError(path + bracket + index, error.value, error.reason, _kind(error))


def _kind(error: ParameterError) -> Kind:
    """Kind of a fault that the spec names; lists and widths fit or do not."""
    if error.value is None:
        return "missing"
    fits = error.argument == "head_dim" or isinstance(error.value, tuple)
    return "form" if fits else "range"


# ---- the type ----------------------------------------------------------------------


def _type_word(reading: Reading, rope: RopeDict) -> Found:
    """Find the type, as the model type means its word."""
    if rope.scheme is not None:
        return rope.scheme
    new, old = rope.get("rope_type"), rope.get("type")
    found = new or old or Found("default", rope.origin(rope.path))
    if new and old and new.value != old.value:
        reading.note(old.path, f"is ignored: rope_type is {printable(new.value)}")
    if new is None and old is None and rope.given:
        reading.note(rope.at("rope_type"), "is missing: plain frequencies")
    if not isinstance(found.value, str):
        raise ConfigError(found.path, found.value, "must be a string", "type")
    row = rope.row
    word = row.type_words.get(found.value, found.value)
    other = _sharing(word, rope)
    if other is not None:
        return Found(other, found.origin)
    if word in _EXPRESSED:
        reading.note(found.path, "is read as NTK with the base times the factor")
        return Found(word, found.origin)
    dialect = V4 if reading.v4 else V5
    if word not in SCHEMES or dialect not in SCHEMES[word].dialects:
        if reading.known:
            raise ConfigError(found.path, found.value, "is no known rope type", "form")
        reading.note(found.path, "is no known rope type: read as plain frequencies")
        word = "default"
    elif word != found.value and not row.axes:
        reading.note(found.path, f"means {word} here")
    if found.value == "su" and reading.known and reading.find(ORIGINAL_KEY):
        reading.defect(found.path, "D4", "raises KeyError for this word")
    return Found(word, found.origin)


def _sharing(word: str, rope: RopeDict) -> str | None:
    """Name of a scheme that has this word, too, and is meant where its keys are given.

    That holds for the model types whose flags name the keys.
    """
    for name, scheme in SCHEMES.items():
        if scheme.word and scheme.word == word:
            keys = [key.name for key in scheme.required]
            if all(key in rope.row.flags and rope.block.get(key) for key in keys):
                return name
    return None


# ---- the keys of the scheme ----------------------------------------------------------


def _scheme_keys(reading: Reading, rope: RopeDict, scheme: str) -> FieldValues:
    """Keys of the scheme; a factor that lengths give stays None."""
    fields: FieldValues = {}
    for key in SCHEMES[scheme].required:
        found = rope.get(key.name)
        if found is None:
            raise ConfigError(
                rope.at(key.name), None, f"is missing: {scheme} needs it", "missing"
            )
        leave = key.nullable and found.value is None
        fields[key.sets] = found if leave else KINDS[key.kind](found)
    for key in SCHEMES[scheme].optional:
        if key.name in _LOOKED_UP:
            continue
        found = rope.get(key.name)
        if found is not None and found.value is not None:
            found = KINDS[key.kind](found)
            if not (key.zero_is_missing and found.value == 0):
                fields[key.sets] = found
                continue
            reading.note(found.path, "0 counts as missing")
        if key.nullable:
            fields[key.sets] = Found(None, rope.origin(rope.at(key.name)))
    factor = fields.get("factor")
    if factor is not None and factor.value is not None and factor.value < 1:
        reading.note(factor.path, "is below 1: it shortens the context")
    return fields


# ---- the layout --------------------------------------------------------------------


def _layout(reading: Reading, row: Model) -> Found:
    """Find the layout; in some model types a key can switch it."""
    found = reading.find("rope_interleave") if "rope_interleave" in row.flags else None
    if found is not None and found.value is not None and not flag(found).value:
        return Found("half", found.origin)
    if not reading.known:
        found = reading.find("rope_interleaved", "rope_interleave")
        if found is not None and found.value is not None and flag(found).value:
            return Found("interleaved", found.origin)
    return Found.words(row.layout, row.described)


# ---- what is left --------------------------------------------------------------------


def _note_unread(reading: Reading, rope: RopeDict, scheme: str) -> None:
    if rope.given:
        unread = [key for key in rope.block if key not in rope.used]
        for key in unread[:_MOST_NOTES]:
            reading.note(rope.at(key), f"is not read with type {scheme}")
        if len(unread) > _MOST_NOTES:
            more = len(unread) - _MOST_NOTES
            reading.note(rope.path, f"{more} more keys are not read with type {scheme}")
    if rope.nested and "truncate" in rope.used and rope.block.get("truncate") is False:
        reading.defect(rope.at("truncate"), "D2", "ignores it here")
    fails = "D3" in rope.row.flags and SCHEMES[scheme].needs_head_dim
    if fails and not reading.keys.get("head_dim"):
        reading.defect(reading.at("head_dim"), "D3", "fails without it")


def _note_order(reading: Reading, rope: RopeDict, spec: RopeSpec) -> None:
    """Note bounds that are the wrong way round; the formulas take them."""
    low, high = spec.low_freq_factor, spec.high_freq_factor
    if low is not None and high is not None and low >= high:
        reading.note(rope.at("low_freq_factor"), "is not below high_freq_factor")
    if spec.beta_fast < spec.beta_slow:
        reading.note(rope.at("beta_fast"), "is below beta_slow: the ramp is reversed")
