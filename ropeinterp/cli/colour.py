"""Colours of a terminal, for people only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

# From a style and a text to that text in colour, or not.
Paint = Callable[[str, str], str]

_STYLES = {"title": "1", "new": "33", "error": "1;31", "warning": "33", "info": "36"}


def paint(style: str, text: str) -> str:
    """Colour a text where standard output shows colours."""
    code = _STYLES.get(style)
    if not code or not wants_colour(sys.stdout):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user wants colours; see no-color.org."""
    no_color, term = os.environ.get("NO_COLOR"), os.environ.get("TERM")
    return not no_color and term != "dumb" and stream.isatty()
