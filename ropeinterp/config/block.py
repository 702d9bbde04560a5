"""One rope dict of a config, for one layer type, becomes a RopeSpec.

The look-up order, what a missing key means and which keys are read follow
docs/huggingface.md. What is in range is known to RopeSpec alone: its errors come back
here and leave as ConfigError with the JSON path of the value.
"""

from __future__ import annotations

from ropeinterp.config import heads
from ropeinterp.config.attention import layout, scaled
from ropeinterp.config.lengths import base, lengths, scale_base
from ropeinterp.config.lookup import KINDS, Fields, Flat, Found, Plan, where
from ropeinterp.config.width import width
from ropeinterp.errors import ConfigError, ParameterError
from ropeinterp.schemes import SCHEMES
from ropeinterp.spec import RopeSpec
from ropeinterp.text import printable

_ORIGINAL = "original_max_position_embeddings"
_MOST_NOTES = 100
# Schemes of vendors' own code that another one expresses.
_VENDORS = {"kexue_ntk": "linear"}
_LOOKED_UP = (_ORIGINAL, "partial_rotary_factor")  # at the top level too


def read_block(flat: Flat, plan: Plan) -> tuple[RopeSpec, dict[str, str]]:
    """Read one rope dict.

    Parameters
    ----------
    flat : Flat
        The config that it belongs to.
    plan : Plan
        The dict, and the layers that it serves.

    Returns
    -------
    spec : RopeSpec
    origins : dict of str
        Where the value of each field comes from.

    Raises
    ------
    ConfigError
        If a value is missing, of a wrong type or out of range.
    """
    word = _type_word(flat, plan)
    scheme = _VENDORS.get(word.value, word.value)
    fields = {"scheme": Found(scheme, word.origin)}
    fields |= _scheme_keys(flat, plan, scheme)
    head = heads.head_dim(flat, plan.row, plan.layer)
    fields |= width(flat, plan, scheme, head)
    fields["base"] = base(flat, plan)
    fields |= lengths(flat, plan, scheme, fields)
    fields["layout"] = layout(flat, plan.row)
    if word.value in _VENDORS:
        scale_base(fields)
    mscales = {k: fields.pop(k, None) for k in ("mscale", "mscale_all_dim")}
    given = fields.pop("attention_factor", None)
    fields = {name: f for name, f in fields.items() if f.value is not None}
    spec = _built(flat, plan, fields)
    try:
        spec = scaled(flat, plan, spec, given, mscales, fields)
    except ParameterError as error:
        raise _config_error(flat, plan, fields, error) from error
    _note_unread(flat, plan, scheme)
    _note_order(flat, plan, spec)
    origins = {name: f.origin for name, f in fields.items()}
    return spec, origins


def _built(flat: Flat, plan: Plan, fields: Fields) -> RopeSpec:
    values = {name: f.value for name, f in fields.items()}
    try:
        return RopeSpec(**values)
    except ParameterError as error:
        raise _config_error(flat, plan, fields, error) from error


def _config_error(
    flat: Flat, plan: Plan, fields: Fields, error: ParameterError
) -> ConfigError:
    """Say the same with the JSON path of the value in place of the argument."""
    name, bracket, index = error.argument.partition("[")
    if name == "head_dim":
        name = "dim"  # it is the rotated width that does not fit
    origin = fields[name].origin if name in fields else plan.path
    path = where(origin, where(plan.path, flat.path))
    return ConfigError(path + bracket + index, error.value, error.reason)


# ---- the type ----------------------------------------------------------------------


def _type_word(flat: Flat, plan: Plan) -> Found:
    """Find the type, as the model type means its word."""
    if plan.scheme is not None:
        return plan.scheme
    new, old = plan.get("rope_type"), plan.get("type")
    found = new or old or Found("default", plan.path)
    if new and old and new.value != old.value:
        flat.note(old.origin, f"is ignored: rope_type is {printable(new.value)}")
    if new is None and old is None and plan.given:
        flat.note(plan.at("rope_type"), "is missing: plain frequencies")
    if not isinstance(found.value, str):
        raise ConfigError(where(found.origin), found.value, "must be a string")
    row = plan.row
    word = row.type_words.get(found.value, found.value)
    if word == "dynamic" and "alpha" in row.flags and plan.block.get("alpha"):
        return Found("ntk", found.origin)
    if word in _VENDORS:
        flat.note(found.origin, "is read as NTK with the base times the factor")
        return Found(word, found.origin)
    dialect = "transformers-4" if flat.v4 else "transformers"
    if word not in SCHEMES or dialect not in SCHEMES[word].dialects:
        if flat.known:
            raise ConfigError(where(found.origin), found.value, "is no known rope type")
        flat.note(found.origin, "is no known rope type: read as plain frequencies")
        word = "default"
    elif word != found.value and not row.axes:
        flat.note(found.origin, f"means {word} here")
    if found.value == "su" and flat.known and flat.find(_ORIGINAL):
        flat.defect(found.origin, "D4", "raises KeyError for this word")
    return Found(word, found.origin)


# ---- the keys of the scheme ----------------------------------------------------------


def _scheme_keys(flat: Flat, plan: Plan, scheme: str) -> Fields:
    """Keys of the scheme; a factor that lengths give stays None."""
    fields: Fields = {}
    for key in SCHEMES[scheme].required:
        found = plan.get(key.name)
        if found is None:
            raise ConfigError(plan.at(key.name), None, f"is missing: {scheme} needs it")
        leave = key.nullable and found.value is None
        fields[key.field] = found if leave else KINDS[key.kind](found)
    for key in SCHEMES[scheme].optional:
        if key.name in _LOOKED_UP:
            continue
        found = plan.get(key.name)
        if found is not None and found.value is not None:
            found = KINDS[key.kind](found)
            if not (key.zero_is_missing and found.value == 0):
                fields[key.field] = found
                continue
            flat.note(found.origin, "0 counts as missing")
        if key.nullable:
            fields[key.field] = Found(None, plan.at(key.name))
    factor = fields.get("factor")
    if factor is not None and factor.value is not None and factor.value < 1:
        flat.note(where(factor.origin), "is below 1: it shortens the context")
    return fields


# ---- what is left --------------------------------------------------------------------


def _note_unread(flat: Flat, plan: Plan, scheme: str) -> None:
    if plan.given:
        unread = [key for key in plan.block if key not in plan.used]
        for key in unread[:_MOST_NOTES]:
            flat.note(plan.at(key), f"is not read with type {scheme}")
        if len(unread) > _MOST_NOTES:
            more = len(unread) - _MOST_NOTES
            flat.note(plan.path, f"{more} more keys are not read with type {scheme}")
    if plan.nested and scheme == "yarn" and plan.block.get("truncate") is False:
        flat.defect(plan.at("truncate"), "D2", "ignores it here")
    needs_width = scheme in ("yarn", "dynamic", "longrope")
    if "D3" in plan.row.flags and needs_width and not flat.keys.get("head_dim"):
        flat.defect(flat.at("head_dim"), "D3", "fails without it")


def _note_order(flat: Flat, plan: Plan, spec: RopeSpec) -> None:
    """Note bounds that are the wrong way round; the formulas take them."""
    low, high = spec.low_freq_factor, spec.high_freq_factor
    if low is not None and high is not None and low >= high:
        flat.note(plan.at("low_freq_factor"), "is not below high_freq_factor")
    if spec.scheme == "yarn" and spec.beta_fast < spec.beta_slow:
        flat.note(plan.at("beta_fast"), "is below beta_slow: the ramp is reversed")
