"""Every rule over every model of a config: who is silenced, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ropeinterp.checks.document import Document
from ropeinterp.checks.finding import LEVELS, Diagnostic, Finding, diagnostic_of
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import BY_CODE, RULES
from ropeinterp.checks.rules.file import NotAnObject
from ropeinterp.checks.rules.ranges import OutOfRange
from ropeinterp.checks.rules.types import WrongType
from ropeinterp.checks.spans import Place
from ropeinterp.checks.target import Target, targets
from ropeinterp.config.json_source import is_within
from ropeinterp.config.locate import locate
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.dialects import DIALECTS
from ropeinterp.errors import ConfigError
from ropeinterp.text import escaped, printable

_MOST_FINDINGS = 200
_LONGEST = 2000
Violation = tuple[Rule, Diagnostic]


def rules_of(
    select: Iterable[str], ignore: Iterable[str], dialects: Iterable[str]
) -> tuple[Rule, ...]:
    """Rules that prefixes of codes and dialects choose."""
    select, ignore, dialects = (_strings(x) for x in (select, ignore, dialects))
    for prefix in (*select, *ignore):
        if not any(rule.code.startswith(prefix) for rule in RULES):
            raise ValueError(f"{printable(prefix)}: no rule has a code like this")
    for name in dialects:
        if name not in DIALECTS:
            known = ", ".join(DIALECTS)
            raise ValueError(f"dialect {printable(name)}: must be one of {known}")
    return tuple(
        rule
        for rule in RULES
        if (not select or rule.code.startswith(select))
        and not (ignore and rule.code.startswith(ignore))
        and (not rule.dialects or {*rule.dialects} & {*dialects})
    )


def _strings(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{printable(given)}: must be a list of words, not one")
    strings = tuple(given)
    for string in strings:
        if not isinstance(string, str) or not string:
            raise TypeError(f"{printable(string)}: must be a word")
    return strings


def check_document(document: Document, rules: Collection[Rule]) -> list[Finding]:
    """Apply rules to a config that has been opened.

    Parameters
    ----------
    document : Document
        The config.
    rules : collection of Rule
        Which rules apply.

    Returns
    -------
    list of Finding
        In the order of the file.
    """
    chosen = {rule.code for rule in rules}
    # Rules that are not chosen silence others all the same; those about a dialect that
    # nobody asked for are not run.
    run = [rule for rule in RULES if not rule.dialects or rule.code in chosen]
    violations = {
        (found.path, rule.code): (rule, found)
        for rule, found in _diagnostics(document, run)
        if rule.code in chosen
    }
    places = document.places({found.path for _, found in violations.values()})
    ranked = sorted(
        (_offset(rule, found, places), LEVELS.index(found.level or rule.level), key)
        for key, (rule, found) in violations.items()
    )
    kept = [(offset, *violations[key]) for offset, _, key in ranked[:_MOST_FINDINGS]]
    values = document.values(found.path for _, _, found in kept)
    return [_finding(document, *each, values) for each in kept]


def _diagnostics(document: Document, rules: Iterable[Rule]) -> Iterator[Violation]:
    """Everything that is wrong; rules of one model silence each other."""
    stopped = False
    for rule in rules:
        for found in rule.check_file(document):
            yield rule, found
            stopped = stopped or (rule.stops and rule.is_error(found))
    if document.tree is None or stopped:
        return
    try:
        located = locate(document.tree.keys, "$", [])
    except ConfigError as error:
        kind = WrongType if error.path.endswith("model_type") else NotAnObject
        yield BY_CODE[kind.code], diagnostic_of(error)
        return
    for rule in rules:
        yield from ((rule, found) for found in rule.check_config(located))
    for target in targets(document, located):
        yield from _without_silenced(target, list(_of_model(target, rules)))


def _of_model(target: Target, rules: Iterable[Rule]) -> Iterator[Violation]:
    """Apply rules to a model; errors of the reader that none of them saw come last."""
    wrong: dict[str, bool] = {}  # whether an error stands at a path
    for rule in rules:
        for found in rule.check(target):
            wrong[found.path] = wrong.get(found.path, False) or rule.is_error(found)
            yield rule, found
    for error in target.errors():
        near = any(bad and _related(error.path, path) for path, bad in wrong.items())
        if not near and error.path not in wrong:
            yield _claimed(error), diagnostic_of(error)
            wrong[error.path] = True


def _related(path: str, other: str) -> bool:
    """Whether one path is the other, or inside it."""
    return is_within(path, other) or is_within(other, path)


def _claimed(error: ConfigError) -> Rule:
    """Rule that an error of the reader belongs to: by its kind, else by its key."""
    key = error.path.rpartition(".")[2].partition("[")[0]
    by_kind = (rule for rule in RULES if error.kind in rule.error_kinds)
    by_key = (rule for rule in RULES if key in rule.errors_at)
    return next(by_kind, None) or next(by_key, BY_CODE[OutOfRange.code])


def _without_silenced(
    target: Target, violations: list[Violation]
) -> Iterator[Violation]:
    """One fault, one finding: a rule can silence others about the same rope dict."""
    silenced = {
        (_scope(target, found.path), code)
        for rule, found in violations
        for code in rule.silences
    }
    taken = {found.path for rule, found in violations if not rule.gives_way}
    meant = {found.instead_of for _, found in violations}
    for rule, found in violations:
        scope = _scope(target, found.path)
        quiet = any(s in (scope, "$") and rule.code.startswith(c) for s, c in silenced)
        gives_way = rule.gives_way and found.path in taken
        if not quiet and not gives_way and found.path not in meant:
            yield rule, found


def _scope(target: Target, path: str) -> str:
    """Rope dict that a path is in, or belongs to; else the model."""
    for layer in target.layers:
        if layer.rope.given and _related(path, layer.rope.path):
            return layer.rope.path
    for name in OF_ROPE_DICTS:
        if _related(path, target.at(name)) and path != target.reading.path:
            return target.at(name)
    return target.reading.path


def _offset(rule: Rule, found: Diagnostic, places: Mapping[str, Place]) -> int:
    """Character of the text that a finding points at; 0 where there is none."""
    place = places.get(found.path)
    if found.offset is not None or place is None:
        return found.offset or 0
    return place.key_start if rule.at_key and place.exact else place.start


def _finding(
    document: Document,
    offset: int,
    rule: Rule,
    found: Diagnostic,
    values: Mapping[str, Any],
) -> Finding:
    """Add code, file, line and value to what a rule says."""
    line, column = document.line_and_column(offset)
    value = values[found.path] if found.path != "$" else None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):  # NaN, an object of Python, a loop
        value = printable(value)
    return Finding(
        code=rule.code,
        level=found.level or rule.level,
        file=document.file,
        path=found.path,
        line=line,
        column=column,
        message=escaped(f"{found.path}: {found.message}")[:_LONGEST],
        value=value,
        fix=found.fix,
    )
