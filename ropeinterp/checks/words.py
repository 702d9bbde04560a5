"""Names of keys: which are used, and which one a misspelt name was meant to be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TypeGuard

from ropeinterp import kinds
from ropeinterp.config import names

_LAST = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)(?:\[\d+\])*$")
# Two letters of a short name make another name.
_LONG = 7
# Products of two usual numbers with such a one are finite, too.
_LARGEST = 1e300


def is_finite(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a number to compute with: none that float64 lacks."""
    return kinds.is_number(value) and -_LARGEST <= value <= _LARGEST


def is_used(path: str) -> bool:
    """Whether the key at the end of a JSON path tells positions or sizes."""
    match = _LAST.search(path)
    return match is not None and match[1] in names.of_top_level()


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `name` is a misspelling of, if there is exactly one.

    Parameters
    ----------
    name : str
        What stands in the file.
    candidates : iterable of str
        What could stand there.

    Returns
    -------
    str or None
    """
    close = {c for c in candidates if c != name and _is_slip(name, c)}
    return close.pop() if len(close) == 1 else None


def _is_slip(name: str, other: str) -> bool:
    most = 2 if min(len(name), len(other)) >= _LONG else 1
    if abs(len(name) - len(other)) > most:
        return False
    # Few words have nearly the same letters; only those are compared in order.
    mine, theirs = Counter(name), Counter(other)
    if max((mine - theirs).total(), (theirs - mine).total()) > most:
        return False
    return distance(name, other) <= most


def distance(a: str, b: str) -> int:
    """Edits between two short words; a swap of neighbours counts as one."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
