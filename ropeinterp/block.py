"""One rope dict of a config, for one layer type, becomes a RopeSpec.

The look-up order, what a missing key means and which keys are read follow
docs/huggingface.md. What is in range is known to RopeSpec alone: its errors come back
here and leave as ConfigError with the JSON path of the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ropeinterp import axes, frequencies, heads
from ropeinterp.errors import ConfigError, ParameterError, printable
from ropeinterp.lookup import KINDS, Flat, Found, flag, number, numbers, where, whole
from ropeinterp.models import Model
from ropeinterp.schemes import SCHEMES
from ropeinterp.source import below
from ropeinterp.spec import RopeSpec

Fields = dict[str, Found]
_ORIGINAL = "original_max_position_embeddings"
_LENGTH = "max_position_embeddings"
_LOOKED_UP = (_ORIGINAL, "partial_rotary_factor")  # at the top level too
_LARGEST = 2.0**60


@dataclass(frozen=True)
class Plan:
    """Which rope dict serves a layer type.

    Parameters
    ----------
    row : Model
        Facts of the layer type.
    block : mapping
        The rope dict.
    path : str
        Where it stands: a JSON path, or words for a class default.
    nested : bool
        Whether it is one entry of a dict per layer type.
    layer : mapping of str to Found
        What the config says about the first layer of this type alone.
    theta : Found or None
        The base, where the layer lists decide it.
    used : set of str
        Keys of the dict that were read.
    """

    row: Model
    block: Mapping[str, Any]
    path: str
    nested: bool = False
    layer: Mapping[str, Found] = field(default_factory=dict)
    theta: Found | None = None
    used: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """Where a key of the dict stands."""
        return below(self.path, key) if self.given else self.path

    @property
    def given(self) -> bool:
        """Whether the config holds the dict."""
        return self.path.startswith("$")

    def get(self, key: str) -> Found | None:
        """Value of a key of the dict, null included."""
        self.used.add(key)
        return Found(self.block[key], self.at(key)) if key in self.block else None


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
    word, scheme = _scheme(flat, plan)
    fields = _scheme_keys(flat, plan, scheme)
    head = heads.head_dim(flat, plan.row, plan.layer)
    fields |= _width(flat, plan, scheme, head)
    fields["base"] = _base(flat, plan)
    fields |= _lengths(flat, plan, scheme, fields)
    fields["layout"] = _layout(flat, plan.row)
    if word == "kexue_ntk":
        _scale_base(fields)
    mscales = {k: fields.pop(k, None) for k in ("mscale", "mscale_all_dim")}
    given = fields.pop("attention_factor", None)
    fields = {name: f for name, f in fields.items() if f.value is not None}
    spec = _built(plan, fields)
    try:
        spec = _scaled(flat, plan, spec, given, mscales, fields)
    except ParameterError as error:
        raise _config_error(plan, fields, error) from error
    _note_unread(flat, plan, scheme)
    origins = {name: f.origin for name, f in fields.items()}
    return spec, {"scheme": plan.at("rope_type")} | origins


def _built(plan: Plan, fields: Fields) -> RopeSpec:
    values = {name: f.value for name, f in fields.items()}
    try:
        return RopeSpec(**values)
    except ParameterError as error:
        raise _config_error(plan, fields, error) from error


def _config_error(plan: Plan, fields: Fields, error: ParameterError) -> ConfigError:
    """Say the same with the JSON path of the value in place of the argument."""
    name, bracket, index = error.argument.partition("[")
    if name == "head_dim":
        name = "dim"  # it is the rotated width that does not fit
    origin = fields[name].origin if name in fields else plan.path
    path = where(origin, where(plan.path))
    return ConfigError(path + bracket + index, error.value, error.reason)


# ---- the type ----------------------------------------------------------------------


def _scheme(flat: Flat, plan: Plan) -> tuple[str, str]:
    """Word of the type, as the model type means it, and the scheme."""
    new, old = plan.get("rope_type"), plan.get("type")
    found = new or old or Found("default", plan.path)
    if new and old and new.value != old.value:
        flat.note(old.origin, f"is ignored: rope_type is {printable(new.value)}")
    if not isinstance(found.value, str):
        raise ConfigError(where(found.origin), found.value, "must be a string")
    row, word = plan.row, found.value
    word = row.type_words.get(word, word)
    dialect = "transformers-4" if flat.v4 else "transformers"
    alpha = plan.block.get("alpha")
    if word == "dynamic" and "alpha" in row.flags and alpha:
        word = "ntk"
    elif word == "kexue_ntk":
        flat.note(found.origin, "is read as NTK with the base times the factor")
        return word, "linear"
    elif word not in SCHEMES or dialect not in SCHEMES[word].dialects:
        if flat.known:
            raise ConfigError(where(found.origin), found.value, "is no known rope type")
        flat.note(found.origin, "is no known rope type: read as plain frequencies")
        word = "default"
    if word != found.value and word != "ntk" and flat.known and not row.axes:
        flat.note(found.origin, f"means {word} in {row.model_type}")
    if found.value == "su" and flat.known and flat.find(_ORIGINAL):
        flat.note(found.origin, "transformers 5.23.0 raises KeyError for this (D4)")
    return word, word


# ---- the keys of the scheme ----------------------------------------------------------


def _scheme_keys(flat: Flat, plan: Plan, scheme: str) -> Fields:
    """Keys of the scheme; a factor that lengths give stays None."""
    fields: Fields = {"scheme": Found(scheme, plan.at("rope_type"))}
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


def _base(flat: Flat, plan: Plan) -> Found:
    """Base: in the dict, else at the top, else the class default."""
    row = plan.row
    own = plan.get("rope_theta") if not flat.v4 else None
    top = flat.find(*row.theta_keys, *(("rope_theta",) if plan.nested else ()))
    top = plan.layer.get("rope_theta", top)
    if "own_theta" in row.flags and not plan.nested:
        own = None
    if plan.theta is not None:
        return plan.theta
    if own is not None:
        if top is not None and top.value != own.value:
            flat.note(top.origin, f"is ignored: {own.origin} counts")
        base = number(own)
    elif top is not None:
        base = number(top)
    else:
        default = row.theta_v4 if flat.v4 else row.theta
        path = plan.at("rope_theta") if plan.given else flat.at("rope_theta")
        flat.note(path, f"is missing: {default:g} is the {row.described}")
        base = Found(default, row.described)
    stray = flat.find("rope_theta")
    if stray is not None and stray not in (top, own) and not plan.nested:
        flat.note(stray.origin, f"is not read by {row.model_type}")
    if base.value == 1:
        flat.note(where(base.origin), "makes all frequencies equal")
    return base


def _partial(flat: Flat, plan: Plan, head: Found) -> Found:
    row = plan.row
    own = plan.get("partial_rotary_factor") if not flat.v4 else None
    top = plan.layer.get("partial_rotary_factor") or _top_partial(flat, plan, head)
    found = top if "forced_partial" in row.flags else own or top
    if found is None or found.value is None:
        return Found(1.0 if row.partial is None else row.partial, row.described)
    if own is not None and found is not own:
        flat.note(own.origin, f"is not read by {row.model_type}")
    return number(found)


def _top_partial(flat: Flat, plan: Plan, head: Found) -> Found | None:
    for key in plan.row.partial_keys:
        name, _, divisor = key.partition("/")
        found = plan.layer.get(name) or flat.find(name)
        if found is None or found.value is None:
            continue
        if not divisor:
            return number(found)
        if head.value > 0:
            share = float(min(whole(found).value, _LARGEST)) / head.value
            return Found(share, f"{found.origin} // head_dim")
    stray = flat.find("partial_rotary_factor")
    if stray is not None and "partial_rotary_factor" not in plan.row.partial_keys:
        flat.note(stray.origin, f"is not read by {plan.row.model_type}")
    return None


def _width(flat: Flat, plan: Plan, scheme: str, head: Found) -> Fields:
    """Channels that are rotated, where they begin, and which axis drives them."""
    row = plan.row
    if row.axes in axes.GRIDS:
        return _grid(plan, head)
    partial = _partial(flat, plan, head)
    ignores = scheme == "default" and not (row.default_uses_partial or flat.v4)
    if ignores and partial.value != 1 and partial.origin.startswith("$"):
        flat.note(
            where(partial.origin), f"is ignored by {row.model_type} with type default"
        )
    fields: Fields = {"head_dim": head}
    if scheme == "proportional":
        fields["partial_rotary_factor"] = partial
        if head.value % 2 and 0 < head.value < 2**20:  # no half pair at the end
            whole_pairs = tuple(range(head.value // 2))
            fields["frequency_map"] = Found(whole_pairs, head.origin)
    if ignores or scheme == "proportional" or partial.value == 1:
        fields["dim"] = head
    else:
        size = max(min(head.value, _LARGEST), -_LARGEST)
        product = max(min(size * float(partial.value), _LARGEST), -_LARGEST)
        given = partial.origin.startswith("$")
        fields["dim"] = Found(int(product), partial.origin if given else head.origin)
    dim = fields["dim"].value
    if dim % 2:
        path = where(fields["dim"].origin, flat.path)
        flat.note(path, f"makes an odd number of rotated channels: {dim}")
        if dim == head.value > 0:  # the last pair needs one channel more
            fields["head_dim"] = head = Found(dim + 1, head.origin)
    if "trailing" in row.flags and 0 < dim <= head.value:
        fields["rotary_offset"] = Found(
            max(head.value - 2 * ((dim + 1) // 2), 0), row.described
        )
    if row.axes and 0 < dim <= head.value:
        pairs = dim // 2 if "frequency_map" in fields else (dim + 1) // 2
        fields["axis_map"] = _axis_map(flat, plan, pairs)
    return fields


def _grid(plan: Plan, head: Found) -> Fields:
    if not 4 <= head.value <= 2**20:
        raise ConfigError(
            where(head.origin, where(plan.path)),
            head.value,
            "is no width of a head with two position axes",
        )
    grid = axes.GRIDS[plan.row.axes](head.value)
    origin = plan.row.described
    return {
        "head_dim": head,
        "dim": Found(grid.dim, head.origin),
        "axis_map": Found(grid.axis_map, origin),
        "frequency_map": Found(grid.frequency_map, origin),
        "position_scale": Found(grid.position_scale, origin),
    }


def _axis_map(flat: Flat, plan: Plan, pairs: int) -> Found:
    """Axis map of an M-RoPE model from its sections."""
    kind, *default = plan.row.axes.split()
    found = plan.get("mrope_section")
    if found is None and kind == "component":
        found = plan.get("xdrope_section")
    if found is None or found.value is None:
        if not default and kind != "alternating":
            raise ConfigError(
                plan.at("mrope_section"), None, f"is missing: {kind} axes need it"
            )
        found = Found([int(n) for n in default], plan.row.described)
        if default:
            text = " ".join(default)
            flat.note(
                plan.at("mrope_section") if plan.given else flat.path,
                f"mrope_section is missing: {text} is the {found.origin}",
            )
    path = where(found.origin, plan.at("mrope_section"))
    path = path if path.startswith("$") else flat.path
    sections = tuple(whole(Found(n, path)).value for n in numbers(found).value)
    if any(not 0 <= n <= 2**20 for n in sections):
        raise ConfigError(path, list(sections), "must be from 0 to 2**20 each")
    if default and len(sections) != len(default):
        raise ConfigError(path, list(sections), f"must have {len(default)} sections")
    axis_map = axes.SECTIONS[kind](sections, pairs)
    if axis_map is None:
        raise ConfigError(path, list(sections), f"does not fill {pairs} pairs")
    if "D12" in plan.row.flags:
        flat.note(path, "halves of a pair follow two positions: no rotation (D12)")
    return Found(axis_map, found.origin)


# ---- lengths -------------------------------------------------------------------------


def _lengths(flat: Flat, plan: Plan, scheme: str, fields: Fields) -> Fields:
    """Length, trained length, and the factor where it is their ratio."""
    length = flat.size(_LENGTH)
    if length is not None and isinstance(flat.keys.get(_LENGTH), float):
        flat.note(length.origin, "is not written as an integer")
    result: Fields = {} if length is None else {"length": length}
    trained, factor = _trained(flat, plan, scheme, length), fields.get("factor")
    if flat.v4 and scheme == "longrope" and flat.find(_ORIGINAL) and length:
        if factor is not None and factor.value is not None:
            flat.note(factor.origin, "is ignored: the two lengths give the factor")
        factor = Found(None, "")
    if trained is None:
        return result
    result["trained_length"] = trained
    if factor is not None and factor.value is None:
        if length is None:
            raise ConfigError(flat.at(_LENGTH), None, "is needed for the factor")
        if not 0 < trained.value <= _LARGEST or not 0 < length.value <= _LARGEST:
            fields["factor"] = Found(1.0, "")  # the spec refuses the lengths
            return result
        origin = f"{length.origin} / {trained.origin}"
        result["factor"] = Found(length.value / trained.value, origin)
        flat.note(plan.at("factor"), f"is missing: {origin} is the factor")
    return result


def _trained(
    flat: Flat, plan: Plan, scheme: str, length: Found | None
) -> Found | None:
    own = (
        None
        if flat.trained_length is None
        else Found(flat.trained_length, "argument trained_length")
    )
    if not any(key.name == _ORIGINAL for key in SCHEMES[scheme].optional):
        if scheme == "dynamic" and length is None:
            raise ConfigError(flat.at(_LENGTH), None, "is missing: dynamic needs it")
        if scheme == "dynamic":
            return length
        return own or (length if scheme in ("default", "proportional") else None)
    found = _original(flat, plan, scheme) or own or length
    if found is None:
        raise ConfigError(plan.at(_ORIGINAL), None, f"is missing: {scheme} needs it")
    if found is length:
        flat.note(plan.at(_ORIGINAL), f"is missing: {_LENGTH} stands for it")
    return found


def _original(flat: Flat, plan: Plan, scheme: str) -> Found | None:
    """Trained length that the config gives: which of two places counts."""
    inside, top = plan.get(_ORIGINAL), flat.find(_ORIGINAL)
    ignores_top = plan.nested or plan.row.layer or (flat.v4 and scheme != "longrope")
    ignores_inside = flat.v4 and scheme == "longrope"
    if top is not None and top.value is not None and not ignores_top:
        if inside is not None and inside.value != top.value:
            flat.note(
                inside.origin,
                f"is ignored: {top.origin} counts (the config object of transformers "
                "shows this one until the model is built, D5)",
            )
        return whole(top)
    if top is not None:
        flat.note(top.origin, "is not read here")
    if inside is None or inside.value is None:
        return None
    if ignores_inside:
        flat.note(inside.origin, "is not read by transformers 4.57 for longrope")
        return None
    return whole(inside)


def _scale_base(fields: Fields) -> None:
    """NTK of vendors' own code: the base times s, all divided by s ** (2 / dim)."""
    factor, base, dim = fields["factor"], fields["base"], fields["dim"].value
    if not 0 < factor.value < _LARGEST or dim < 1 or abs(base.value) > _LARGEST:
        return  # the spec refuses it
    both = f"{base.origin} * {factor.origin}"
    fields["base"] = Found(float(base.value) * float(factor.value), both)
    fields["factor"] = Found(float(factor.value) ** (2 / dim), factor.origin)


