"""The command ``ropeinterp check``: its options, its files, what it prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import NamedTuple

from ropeinterp.checks.document import Document, open_document
from ropeinterp.checks.driver import check_document, rules_of
from ropeinterp.checks.finding import Finding
from ropeinterp.checks.rule import Rule
from ropeinterp.cli import settings
from ropeinterp.cli.colour import paint
from ropeinterp.cli.formats import renderer
from ropeinterp.cli.formats.text import summary
from ropeinterp.cli.sources import STANDARD_INPUT, find
from ropeinterp.config.files import MOST_BYTES
from ropeinterp.text import escaped

_WRONG = ("error", "warning")


class Outcome(NamedTuple):
    """What the command prints to its two streams, and its exit status."""

    stdout: str
    stderr: str
    code: int


def run(arguments: argparse.Namespace) -> Outcome:
    """Check what the arguments name.

    Parameters
    ----------
    arguments : argparse.Namespace
        Those of the command.

    Returns
    -------
    Outcome
        Exit status 0 where there is no error and no warning, else 1.

    Raises
    ------
    OSError, ValueError
        If the arguments name nothing that exists, or something unknown.
    RuntimeError
        For a fault of our own.
    """
    _refuse_nonsense(arguments)
    wanted = _settings(arguments)
    rules = rules_of(wanted.select, wanted.ignore, wanted.dialect)
    paths = find(arguments.operands or ["."], os.environ)
    messages, diffs = "", ""
    if arguments.fix or arguments.diff:
        messages, diffs = _mend(paths, rules, arguments, wanted.select)
    findings = [f for found in _checked(paths, rules) for f in found]
    code = int(any(f.level in _WRONG for f in findings))
    if arguments.diff:
        messages += summary(findings, len(paths), arguments.verbose) + "\n"
        return Outcome(diffs, messages, code)
    render = renderer(arguments.format)
    output = render(findings, len(paths), arguments.verbose, paint)
    return Outcome(output, messages, code)


def _refuse_nonsense(arguments: argparse.Namespace) -> None:
    """Refuse options that make no sense beside each other."""
    mending = arguments.fix or arguments.diff
    if arguments.unsafe_fixes and not mending:
        raise ValueError("--unsafe-fixes: needs --fix or --diff")
    if arguments.diff and arguments.format != "text":
        raise ValueError(f"--diff: has no --format {arguments.format}")
    if mending and STANDARD_INPUT in arguments.operands:
        raise ValueError("-: standard input cannot be fixed")


def _settings(arguments: argparse.Namespace) -> settings.Settings:
    """Return those of pyproject.toml; what the command line says wins."""
    names = ("select", "ignore", "dialect", "strict")
    given = {name: getattr(arguments, name) for name in names}
    said = {name: value for name, value in given.items() if value is not None}
    return settings.nearest(os.curdir)._replace(**said)


# ---- files -----------------------------------------------------------------------


def _checked(paths: Sequence[str], rules: Sequence[Rule]) -> Iterator[list[Finding]]:
    for path in _with_progress(paths):
        try:
            yield check_document(_opened(path), rules)
        except OSError:
            raise
        except Exception as error:
            raise RuntimeError(f"while checking {path!r}") from error


def _opened(path: str) -> Document:
    if path == STANDARD_INPUT:
        return open_document(_standard_input(), "<stdin>")
    return open_document(path)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(MOST_BYTES + 1)  # one more than are allowed


def _with_progress(paths: Sequence[str]) -> Iterator[str]:
    """Yield the paths, and say on a terminal how far they are."""
    stream = sys.stderr
    shown = len(paths) > 1 and stream is not None and stream.isatty()
    try:
        for i, path in enumerate(paths):
            if shown:
                print(f"\r{i} of {len(paths)} files", end="", file=stream, flush=True)
            yield path
    finally:
        if shown:
            print("\r\x1b[K", end="", file=stream, flush=True)


# ---- --fix and --diff ------------------------------------------------------------


def _mend(
    paths: Sequence[str],
    rules: Sequence[Rule],
    arguments: argparse.Namespace,
    select: Sequence[str],
) -> tuple[str, str]:
    """Fix files, or show how; returns what happened and the differences."""
    from ropeinterp.checks import fix  # few ask for it

    schemas = not {*fix.SCHEMAS}.isdisjoint(select)
    messages: list[str] = []
    diffs: list[str] = []
    mended = 0
    for path in paths:
        result = fix.fix_file(path, rules, arguments.unsafe_fixes, schemas)
        if result.refused:
            messages.append(f"{path}: left alone: {result.refused}")
        if result.after != result.before and arguments.diff:
            diffs += _difference(path, result.before, result.after)
        elif result.after != result.before:
            try:
                fix.replace(path, result.after)
            except OSError as error:
                messages.append(f"{path}: left alone: {error.strerror or error}")
            else:
                mended += len(result.applied)
                messages += [
                    f"{path}: {c.code} {c.path}: {c.before} -> {c.after}"
                    for c in result.changes
                ]
    if arguments.fix:
        messages.append(f"{mended} fixed")
    return "".join(f"{escaped(line)}\n" for line in messages), "".join(diffs)


def _difference(name: str, before: str, after: str) -> Iterator[str]:
    """Lines of a unified difference: exact for a file, escaped for a terminal."""
    from difflib import unified_diff

    safe: Callable[[str], str] = escaped if sys.stdout.isatty() else str
    # Not splitlines(): it knows more ends of lines than a file has.
    old, new = (list(StringIO(text, newline="\n")) for text in (before, after))
    names = f"a/{escaped(name)}", f"b/{escaped(name)}"
    for line in unified_diff(old, new, *names):
        body = line.removesuffix("\n")
        missing = "" if line.endswith("\n") else "\n\\ No newline at end of file"
        yield f"{safe(body)}{missing}\n"
