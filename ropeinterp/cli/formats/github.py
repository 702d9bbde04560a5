"""Findings as workflow commands of GitHub Actions, which marks the lines with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ropeinterp.checks.finding import Finding
from ropeinterp.cli.colour import Paint
from ropeinterp.cli.formats.text import hint, shown, summary
from ropeinterp.text import escaped

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}
# The percent sign first: what the others become has one.
_IN_MESSAGES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES = (*_IN_MESSAGES, (":", "%3A"), (",", "%2C"))


def render(findings: Sequence[Finding], files: int, verbose: bool, _: Paint) -> str:
    """Commands, then the summary: a step shows only ten errors and ten warnings.

    Parameters
    ----------
    findings : sequence of Finding
        In the order in which they are shown.
    files : int
        How many files were checked.
    verbose : bool
        Show notes, too; they are only counted else.

    Returns
    -------
    str
    """
    lines = [_command(finding) for finding in shown(findings, verbose)]
    return "\n".join([*lines, summary(findings, files, verbose)]) + "\n"


def _command(finding: Finding) -> str:
    message = escaped(finding.message)
    if finding.fix:
        message += "\n" + hint(finding.fix)
    properties = ",".join(
        f"{name}={_replaced(value, _IN_PROPERTIES)}"
        for name, value in _properties(finding)
    )
    kind = _COMMANDS[finding.level]
    return f"::{kind} {properties}::{_replaced(message, _IN_MESSAGES)}"


def _properties(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.file is not None:
        yield "file", escaped(finding.file)
    if finding.line is not None:
        yield "line", str(finding.line)
        yield "col", str(finding.column)
    yield "title", finding.code


def _replaced(text: str, pairs: Sequence[tuple[str, str]]) -> str:
    for character, code in pairs:
        text = text.replace(character, code)
    return text
