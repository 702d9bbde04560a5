"""Findings for people: a line each, what to write instead, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ropeinterp.checks.finding import Finding, Fix
from ropeinterp.cli.colour import Paint
from ropeinterp.text import escaped


def render(findings: Sequence[Finding], files: int, verbose: bool, paint: Paint) -> str:
    """Lines of findings, then the summary.

    Parameters
    ----------
    findings : sequence of Finding
        In the order in which they are shown.
    files : int
        How many files were checked.
    verbose : bool
        Show notes, too; they are only counted else.
    paint : callable
        From a level and a text to that text in colour, or not.

    Returns
    -------
    str
    """
    lines = [line for f in shown(findings, verbose) for line in _lines(f, paint)]
    return "\n".join([*lines, summary(findings, files, verbose)]) + "\n"


def shown(findings: Sequence[Finding], verbose: bool) -> list[Finding]:
    """Leave out what a person is not shown: notes, except on request."""
    return [f for f in findings if verbose or f.level != "info"]


def _lines(finding: Finding, paint: Paint) -> Iterator[str]:
    kind = f"{finding.code} {paint(finding.level, finding.level)}"
    yield f"{_place(finding)}: {kind}: {escaped(finding.message)}"
    if finding.fix:
        yield f"    {hint(finding.fix)}"


def _place(finding: Finding) -> str:
    place = [escaped(finding.file or "config")]
    if finding.line is not None:
        place += [str(finding.line), str(finding.column)]
    return ":".join(place)


def hint(fix: Fix) -> str:
    """Say what to write instead, and whether the command can write it."""
    kind = "hint" if not fix.edits else "fix" if fix.certain else "unsafe fix"
    return f"{kind}: {escaped(fix.message)}"


def summary(findings: Sequence[Finding], files: int, verbose: bool) -> str:
    """Say in one line what was found, "3 errors, 1 warning in 12 files"."""
    counts = Counter(f.level for f in findings)
    notes = _count(counts["info"], "note")
    shown = [_count(counts[level], level) for level in ("error", "warning")]
    shown += [notes] if verbose else []
    found = ", ".join(filter(None, shown)) or "nothing wrong"
    them = "it" if counts["info"] == 1 else "them"
    hidden = f" ({notes}, --verbose shows {them})" if notes and not verbose else ""
    return f"{found} in {_count(files, 'file')}{hidden}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}" if n else ""
