"""Channels of one head: the rules that models.csv names.

A rule is a list of alternatives separated by ``|``. A key counts where it is truthy,
and where it is absent by its class default; a formula always counts. Formulas are
``a+b``, ``a*b//c`` and ``a//b*c`` (the product divides) over keys and integers, with
``32<`` before them where 32 is the least.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ropeinterp.config.json_source import below
from ropeinterp.config.models import Model
from ropeinterp.config.reading import Reading
from ropeinterp.config.values import Found, Origin, formula, whole
from ropeinterp.errors import ConfigError
from ropeinterp.limits import WIDEST


def head_dim(reading: Reading, row: Model, layer: Mapping[str, Found]) -> Found:
    """Channels of one head of a layer.

    Parameters
    ----------
    reading : Reading
        The config.
    row : Model
        The facts of the layer.
    layer : mapping of str to Found
        What the config says about the first layer of this type alone.

    Returns
    -------
    Found
        A whole number, not checked for its range.
    """
    alternatives = row.head_dim_rule.split("|")
    found = _given(reading, alternatives, layer) or _by_default(
        reading, row, alternatives
    )
    _note_unread(reading, row, alternatives, found)
    return found


def _key(reading: Reading, name: str, layer: Mapping[str, Found]) -> Found | None:
    first, _, rest = name.partition(".")
    if rest:
        return layer.get(rest)
    return layer.get(first) or reading.named(first)


def _is_formula(alternative: str) -> bool:
    return "//" in alternative or "+" in alternative


def _given(
    reading: Reading, alternatives: list[str], layer: Mapping[str, Found]
) -> Found | None:
    for alternative in alternatives:
        if _is_formula(alternative):
            continue
        found = _key(reading, alternative, layer)
        if found is None or found.value is None:
            continue
        if whole(found).value != 0:
            return whole(found)
        reading.note(found.path, "0 counts as missing")
    return None


def _by_default(reading: Reading, row: Model, alternatives: list[str]) -> Found:
    for alternative in alternatives:
        if _is_formula(alternative):
            return _formula(reading, row, alternative)
        default = row.sizes.get(alternative)
        if default is not None and reading.named(alternative) is None:
            reading.note(
                reading.at(alternative), f"is missing: {default} is the {row.described}"
            )
            return Found.words(default, row.described)
    path = reading.at(alternatives[0])
    raise ConfigError(path, None, "is needed for the channels of a head", "missing")


def _formula(reading: Reading, row: Model, formula: str) -> Found:
    least, _, rest = formula.rpartition("<")
    above, _, divisors = rest.partition("//")
    join = math.prod if "*" in above else sum
    terms = [_size(reading, name) for name in re.split(r"[*+]", above)]
    parts = [_size(reading, name) for name in divisors.split("*")] if divisors else []
    for part in parts:
        if part.value < 1:
            raise ConfigError(part.path, part.value, "must be positive", "range")
    for term in (*terms, *parts):
        if term.value > WIDEST:
            raise ConfigError(term.path, term.value, "is too large", "range")
    total = join(t.value for t in terms)
    divisor = math.prod(p.value for p in parts)
    stated = [f for f in (*terms, *parts) if f.stated]
    if total % divisor:
        path = stated[-1].path if stated else reading.path
        reading.note(
            path, f"leaves a remainder: {total} // {divisor} channels of a head"
        )
    origin = _origin(row, "*" if "*" in above else "+", terms, parts)
    return Found(max(total // divisor, int(least or 0)), origin)


def _origin(row: Model, sign: str, terms: list[Found], parts: list[Found]) -> Origin:
    """Write the formula with paths for keys, numbers behind them."""
    if not any(f.stated for f in (*terms, *parts)):
        return Origin.words(row.described)
    terms = sorted(terms, key=lambda f: not f.origin.text)
    above = f" {sign} ".join(f.origin.text or str(f.value) for f in terms)
    text = " // ".join((above, *(f.origin.text or str(f.value) for f in parts)))
    return formula(text, *(f.origin for f in (*terms, *parts)))


def _size(reading: Reading, name: str) -> Found:
    if name.isdecimal():
        return Found(int(name), Origin())
    found = reading.size(name)
    if found is None:
        raise ConfigError(
            reading.at(name), None, "is needed for the channels of a head", "missing"
        )
    if not found.stated:
        reading.note(
            reading.at(name), f"is missing: {found.value} is the {found.origin.text}"
        )
    return found


def _note_unread(
    reading: Reading, row: Model, alternatives: list[str], found: Found
) -> None:
    """Note an explicit ``head_dim`` that the rule does not read."""
    explicit = reading.find("head_dim")
    if explicit is None or any(a.split(".")[-1] == "head_dim" for a in alternatives):
        return
    if explicit.value != found.value:
        path = below(reading.path, "head_dim")
        heads = f"heads have {found.value} channels"
        reading.note(path, f"is not read by {row.model_type}: {heads}")
        if "D10" in row.flags:
            reading.defect(path, "D10", "builds a table of this width and fails")
