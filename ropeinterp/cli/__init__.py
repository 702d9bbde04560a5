"""The command ``ropeinterp``: runs what the arguments say and prints it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from ropeinterp.cli.options import parse
from ropeinterp.text import escaped

# What a command needs, it imports itself: the time to the first word counts.

_FAILED = 2
_SIGPIPE = 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0; 1 where `check` finds an error or a warning; 2 for wrong usage,
        for what cannot be read, and for a fault of our own.
    """
    arguments = parse(argv, show=_show, check=_check, explain=_explain)
    if sys.stdout is None:
        return _failure("standard output is closed")
    if hasattr(sys.stdout, "reconfigure"):  # what the terminal cannot show, escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        text, code = arguments.run(arguments)
        print(text, end="", flush=True)
    except BrokenPipeError:
        # The reader has seen enough; Python's last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE
    except (OSError, ValueError, TypeError) as error:
        return _failure(_reason(error))
    except Exception as error:
        lines = traceback.format_exception(error)
        return _failure("internal error", *"".join(lines).splitlines())
    return int(code)


def _failure(reason: str, *lines: str) -> int:
    """Say on standard error what went wrong; returns the exit code of failures."""
    for line in (f"ropeinterp: {reason}", *lines):
        print(escaped(line), file=sys.stderr)
    return _FAILED


# ---- commands: from arguments to text and exit code ------------------------------


def _show(arguments: argparse.Namespace) -> tuple[str, int]:
    from ropeinterp import config
    from ropeinterp.cli import show, show_text
    from ropeinterp.cli.colour import paint

    read = config.read(
        arguments.config,
        dialect=arguments.dialect,
        trained_length=arguments.trained_length,
    )
    described = show.describe(read, arguments.length, arguments.precision)
    if arguments.json:
        import json

        return json.dumps(described, allow_nan=False, indent=2) + "\n", 0
    return show_text.screen(described, arguments.config, arguments.all, paint), 0


def _check(arguments: argparse.Namespace) -> tuple[str, int]:
    from ropeinterp.cli import check

    outcome = check.run(arguments)
    print(outcome.stderr, end="", file=sys.stderr)
    return outcome.stdout, outcome.code


def _explain(arguments: argparse.Namespace) -> tuple[str, int]:
    from ropeinterp.cli import explain

    if arguments.all:
        return explain.every(), 0
    if not arguments.operands:
        raise ValueError("explain: name a code such as RI302, or --all")
    return "\n".join(explain.one(code) for code in arguments.operands), 0


def _reason(error: Exception) -> str:
    """One line for a person; the texts of errors quote untrusted files."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename is not None else ""
        return escaped(f"{name}{error.strerror}")
    return escaped(str(error))
