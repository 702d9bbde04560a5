"""Changes of a JSON text that leave every other byte as it is."""

from __future__ import annotations

import json
import re
from typing import Any

from ropeinterp.checks.finding import REMOVE, Edit
from ropeinterp.checks.spans import Entry, entries, find

_INDENT = re.compile(r"\{\s*?(\r?\n)([ \t]*)\S")


def edited(text: str, edit: Edit) -> str:
    """Change, add or remove one key.

    Parameters
    ----------
    text : str
        Valid JSON.
    edit : Edit
        The change; the object at its path must be there.

    Returns
    -------
    str
        New keys stand after the last one, indented as it is; new values as the rest of
        the file is written.

    Raises
    ------
    LookupError
        If no object stands at the path.
    """
    place = find(text, edit.path)
    if not place.exact or text[place.start] != "{":
        raise LookupError(f"{edit.path}: no object stands there")
    own = list(entries(text, place.start))
    there = [i for i, entry in enumerate(own) if entry.key == edit.key]
    if edit.value is REMOVE:
        return _without(text, own, there[-1]) if there else text
    if there:
        entry = own[there[-1]]
        return (
            text[: entry.start] + _written(text, entry, edit.value) + text[entry.end :]
        )
    return _with(text, place.start, own, edit)


def _without(text: str, own: list[Entry], i: int) -> str:
    """Take an entry away, and the comma that parts it from the next or the last."""
    start, end = own[i].key_start, own[i].end
    if i + 1 < len(own):
        end = own[i + 1].key_start
    elif i > 0:
        start = own[i - 1].end
    return text[:start] + text[end:]


def _with(text: str, start: int, own: list[Entry], edit: Edit) -> str:
    key = json.dumps(edit.key)
    if not own:
        inside = f"{key}: {json.dumps(edit.value)}"
        return text[: start + 1] + inside + text[text.index("}", start) :]
    first, last = own[0], own[-1]
    between = text[start + 1 : first.key_start]  # also parts the entries
    colon = text[first.key_start : first.start].partition(json.dumps(first.key))[2]
    value = _written(text, last, edit.value)
    comma = "," + (between or " " * (": " in colon))
    return f"{text[: last.end]}{comma}{key}{colon or ': '}{value}{text[last.end :]}"


def _written(text: str, beside: Entry, value: Any) -> str:
    """JSON of a value, on one line or on many, as the file is written."""
    match = _INDENT.match(text, text.index("{"))
    if match is None or not isinstance(value, (dict, list)) or not value:
        tight = ": " not in text
        return json.dumps(value, separators=(",", ":") if tight else None)
    newline, unit = match.groups()
    line = text.rfind("\n", 0, beside.key_start) + 1
    margin = text[line : beside.key_start]
    margin = margin[: len(margin) - len(margin.lstrip())]
    lines = json.dumps(value, indent=unit or None).split("\n")
    return f"{newline}{margin}".join(lines)
