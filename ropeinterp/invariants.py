"""What the fields of a spec may hold: a table for each alone, then all together."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ropeinterp.errors import ParameterError
from ropeinterp.fields import DEFAULTS, PARAMETERS, Fields
from ropeinterp.kinds import is_integer, is_number
from ropeinterp.layouts import LAYOUTS
from ropeinterp.limits import BASES, FACTORS, LARGEST_EXACT, SCALES, WIDEST
from ropeinterp.schemes import SCHEMES, Scheme
from ropeinterp.schemes.derived import depends_on_length
from ropeinterp.schemes.logarithm import ratio

# Takes the name and the value of a field, returns the value to keep or raises.
Check: TypeAlias = Callable[[str, object], Any]


def _real(name: str, value: object) -> float:
    if type(value) is float and -math.inf < value < math.inf:
        return value
    if not is_number(value):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if isinstance(value, int) and abs(value) > LARGEST_EXACT**20:
        raise ParameterError(name, value, "is beyond the range of float64")
    number = float(value)
    if not math.isfinite(number):
        raise ParameterError(name, number, "must be finite")
    return number


def _above(least: float, most: float = math.inf, *, equal: bool = False) -> Check:
    """Make a check of a finite number above `least` (or equal), at most `most`."""
    largest = min(most, sys.float_info.max)
    relation = "at least" if equal else "greater than"
    upper = f" and at most {most:g}" if most < math.inf else ""

    def check(name: str, value: object) -> float:
        if type(value) is float and least < value <= largest:
            return value
        number = _real(name, value)
        if not (number >= least if equal else number > least) or number > most:
            raise ParameterError(name, number, f"must be {relation} {least:g}{upper}")
        return number

    return check


def _whole(least: int, most: int = LARGEST_EXACT) -> Check:
    """Make a check of an integer; a float without a fraction stands for one."""

    def check(name: str, value: object) -> int:
        if type(value) is int and least <= value <= most:
            return value
        number = _real(name, value)
        if not number.is_integer():
            raise ParameterError(name, number, "must be a whole number")
        whole = int(value) if is_integer(value) else int(number)
        if not least <= whole <= most:
            raise ParameterError(name, value, f"must be from {least} to {most}")
        return whole

    return check


_divisor = _above(*FACTORS)


def _factor(name: str, value: object) -> float | Fraction:
    if isinstance(value, Fraction):
        ratio(value)
        _divisor(name, float(value))
        return value
    return float(_divisor(name, value))


def _frequency(name: str, value: object) -> float:
    """0, or a number whose turns have all the bits that phases need."""
    number = _real(name, value)
    if number != 0.0 and not 1e-300 <= number <= 1e12:
        raise ParameterError(name, number, "must be 0 or from 1e-300 to 1e12")
    return number


def _word(*allowed: str) -> Check:
    def check(name: str, value: object) -> object:
        if value not in allowed:
            raise ParameterError(name, value, f"must be one of {', '.join(allowed)}")
        return value

    return check


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a bool, not {type(value).__name__}")
    return bool(value)


def _each(check: Check) -> Check:
    def check_all(name: str, values: object) -> tuple[Any, ...]:
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise TypeError(f"{name} must be a list, not {type(values).__name__}")
        entries = tuple(values)
        try:
            return tuple([check(name, value) for value in entries])
        except (TypeError, ValueError):  # again, to name the entry
            return tuple(check(f"{name}[{i}]", v) for i, v in enumerate(entries))

    return check_all


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "scheme": _word(*SCHEMES),
        "dim": _whole(1, WIDEST),
        "base": _above(*BASES, equal=True),
        "head_dim": _whole(0, WIDEST),
        "rotary_offset": _whole(0, WIDEST),
        "layout": _word(*LAYOUTS),
        "factor": _factor,
        "trained_length": _whole(1),
        "length": _whole(1),
        "seq_len": _whole(1),
        "beta_fast": _divisor,
        "beta_slow": _divisor,
        "truncate": _flag,
        "low_freq_factor": _above(1e-100, 1e100, equal=True),
        "high_freq_factor": _above(1e-100, 1e100, equal=True),
        "short_factors": _each(_divisor),
        "long_factors": _each(_divisor),
        "partial_rotary_factor": _above(0.0, 1.0),
        "attention_scaling": _above(*SCALES),
        "long_attention_scaling": _above(*SCALES),
        "logit_scale": _above(*SCALES),
        "position_scale": _above(*SCALES),
        "query_scale": _each(_above(0.0, equal=True)),
        "axis_map": _each(_whole(0, 254)),
        "frequency_map": _each(_whole(0, WIDEST)),
        "frequencies": _each(_frequency),
    }
)


def _unused(scheme: Scheme) -> dict[str, Any]:
    """Parameters that a scheme does not read, with their defaults."""
    used = {key.sets for key in scheme.keys} | set(scheme.fields)
    used |= {"seq_len"} if scheme.grows else set()
    return {k: v for k, v in DEFAULTS.items() if k in PARAMETERS - used}


_UNUSED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {name: _unused(scheme) for name, scheme in SCHEMES.items()}
)


def checked_each(given: Mapping[str, object]) -> dict[str, Any]:
    """Check every field alone.

    Parameters
    ----------
    given : mapping of str to object
        Values of all fields.

    Returns
    -------
    dict
        The values to keep, without those that are defaults.

    Raises
    ------
    TypeError, ParameterError
        Naming the field.
    """
    return {
        name: CHECKS[name](name, given[name])
        for name, default in DEFAULTS.items()
        if given[name] is not default
    }


def check_together(spec: Fields) -> None:
    """Refuse fields that do not fit each other.

    Parameters
    ----------
    spec : Fields
        Each of its fields has been checked alone.

    Raises
    ------
    ParameterError
        Naming the field that does not fit the others.
    """
    _check_needed(spec)
    _check_unused(spec)
    _check_widths(spec)
    _check_lists(spec)


def _check_needed(spec: Fields) -> None:
    scheme = SCHEMES[spec.scheme]
    for name in scheme.fields:
        if getattr(spec, name) is None:
            raise ParameterError(name, None, f"is needed by {spec.scheme}")
    if spec.trained_length is None and depends_on_length(spec):
        raise ParameterError(
            "trained_length", None, "is needed where something depends on seq_len"
        )
    if scheme.needs_log_base and spec.base == 1.0:
        raise ParameterError("base", spec.base, f"{scheme.name} divides by ln(base)")


def _check_unused(spec: Fields) -> None:
    """Refuse parameters of other schemes: they would be dropped in silence."""
    for name, default in _UNUSED[spec.scheme].items():
        value = getattr(spec, name)
        if value is not default and value != default:
            raise ParameterError(name, value, f"has no meaning for {spec.scheme}")


def _check_widths(spec: Fields) -> None:
    scheme, rotary_dim = SCHEMES[spec.scheme], spec.rotary_dim
    least = scheme.least_dim
    if spec.dim < least:
        raise ParameterError("dim", spec.dim, f"{spec.scheme} needs at least {least}")
    if scheme.needs_whole_pairs and spec.dim % 2:
        raise ParameterError("dim", spec.dim, f"{spec.scheme} needs an even dim")
    if spec.layout == "half_blocks" and rotary_dim % 4:
        raise ParameterError("dim", spec.dim, "half_blocks needs an even half")
    if spec.head_dim < spec.rotary_offset + rotary_dim:
        raise ParameterError(
            "head_dim",
            spec.head_dim,
            f"is less than rotary_offset {spec.rotary_offset} "
            f"+ rotary_dim {rotary_dim}",
        )


def _check_lists(spec: Fields) -> None:
    own = (spec.dim + 1) // 2  # frequencies, before frequency_map spreads them
    for name in ("short_factors", "long_factors", "frequencies"):
        values = getattr(spec, name)
        if values is not None and len(values) != own:
            raise ParameterError(
                name, values, f"has {len(values)} entries, not one per pair: {own}"
            )
    if spec.frequency_map and max(spec.frequency_map) >= own:
        raise ParameterError(
            "frequency_map", spec.frequency_map, f"has entries not below {own}"
        )
    axes, pairs = spec.axis_map, spec.rotary_dim // 2
    if axes is None:
        return
    if len(axes) != pairs and not spec.splits_pairs:
        raise ParameterError(
            "axis_map", axes, f"has {len(axes)} entries, not one per pair: {pairs}"
        )
    if spec.splits_pairs and spec.layout != "half":
        raise ParameterError(
            "axis_map", axes, "one axis per channel needs the layout half"
        )
