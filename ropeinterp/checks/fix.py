"""--fix: writes what a finding knows for certain, and nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ropeinterp.checks import both_schemas
from ropeinterp.checks.document import Document, open_document
from ropeinterp.checks.driver import check_document
from ropeinterp.checks.editing import edited
from ropeinterp.checks.finding import REMOVE, Edit, Finding
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.both_schemas import OnlyNewSchema, OnlyOldSchema
from ropeinterp.checks.rules.file import ByteOrderMark
from ropeinterp.checks.target import Target, targets
from ropeinterp.config.json_source import BYTE_ORDER_MARK
from ropeinterp.config.locate import locate
from ropeinterp.errors import ConfigError

_MOST_ROUNDS = 20
_SCHEMAS = (OnlyOldSchema.code, OnlyNewSchema.code)


@dataclass(frozen=True)
class FixResult:
    """What --fix makes of one file.

    Attributes
    ----------
    before, after : str
        Texts; equal where nothing changes.
    applied : tuple of Finding
        What was mended.
    refused : str
        Why the file is left as it is, though something could be mended.
    """

    before: str
    after: str
    applied: tuple[Finding, ...] = ()
    refused: str = ""


def fix_file(
    path: str | os.PathLike[str], rules: Collection[Rule], unsafe: bool = False
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

    Returns
    -------
    FixResult

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    """
    return fixed(open_document(path), rules, unsafe)


def fixed(
    document: Document, rules: Collection[Rule], unsafe: bool = False
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

    Returns
    -------
    FixResult
        One finding after the other is mended and the result read anew; at the end both
        schemas are written with equal values. Where the result has a new finding, or
        the keys are not what the fixes say, nothing changes.
    """
    before = document.text
    if before is None or document.tree is None:
        return FixResult(before or "", before or "")
    if document.tree.faults:
        return FixResult(before, before, refused="it has numbers that JSON has not")
    first = check_document(document, rules)
    marked = [f for f in first if f.code == ByteOrderMark.code]
    applied = list(marked)
    now = _reopened(
        document, before.removeprefix(BYTE_ORDER_MARK) if marked else before
    )
    left = check_document(now, rules) if marked else first
    for _ in range(_MOST_ROUNDS):
        found = next(_fixable(left, unsafe), None)
        if found is None or found.fix is None:
            break
        now = _changed(now, found.fix.edits)
        applied.append(found)
        left = check_document(now, rules)
    alone = [f for f in left if f.code in _SCHEMAS and f.fix]
    # What is still wrong must not be written down a second time.
    if (applied or alone) and not any(f.level == "error" for f in left):
        now = _both(now)
        applied += alone
    return _verified(before, first, now, tuple(applied), rules)


def _reopened(document: Document, text: str) -> Document:
    return open_document(text.encode("utf-8"), document.file)


def _fixable(findings: list[Finding], unsafe: bool) -> Iterator[Finding]:
    for found in findings:
        fix = found.fix
        if fix and fix.edits and (fix.certain or unsafe) and found.code not in _SCHEMAS:
            yield found


def _changed(document: Document, edits: tuple[Edit, ...]) -> Document:
    """Apply edits to the text; the tree of the result must be the edited tree."""
    assert document.text is not None
    text = document.text
    for edit in edits:
        text = edited(text, edit)
    result = _reopened(document, text)
    for edit in edits:
        holder = document.value(edit.path)
        if edit.value is REMOVE:
            holder.pop(edit.key, None)
        else:
            holder[edit.key] = edit.value
    if result.tree is None or document.tree != result.tree:
        raise AssertionError(f"{document.file}: the text is not what was meant")
    return result


def _models(document: Document) -> Iterator[Target]:
    if document.tree is not None:
        try:
            located = locate(document.tree.keys, "$", [])
        except ConfigError:
            return
        yield from targets(document, located)


def _both(document: Document) -> Document:
    for target in _models(document):
        fix = both_schemas.both(target)
        if fix is not None:
            document = _changed(document, fix.edits)
    return document


def _verified(
    before: str,
    first: list[Finding],
    now: Document,
    applied: tuple[Finding, ...],
    rules: Collection[Rule],
) -> FixResult:
    known = {f.code for f in first}
    for found in check_document(now, rules):
        if found.level != "info" and found.code not in known:
            reason = f"the result would have {found.code}: {found.message}"
            return FixResult(before, before, refused=reason)
    assert now.text is not None
    return FixResult(before, now.text, applied)


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
