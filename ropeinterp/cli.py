"""The command ``ropeinterp``: parses arguments and prints; computes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from ropeinterp import config, report
from ropeinterp.errors import escaped

_USAGE = 2
_SIGPIPE = 128 + 13
_STYLES = {"title": "1", "new": "33"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0, or 2 for a file that cannot be read. Wrong usage exits with 2.
    """
    arguments = _parser().parse_args(argv)
    if sys.stdout is None:
        print("ropeinterp: standard output is closed", file=sys.stderr)
        return _USAGE
    if hasattr(sys.stdout, "reconfigure"):  # what the terminal cannot show, escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(_show(arguments), end="", flush=True)
    except BrokenPipeError:
        # The reader has seen enough; Python's last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE
    except (OSError, ValueError, TypeError) as error:
        print(f"ropeinterp: {_reason(error)}", file=sys.stderr)
        return _USAGE
    return 0


def _show(arguments: argparse.Namespace) -> str:
    read = config.read(
        arguments.config,
        dialect=arguments.dialect,
        trained_length=arguments.trained_length,
    )
    described = report.describe(read, arguments.length, arguments.precision)
    if arguments.json:
        return json.dumps(described, allow_nan=False, indent=2) + "\n"
    colour = _wants_colour(sys.stdout)

    def paint(style: str, words: str) -> str:
        code = _STYLES.get(style)
        return f"\x1b[{code}m{words}\x1b[0m" if colour and code else words

    return report.text(described, arguments.config, arguments.all, paint)


def _wants_colour(stream: TextIO) -> bool:
    """Colour for people only; see no-color.org."""
    no_color, term = os.environ.get("NO_COLOR"), os.environ.get("TERM")
    return not no_color and term != "dumb" and stream.isatty()


def _reason(error: Exception) -> str:
    """One line for a person; the texts of errors quote untrusted files."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename is not None else ""
        return escaped(f"{name}{error.strerror}")
    return escaped(str(error))


class _Version(argparse.Action):
    """Look the version up only when it is asked for; that takes longer than a start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"ropeinterp {version('ropeinterp')}")
        parser.exit()


def _tokens(word: str) -> int:
    """Read a number of tokens from the command line."""
    try:
        tokens = int(word)
    except ValueError:
        tokens = 0
    if not 0 < tokens <= 2**53:
        raise argparse.ArgumentTypeError(
            f"{word!r}: not a whole number from 1 to 2**53"
        )
    return tokens


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ropeinterp", description="Rotary position embeddings of model configs."
    )
    parser.add_argument("--version", action=_Version, nargs=0)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser(
        "show",
        help="explain the positions of a model",
        description="Explain the positions of a model: scheme and parameters, where "
        "each value came from, the pairs of channels, and which of them meet phases "
        "never seen in training.",
    )
    show.add_argument("config", metavar="CONFIG", help="config.json or its directory")
    show.add_argument(
        "--length", type=_tokens, metavar="N", help="tokens (default: the config's)"
    )
    show.add_argument(
        "--trained-length",
        type=_tokens,
        metavar="N",
        help="tokens seen in training, where the config does not say it",
    )
    show.add_argument(
        "--dialect",
        default="transformers",
        help="whose reading: transformers (5.x, the default) or transformers-4",
    )
    show.add_argument(
        "--precision",
        action="store_true",
        help="say how far float32 tables are from exact ones",
    )
    show.add_argument("--all", action="store_true", help="show every pair")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
