"""What a rule is about, as text: one source for the terminal and for docs/rules.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import fill
from typing import Any

from ropeinterp.checks.rules import BY_CODE, RULES
from ropeinterp.checks.words import distance
from ropeinterp.text import escaped, printable

# More letters than these make another word, no slip.
_SLIP = 2

_HEAD = """\
# Rules of `ropeinterp check`

`make rules` writes this page from the rules themselves; `ropeinterp explain RI302`
prints one of them. Examples show keys over those of a plain Llama config; null takes a
key away. An error gives no numbers, or surely not the ones that were meant; a warning
very likely not; an info is worth knowing, and often right.
"""


def every() -> str:
    """Text of every rule: the page of the documentation."""
    rows = [f"| [{r.code}](#{r.code.lower()}) | {r.level} | {r.what} |" for r in RULES]
    table = "\n".join(["| rule | level | finds |", "|---|---|---|", *rows])
    return "\n".join([_HEAD, table, "", *(one(rule.code) for rule in RULES)])


def one(code: str) -> str:
    """Text of one rule.

    Parameters
    ----------
    code : str
        Such as "RI302".

    Returns
    -------
    str
        What it finds, why that matters, a bad and a good example, and its source.

    Raises
    ------
    ValueError
        If no rule has this code.
    """
    if code not in BY_CODE:
        raise ValueError(f"{printable(code)}: no rule has this code{_meant(code)}")
    rule = BY_CODE[code]
    parts = [f"## {code}", _wrapped(f"{rule.level}: {rule.what}"), _wrapped(rule.why)]
    parts += ["Bad:", _example(rule.bad), "Good:", _example(rule.good)]
    return "\n\n".join([*parts, _wrapped(f"Source: {rule.source}.")]) + "\n"


def _wrapped(text: str) -> str:
    return fill(text, 88, break_long_words=False, break_on_hyphens=False)


def _meant(code: str) -> str:
    """Return the codes that are nearest to a slip."""
    near = {known: distance(code.upper()[:9], known) for known in BY_CODE}
    least = min(near.values())
    if least > _SLIP:
        return "; `ropeinterp explain --all` shows every one"
    return f"; did you mean {' or '.join(k for k, d in near.items() if d == least)}?"


def _example(example: Mapping[str, Any] | str) -> str:
    if isinstance(example, str):
        lines = [escaped(line) for line in example.split("\n")]
        return "\n".join(["```text", *lines, "```"])
    if not example:
        return "any plain config"
    return f"```json\n{_json(example, '')}\n```"


def _json(value: Any, indent: str) -> str:
    """Text of a value; lists stay on one line, those of LongRoPE are long."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(k)}: {_json(v, inner)}" for k, v in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
