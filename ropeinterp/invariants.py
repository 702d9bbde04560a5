"""What the fields of a spec may hold: a table for each alone, then all together."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ropeinterp import scalars
from ropeinterp.errors import ParameterError
from ropeinterp.layouts import LAYOUTS
from ropeinterp.schemes import SCHEMES, Scheme

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

# Takes the name and the value of a field, returns the value to keep or raises.
Check: TypeAlias = Callable[[str, object], Any]

_LARGEST = 2**53


def _real(name: str, value: object) -> float:
    if type(value) is float and -math.inf < value < math.inf:
        return value
    if isinstance(value, bool) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if isinstance(value, int) and abs(value) > _LARGEST**20:
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


def _whole(least: int, most: int = _LARGEST) -> Check:
    """Make a check of an integer; a float without a fraction stands for one."""

    def check(name: str, value: object) -> int:
        if type(value) is int and least <= value <= most:
            return value
        number = _real(name, value)
        if not number.is_integer():
            raise ParameterError(name, number, "must be a whole number")
        whole = int(value) if isinstance(value, (int, np.integer)) else int(number)
        if not least <= whole <= most:
            raise ParameterError(name, value, f"must be from {least} to {most}")
        return whole

    return check


def _factor(name: str, value: object) -> float | Fraction:
    if isinstance(value, Fraction):
        scalars.ratio(value)
        _above(1e-12, 1e30)(name, float(value))
        return value
    return float(_above(1e-12, 1e30)(name, value))


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
        "dim": _whole(1, 2**20),
        "base": _above(1.0, 1e30, equal=True),
        "head_dim": _whole(0, 2**20),
        "rotary_offset": _whole(0, 2**20),
        "layout": _word(*LAYOUTS),
        "factor": _factor,
        "trained_length": _whole(1),
        "length": _whole(1),
        "seq_len": _whole(1),
        "beta_fast": _above(1e-12, 1e30),
        "beta_slow": _above(1e-12, 1e30),
        "truncate": _flag,
        "low_freq_factor": _above(1e-100, 1e100, equal=True),
        "high_freq_factor": _above(1e-100, 1e100, equal=True),
        "short_factors": _each(_above(1e-12, 1e30)),
        "long_factors": _each(_above(1e-12, 1e30)),
        "partial_rotary_factor": _above(0.0, 1.0),
        "attention_scaling": _above(0.0, 1e30),
        "long_attention_scaling": _above(0.0, 1e30),
        "logit_scale": _above(0.0, 1e30),
        "position_scale": _above(0.0, 1e30),
        "query_scale": _each(_above(0.0, equal=True)),
        "axis_map": _each(_whole(0, 254)),
        "frequency_map": _each(_whole(0, 2**20)),
        "frequencies": _each(_frequency),
    }
)


# Fields that only some schemes read; the keys of SCHEMES say which.
_OF_SCHEMES = (
    "factor",
    "seq_len",
    "beta_fast",
    "beta_slow",
    "truncate",
    "low_freq_factor",
    "high_freq_factor",
    "short_factors",
    "long_factors",
    "partial_rotary_factor",
    "frequencies",
)


def _unused(name: str, scheme: Scheme) -> frozenset[str]:
    used = {key.field for key in (*scheme.required, *scheme.optional)}
    used |= set(scheme.fields) | ({"seq_len"} if name == "dynamic" else set())
    return frozenset(_OF_SCHEMES) - used


_UNUSED: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: _unused(name, scheme) for name, scheme in SCHEMES.items()}
)


def checked_each(
    given: Mapping[str, object], defaults: Mapping[str, object]
) -> dict[str, Any]:
    """Check every field alone.

    Parameters
    ----------
    given : mapping of str to object
        Values of fields.
    defaults : mapping of str to object
        Values that need no check.

    Returns
    -------
    dict
        The values to keep, without those that are defaults.

    Raises
    ------
    TypeError, ParameterError
        Naming the field.
    """
    try:
        return {
            name: CHECKS[name](name, value)
            for name, value in given.items()
            if name not in defaults or value is not defaults[name]
        }
    except KeyError as error:
        raise TypeError(f"a spec has no field {error}") from None


def check_together(spec: RopeSpec) -> None:
    """Refuse fields that do not fit each other.

    Parameters
    ----------
    spec : RopeSpec
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


def _check_needed(spec: RopeSpec) -> None:
    scheme = SCHEMES[spec.scheme]
    for name in scheme.fields:
        if getattr(spec, name) is None:
            raise ParameterError(name, None, f"is needed by {spec.scheme}")
    if spec.trained_length is None and spec.depends_on_length:
        raise ParameterError(
            "trained_length", None, "is needed where something depends on seq_len"
        )
    if spec.scheme == "yarn" and spec.base == 1.0:
        raise ParameterError("base", spec.base, "yarn divides by ln(base)")


def _check_unused(spec: RopeSpec) -> None:
    """Refuse parameters of other schemes: they would be dropped in silence."""
    unused = _UNUSED[spec.scheme]
    for name, value in vars(spec).items():  # what is there was given
        if name in unused and value != getattr(type(spec), name):
            raise ParameterError(name, value, f"has no meaning for {spec.scheme}")


def _check_widths(spec: RopeSpec) -> None:
    least, rotary_dim = SCHEMES[spec.scheme].least_dim, spec.rotary_dim
    if spec.dim < least:
        raise ParameterError("dim", spec.dim, f"{spec.scheme} needs at least {least}")
    if spec.scheme == "yarn" and spec.dim % 2:
        raise ParameterError("dim", spec.dim, "yarn needs an even dim")
    if spec.layout == "half_blocks" and rotary_dim % 4:
        raise ParameterError("dim", spec.dim, "half_blocks needs an even half")
    if spec.head_dim < spec.rotary_offset + rotary_dim:
        raise ParameterError(
            "head_dim",
            spec.head_dim,
            f"is less than rotary_offset {spec.rotary_offset} "
            f"+ rotary_dim {rotary_dim}",
        )


def _check_lists(spec: RopeSpec) -> None:
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