# ---- scales --------------------------------------------------------------------------


def _layout(flat: Flat, row: Model) -> Found:
    found = flat.find("rope_interleave") if "rope_interleave" in row.flags else None
    if found is not None and found.value is not None and not flag(found).value:
        return Found("half", found.origin)
    return Found(row.layout, row.described)


def _scaled(
    flat: Flat,
    plan: Plan,
    spec: RopeSpec,
    given: Found | None,
    mscales: Mapping[str, Found | None],
    fields: Fields,
) -> RopeSpec:
    """Add what multiplies tables, scores and queries; it takes checked numbers."""
    more: Fields = {}
    if spec.scheme in ("yarn", "longrope"):
        more["attention_scaling"] = given or _attention(flat, plan, spec, mscales)
    if "mscale" in plan.row.flags and spec.scheme != "default":
        more |= _mscale_pair(flat, plan)
    if "logit_scale" in plan.row.flags and spec.scheme != "default":
        found = plan.get("mscale_all_dim")
        if found is not None and found.value:
            g = frequencies.yarn_mscale(spec.factor, float(number(found).value))
            more["logit_scale"] = Found(g * g, found.origin)
    if "query_scale" in plan.row.flags:
        beta = plan.get("llama_4_scaling_beta")
        if beta is not None and beta.value is not None and spec.trained_length:
            value = (float(number(beta).value), float(spec.trained_length), 0.0)
            more["query_scale"] = Found(value, beta.origin)
    fields |= more
    return replace(spec, **{name: f.value for name, f in more.items()})


