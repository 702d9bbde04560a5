"""check(): every rule over every model of a config, as findings."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ropeinterp.checks.document import Document, open_document
from ropeinterp.checks.finding import LEVELS, Diagnostic, Edit, Finding, Fix
from ropeinterp.checks.misplaced import lost_at_root
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import BY_CODE, RULES
from ropeinterp.checks.spans import Place
from ropeinterp.checks.target import BLOCKS, Target, targets
from ropeinterp.config.reader import locate
from ropeinterp.errors import ConfigError
from ropeinterp.text import escaped, printable

__all__ = ["RULES", "Edit", "Finding", "Fix", "Rule", "check"]

_MOST_FINDINGS = 200
_LONGEST = 2000
# The reader's errors that no rule claims: a missing key, or a number of no use.
_MISSING, _UNUSABLE, _NO_OBJECT = "RI205", "RI202", "RI003"
_WRONG_TYPE = ("must be a ", "must be true")
DIALECTS = ("transformers", "transformers-4")


def check(
    source: Mapping[str, Any] | str | bytes | os.PathLike[str] | Any,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    dialects: Iterable[str] = (),
    *,
    file: str | None = None,
) -> list[Finding]:
    """Find what is wrong with the positions of a config.

    Parameters
    ----------
    source : mapping, path, bytes, or object with ``to_dict()``
        The config; its JSON file, the directory with it, or the bytes of it.
    select, ignore : iterable of str, optional
        Prefixes of codes: which rules apply (default: all), and which do not.
    dialects : iterable of str, optional
        Further readers whose behaviour counts: "transformers", "transformers-4".
    file : str, optional
        Name in the findings; by default the path.

    Returns
    -------
    list of Finding
        In the order of the file; empty where nothing is to be said.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    TypeError, ValueError
        If `source` is of another type, or a code or dialect is unknown.

    Examples
    --------
    >>> found = check({"model_type": "llama", "hidden_size": 4096,
    ...                "num_attention_heads": 32, "max_position_embeddings": 8192,
    ...                "rope_scaling": {"rope_type": "linear", "factor": 0.25}})
    >>> [(f.code, f.path) for f in found if f.level == "warning"]
    [('RI203', '$.rope_scaling.factor')]
    """
    chosen = rules_of(select, ignore, dialects)
    document = open_document(source, file)
    return check_document(document, chosen)


def rules_of(
    select: Iterable[str], ignore: Iterable[str], dialects: Iterable[str]
) -> tuple[Rule, ...]:
    """Rules that prefixes of codes and dialects choose."""
    select, ignore, dialects = (_words(x) for x in (select, ignore, dialects))
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


def _words(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{printable(given)}: must be a list of words, not one")
    words = tuple(given)
    for word in words:
        if not isinstance(word, str) or not word:
            raise TypeError(f"{printable(word)}: must be a word")
    return words


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
    diagnostics = {
        (diagnostic.path, rule.code): (rule, diagnostic)
        for rule, diagnostic in _diagnostics(document, run)
        if rule.code in chosen
    }
    places = document.places(
        {diagnostic.path for _, diagnostic in diagnostics.values()}
    )
    ranked = sorted(
        (
            _offset(rule, diagnostic, places),
            LEVELS.index(diagnostic.level or rule.level),
            key,
        )
        for key, (rule, diagnostic) in diagnostics.items()
    )
    kept = [(offset, *diagnostics[key]) for offset, _, key in ranked[:_MOST_FINDINGS]]
    values = document.values(diagnostic.path for _, _, diagnostic in kept)
    return [_finding(document, *each, values) for each in kept]


def _diagnostics(
    document: Document, rules: Iterable[Rule]
) -> Iterator[tuple[Rule, Diagnostic]]:
    """Everything that is wrong; rules of one model silence each other."""
    wrong = False
    for problem in document.problems:
        rule = BY_CODE[problem.code]
        level, offset = problem.level, problem.offset
        yield (
            rule,
            Diagnostic(problem.path, problem.message, problem.fix, level, offset),
        )
        wrong = wrong or (problem.code == "RI004" and not problem.level)
    if document.tree is None or wrong:
        return
    try:
        located = locate(document.tree.keys, "$", [])
    except ConfigError as error:
        code = "RI201" if error.path.endswith("model_type") else _NO_OBJECT
        yield BY_CODE[code], _diagnostic_of(error)
        return
    for diagnostic in lost_at_root(located):
        yield BY_CODE["RI105"], diagnostic
    for target in targets(document, located):
        yield from _without_silenced(target, list(_of_model(target, rules)))


def _of_model(
    target: Target, rules: Iterable[Rule]
) -> Iterator[tuple[Rule, Diagnostic]]:
    told: dict[str, bool] = {}
    for rule in rules:
        for diagnostic in rule.check(target):
            told[diagnostic.path] = told.get(diagnostic.path, False) or rule.is_error(
                diagnostic
            )
            yield rule, diagnostic
    for error in target.errors():
        near = any(wrong and _related(error.path, path) for path, wrong in told.items())
        if not near and error.path not in told:
            yield _claimed(error), _diagnostic_of(error)
            told[error.path] = True


def _diagnostic_of(error: ConfigError) -> Diagnostic:
    missing = error.value is None
    shown = "" if missing else f"{printable(error.value)} "
    return Diagnostic(error.path, shown + error.reason)


def _related(path: str, other: str) -> bool:
    """Whether one path is the other, or inside it."""
    inside = path.startswith((f"{other}.", f"{other}["))
    return path == other or inside or other.startswith((f"{path}.", f"{path}["))


def _claimed(error: ConfigError) -> Rule:
    """Rule that an error of the reader belongs to."""
    key = error.path.rpartition(".")[2].partition("[")[0]
    if error.reason.startswith(_WRONG_TYPE):
        return BY_CODE["RI201"]
    if error.value is None:
        return BY_CODE[_MISSING]
    return next((r for r in RULES if key in r.errors_at), BY_CODE[_UNUSABLE])


def _without_silenced(
    target: Target, diagnostics: list[tuple[Rule, Diagnostic]]
) -> Iterator[tuple[Rule, Diagnostic]]:
    """One fault, one finding: a rule can silence others about the same rope dict."""
    silenced = {
        (_scope(target, diagnostic.path), code)
        for rule, diagnostic in diagnostics
        for code in rule.silences
    }
    strong = {h.path for r, h in diagnostics if r.code != "RI109"}
    meant = {h.instead_of for _, h in diagnostics}
    for rule, diagnostic in diagnostics:
        scope = _scope(target, diagnostic.path)
        quiet = any(s in (scope, "$") and rule.code.startswith(c) for s, c in silenced)
        gives_way = rule.code == "RI109" and diagnostic.path in strong
        if not quiet and not gives_way and diagnostic.path not in meant:
            yield rule, diagnostic


def _scope(target: Target, path: str) -> str:
    """Rope dict that a path is in, or belongs to; else the model."""
    for layer in target.layers:
        if layer.rope.given and _related(path, layer.rope.path):
            return layer.rope.path
    for name in BLOCKS:
        if _related(path, target.at(name)) and path != target.reading.path:
            return target.at(name)
    return target.reading.path


def _offset(rule: Rule, diagnostic: Diagnostic, places: Mapping[str, Place]) -> int:
    """Character of the text that a finding points at; 0 where there is none."""
    place = places.get(diagnostic.path)
    if diagnostic.offset is not None or place is None:
        return diagnostic.offset or 0
    return place.key_start if rule.at_key and place.exact else place.start


def _finding(
    document: Document,
    offset: int,
    rule: Rule,
    diagnostic: Diagnostic,
    values: Mapping[str, Any],
) -> Finding:
    """Add code, file, line and value to what a rule says."""
    line, column = document.line_and_column(offset)
    value = values[diagnostic.path] if diagnostic.path != "$" else None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):  # NaN, an object of Python, a loop
        value = printable(value)
    return Finding(
        code=rule.code,
        level=diagnostic.level or rule.level,
        file=document.file,
        path=diagnostic.path,
        line=line,
        column=column,
        message=escaped(f"{diagnostic.path}: {diagnostic.message}")[:_LONGEST],
        value=value,
        fix=diagnostic.fix,
    )
