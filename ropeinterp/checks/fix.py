"""--fix: writes what a finding knows for certain, and nothing else."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ropeinterp.checks.document import Document, open_document
from ropeinterp.checks.driver import check_document
from ropeinterp.checks.editing import edited
from ropeinterp.checks.finding import REMOVE, Edit, Finding
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import RULES
from ropeinterp.checks.rules.both_schemas import OnlyNewSchema, OnlyOldSchema
from ropeinterp.checks.rules.file import ByteOrderMark
from ropeinterp.config.json_source import BYTE_ORDER_MARK, below
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.text import printable

_MOST_ROUNDS = 20
# They change a file that is right: only who names them asks for it.
SCHEMAS = (OnlyOldSchema.code, OnlyNewSchema.code)
_TWINS = {OF_ROPE_DICTS[0]: OF_ROPE_DICTS[1], OF_ROPE_DICTS[1]: OF_ROPE_DICTS[0]}
_MISSING: Any = object()
_Key = tuple[str, str]


class Change(NamedTuple):
    """One change of a file.

    Parameters
    ----------
    code : str
        Rule whose finding it mends.
    path : str
        JSON path of what changes.
    before, after : str
        JSON of the values; "missing" for none.
    """

    code: str
    path: str
    before: str
    after: str


@dataclass(frozen=True)
class FixResult:
    """What --fix makes of one file.

    Attributes
    ----------
    before, after : str
        Texts; equal where nothing changes.
    applied : tuple of Finding
        What was mended.
    changes : tuple of Change
        Everything that differs between the two texts, in the order in which it was
        written.
    refused : str
        Why something is left as it is, though it could be mended.
    """

    before: str
    after: str
    applied: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    refused: str = ""


class _RefusedError(Exception):
    """A fix that is not written, and why."""


class _State(NamedTuple):
    """A text on its way: what stands in it, what was mended, what is still wrong."""

    document: Document
    applied: tuple[Finding, ...]
    changes: tuple[Change, ...]
    left: list[Finding]


def fix_file(
    path: str | os.PathLike[str],
    rules: Collection[Rule],
    unsafe: bool = False,
    schemas: bool = False,
) -> FixResult:
    """Mend the text of a file; the file itself stays as it is.

    Parameters
    ----------
    path : str or os.PathLike
        A config.json, or the directory with it.
    rules : collection of Rule
        Whose findings are mended.
    unsafe : bool, optional
        Whether to take likely answers, too.
    schemas : bool, optional
        Whether both schemas are written where one of them is missing.

    Returns
    -------
    FixResult

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    """
    return fixed(open_document(path), rules, unsafe, schemas)


def fixed(
    document: Document,
    rules: Collection[Rule],
    unsafe: bool = False,
    schemas: bool = False,
) -> FixResult:
    """Mend a config that has been opened.

    Parameters
    ----------
    document : Document
        The config.
    rules : collection of Rule
        Whose findings are mended.
    unsafe : bool, optional
        Whether to take likely answers, too.
    schemas : bool, optional
        Whether both schemas are written where one of them is missing.

    Returns
    -------
    FixResult
        What is certain is mended first and until nothing of it is left, then one likely
        answer after the other: so that a second call with `unsafe` gives what one call
        does. A fix whose result has a new finding, or is not what was meant, is left
        out.
    """
    before = document.text
    if before is None or document.tree is None:
        return FixResult(before or "", before or "")
    if document.tree.faults:
        return FixResult(before, before, refused="it has numbers that JSON has not")
    refused: dict[_Key, str] = {}
    state = _State(document, (), (), check_document(document, rules))
    state = _without_mark(state, rules)
    state = _closed(state, rules, refused)
    while unsafe and (found := _first(state.left, refused, certain=False)):
        state = _closed(_tried(state, found, rules, refused), rules, refused)
    if schemas:
        state = _with_schemas(state, rules, refused)
    text = state.document.text
    assert text is not None
    reasons = "; ".join(dict.fromkeys(refused.values()))
    return FixResult(before, text, state.applied, state.changes, reasons)


def _reopened(document: Document, text: str) -> Document:
    return open_document(text.encode("utf-8"), document.file)


def _without_mark(state: _State, rules: Collection[Rule]) -> _State:
    """Take the byte order mark away, which no edit of a key can."""
    marked = [f for f in state.left if f.code == ByteOrderMark.code]
    text = state.document.text
    if not marked or text is None:
        return state
    now = _reopened(state.document, text.removeprefix(BYTE_ORDER_MARK))
    changes = tuple(
        Change(f.code, f.path, "byte order mark", "missing") for f in marked
    )
    return _State(now, tuple(marked), changes, check_document(now, rules))


def _first(
    findings: list[Finding], refused: Mapping[_Key, str], certain: bool
) -> Finding | None:
    """First finding that can be mended and was not refused."""
    for found in findings:
        fix = found.fix
        # Notes are often right, and not shown unless somebody asks for them.
        if not fix or not fix.edits or found.level == "info":
            continue
        if fix.certain == certain and (found.code, found.path) not in refused:
            return found
    return None


def _closed(state: _State, rules: Collection[Rule], refused: dict[_Key, str]) -> _State:
    """Mend what is certain, until nothing of it is left."""
    while found := _first(state.left, refused, certain=True):
        state = _tried(state, found, rules, refused)
    return state


def _tried(
    state: _State, found: Finding, rules: Collection[Rule], refused: dict[_Key, str]
) -> _State:
    """Mend one finding, and what is certain after it; or say why not."""
    known = {f.code for f in state.left}
    try:
        now = _mended(state, found, rules)
        for _ in range(_MOST_ROUNDS):
            new = [f for f in now.left if f.level != "info" and f.code not in known]
            if not new:
                return now
            after = _first(new, refused, certain=True)
            if after is None:
                raise _RefusedError(
                    f"the result would have {new[0].code}: {new[0].message}"
                )
            now = _mended(now, after, rules)
        raise _RefusedError("every fix would need another one")
    except _RefusedError as refusal:
        refused[found.code, found.path] = str(refusal)
        return state


def _mended(state: _State, found: Finding, rules: Collection[Rule]) -> _State:
    assert found.fix is not None
    edits = (*found.fix.edits, *_twins(state.document, found.fix.edits))
    now = _changed(state.document, edits)
    return _State(
        now,
        (*state.applied, found),
        (*state.changes, *_changes(state.document, found.code, edits)),
        check_document(now, rules),
    )


def _twins(document: Document, edits: tuple[Edit, ...]) -> Iterator[Edit]:
    """Yield the same for the other schema, where it says the same so far."""
    for edit in edits:
        holder, _, name = edit.path.rpartition(".")
        if name not in _TWINS or not holder:
            continue
        models, own = document.value(holder), document.value(edit.path)
        other = models.get(_TWINS[name]) if isinstance(models, dict) else None
        if isinstance(other, dict) and isinstance(own, dict):
            here, there = (d.get(edit.key, _MISSING) for d in (own, other))
            if here == there and there != edit.value:
                yield Edit(below(holder, _TWINS[name]), edit.key, edit.value)


def _changes(document: Document, code: str, edits: Iterable[Edit]) -> Iterator[Change]:
    for edit in edits:
        holder = document.value(edit.path)
        old = holder.get(edit.key, REMOVE) if isinstance(holder, dict) else REMOVE
        before, after = (
            "missing" if v is REMOVE else json.dumps(v) for v in (old, edit.value)
        )
        if before != after:
            yield Change(code, below(edit.path, edit.key), before, after)


def _changed(document: Document, edits: tuple[Edit, ...]) -> Document:
    """Apply edits to the text; the tree of the result must be the edited tree."""
    assert document.text is not None
    text = document.text
    try:
        for edit in edits:
            text = edited(text, edit)
    except LookupError as error:
        raise _RefusedError(str(error)) from None
    result, meant = _reopened(document, text), _reopened(document, document.text)
    for edit in edits:
        holder = meant.value(edit.path)
        if edit.value is REMOVE:
            holder.pop(edit.key, None)
        else:
            holder[edit.key] = edit.value
    if result.tree is None:
        reason = result.error.reason if result.error else "it cannot be read"
        raise _RefusedError(f"the result {reason}")
    if meant.tree != result.tree:
        keys = ", ".join(dict.fromkeys(printable(edit.key) for edit in edits))
        raise _RefusedError(f"{keys}: a key is there twice")
    return result


def _with_schemas(
    state: _State, rules: Collection[Rule], refused: dict[_Key, str]
) -> _State:
    """Write both schemas, unless something is wrong: it would be written twice."""
    wanted = [f for f in state.left if f.code in SCHEMAS and f.fix]
    if not wanted:
        return state
    everything = [rule for rule in RULES if not rule.dialects]
    wrong = [f for f in check_document(state.document, everything) if f.level != "info"]
    if wrong:
        reason = f"{wrong[0].code} is open, and would be written twice"
        refused[wanted[0].code, wanted[0].path] = reason
        return state
    for found in wanted:
        state = _tried(state, found, rules, refused)
    return state


def replace(path: str | os.PathLike[str], text: str) -> None:
    """Write a file in one step: it is the old one or the new one, never a part.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file that exists.
    text : str
        Its new content.

    Raises
    ------
    OSError
        If it is a link, or cannot be written; it is unchanged then.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        path = os.path.join(path, "config.json")
    if os.path.islink(path):
        raise OSError(f"{path}: is a link, and what it points to is left alone")
    folder = os.path.dirname(path) or "."
    descriptor, scratch = tempfile.mkstemp(prefix=".config.", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, os.stat(path).st_mode & 0o7777)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