def _attention(
    flat: Flat, plan: Plan, spec: RopeSpec, mscales: Mapping[str, Found | None]
) -> Found:
    assert spec.trained_length is not None
    if spec.scheme == "longrope":
        value = frequencies.longrope_attention(spec.factor, spec.trained_length)
        return Found(value, "factor and original length")
    if "attention_one" in plan.row.flags and not plan.nested:
        return Found(1.0, plan.row.described)
    mscale, all_dim = mscales["mscale"], mscales["mscale_all_dim"]
    lone = mscale or all_dim
    if mscale is not None and all_dim is not None:
        value = frequencies.yarn_attention(spec.factor, mscale.value, all_dim.value)
        return Found(value, f"{mscale.origin} and {all_dim.origin}")
    if lone is not None:
        flat.note(lone.origin, "counts only together with the other mscale")
    return Found(frequencies.yarn_attention(spec.factor), "factor")


def _mscale_pair(flat: Flat, plan: Plan) -> Fields:
    """One attention factor for each of the two lists."""
    fields: Fields = {}
    names = {"short_mscale": "attention_scaling", "long_mscale": "long_attention_scaling"}
    for name, target in names.items():
        found = plan.get(name)
        if found is None:
            raise ConfigError(plan.at(name), None, "is missing")
        fields[target] = number(found)
    flat.note(
        plan.at("long_factor"),
        "transformers 5.23.0 never uses the long list: frequencies beyond the original "
        "length are up to 18 times too high there (D1)",
    )
    return fields


# ---- what is left --------------------------------------------------------------------


def _note_unread(flat: Flat, plan: Plan, scheme: str) -> None:
    if plan.given:
        for key in plan.block:
            if key not in plan.used:
                flat.note(plan.at(key), f"is not read with type {scheme}")
    truncate = plan.block.get("truncate")
    if plan.nested and scheme == "yarn" and truncate is False:
        flat.note(plan.at("truncate"), "transformers 5.23.0 ignores it here (D2)")
    low, high = (plan.block.get(f"{name}_freq_factor") for name in ("low", "high"))
    if scheme == "llama3" and low >= high:  # both are numbers by now
        flat.note(plan.at("low_freq_factor"), "is not below high_freq_factor")
    fast = plan.block.get("beta_fast") or 32
    slow = plan.block.get("beta_slow") or 1
    if scheme == "yarn" and fast < slow:
        flat.note(plan.at("beta_fast"), "is below beta_slow: the ramp is reversed")
    if "D3" in plan.row.flags and scheme in ("yarn", "dynamic", "longrope"):
        if not flat.keys.get("head_dim"):
            flat.note(flat.at("head_dim"), "transformers 5.23.0 fails without it (D3)")
