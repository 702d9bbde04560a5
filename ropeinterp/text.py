"""Untrusted values as text that is safe on any terminal."""

from __future__ import annotations

import unicodedata

_LONGEST = 80


def escaped(text: str) -> str:
    """Text whose control, bidirectional and surrogate characters are escaped.

    Parameters
    ----------
    text : str
        From an untrusted file, perhaps.

    Returns
    -------
    str
        The same on one line, safe on any terminal.
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c)[0] == "C" else c
        for c in text
    )


def printable(value: object) -> str:
    """Text for `value` that is safe on any terminal, at most 80 characters.

    Parameters
    ----------
    value : object
        Anything, strings from untrusted files included.

    Returns
    -------
    str
        ``repr(value)`` with control, bidirectional and surrogate characters escaped,
        cut in the middle where it is longer.
    """
    if isinstance(value, int) and abs(value) >= 10**40:
        text = f"an integer of {value.bit_length()} bits"  # str() of it may refuse
    elif isinstance(value, (list, tuple, dict)) and len(value) > 8:
        text = f"a {type(value).__name__} of {len(value)} items"
    elif isinstance(value, str):
        text = repr(value[: 2 * _LONGEST])
    else:
        text = repr(value)
    text = escaped(text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2 - 2]}...{text[1 - _LONGEST // 2 :]}"
    return text
