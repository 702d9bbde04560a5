"""The arguments of the command ``ropeinterp``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from ropeinterp.cli.formats import FORMATS
from ropeinterp.dialects import V5
from ropeinterp.limits import LARGEST_EXACT

# From the arguments to what is printed and the exit status.
Run = Callable[[argparse.Namespace], tuple[str, int]]


def parse(argv: Sequence[str] | None, **commands: Run) -> argparse.Namespace:
    """Read the command line; wrong usage ends the process with status 2.

    Parameters
    ----------
    argv : sequence of str or None
        Arguments; None for those of the process.
    **commands : callable
        "show", "check" and "explain": from arguments to what is printed and an exit
        status.

    Returns
    -------
    argparse.Namespace
        The function of the chosen command stands at ``run``.
    """
    parser = argparse.ArgumentParser(
        prog="ropeinterp", description="Rotary position embeddings of model configs."
    )
    parser.add_argument("--version", action=_Version, nargs=0)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run in commands.items():
        _OPTIONS[name](subparsers).set_defaults(run=run)
    arguments, others = parser.parse_known_args(argv)
    # argparse takes no further operands after an option that follows some.
    operands = getattr(arguments, "operands", None)
    if others and (operands is None or any(map(_is_option, others))):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if operands is not None:
        arguments.operands = [*operands, *others]
    return arguments


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


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
    if not 0 < tokens <= LARGEST_EXACT:
        raise argparse.ArgumentTypeError(
            f"{word!r}: not a whole number from 1 to 2**53"
        )
    return tokens


def _names(text: str) -> tuple[str, ...]:
    """Read names with commas between them."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: not words with commas between")
    return names


# ---- one function per command ----------------------------------------------------


def _show(commands: Any) -> argparse.ArgumentParser:
    show: argparse.ArgumentParser = commands.add_parser(
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
        default=V5,
        help="whose reading: transformers (5.x, the default) or transformers-4",
    )
    show.add_argument(
        "--precision",
        action="store_true",
        help="say how far float32 tables are from exact ones",
    )
    show.add_argument("--all", action="store_true", help="show every pair")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    return show


def _check(commands: Any) -> argparse.ArgumentParser:
    check: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="find what is wrong with the positions of models",
        description="Find what is wrong with the positions of models: settings that no "
        "reader takes, that readers take differently, or that were surely not meant. "
        "Exit status: 0, 1 where there is an error or a warning, 2 for wrong usage.",
    )
    add = check.add_argument
    add(
        "operands",
        nargs="*",
        metavar="PATH",
        help="config.json, a model's directory, a directory with many of them, - for "
        "standard input, or owner/name in the local Hugging Face cache (default: .)",
    )
    add("--select", type=_names, metavar="CODES", help="only these rules: RI3,RI104")
    add("--ignore", type=_names, metavar="CODES", help="not these rules: RI302")
    add("--dialect", type=_names, metavar="NAMES", help="readers to ask, too")
    add("--format", choices=FORMATS, default="text", help="default: text")
    how = check.add_mutually_exclusive_group()
    how.add_argument("--fix", action="store_true", help="write what is certain")
    how.add_argument("--diff", action="store_true", help="show what --fix would write")
    add("--unsafe-fixes", action="store_true", help="with these: what is likely, too")
    add(
        "--strict",
        action="store_true",
        default=None,
        help="warnings count as errors for the exit status: 1, as without it",
    )
    add("--verbose", action="store_true", help="show notes, too")
    return check


def _explain(commands: Any) -> argparse.ArgumentParser:
    explain: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="say what a rule of check is about",
        description="Say what a rule of check finds, why that matters, and what to "
        "write instead.",
    )
    explain.add_argument("operands", nargs="*", metavar="CODE", help="such as RI302")
    explain.add_argument("--all", action="store_true", help="every rule")
    return explain


_OPTIONS = {"show": _show, "check": _check, "explain": _explain}
