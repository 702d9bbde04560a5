"""What a model type says without saying it: rows of the tables in data/.

A model type that follows existing rules is one row there, two where its layer types
differ. Nothing here interprets a row; docs/huggingface.md describes the columns.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple


class Model(NamedTuple):
    """One model type, or one layer type of it.

    Parameters
    ----------
    model_type, layer : str
        `layer` is empty where one table serves all layers.
    layout : str
        As in :class:`ropeinterp.RopeSpec`.
    theta, theta_v4 : float or None
        Class default of the base, and that of transformers 4.57.
    theta_keys, partial_keys : tuple of str
        Top-level keys of the base and of the partial factor, the first that is present
        counts; ``key/head_dim`` is a quotient.
    partial : float or None
        Class default of the partial factor.
    default_uses_partial : bool
        Whether the type "default" honours the partial factor.
    head_dim_rule : str
        Alternatives separated by ``|``, see :mod:`ropeinterp.config.heads`.
    sizes : mapping
        Class defaults of the keys that the rules name.
    aliases : mapping
        Other names of the keys that rules name.
    block : mapping or None
        Rope dict of the class, for configs that give none; None where layers are not
        rotated.
    axes : str
        Kind of axis map and its default sections, see :mod:`ropeinterp.config.axes`.
    type_words : mapping
        Further words for rope types; an empty meaning refuses the word.
    layers : str
        How layers differ, see :mod:`ropeinterp.config.layers`.
    labels : frozenset of str
        Further entries of ``layer_types`` that mean this layer type.
    one_dict : str
        What one rope dict for all layer types does for this one: "merge" (only
        ``rope_scaling``, over the class's dict), "copy", or nothing.
    switch : mapping
        Top-level keys that decide whether there is a rotary embedding: the list of
        values with which there is, or ``{"not": list}``; a missing key leaves it in
        use.
    flags : frozenset of str
        Rules that hold or do not; D1 to D12 are defects of transformers 5.23.0.
    since : str
        First version of transformers that has it, where that is not the oldest one
        that was measured.
    """

    model_type: str
    layer: str
    layout: str
    theta: float | None
    theta_v4: float | None
    theta_keys: tuple[str, ...]
    partial: float | None
    partial_keys: tuple[str, ...]
    default_uses_partial: bool
    head_dim_rule: str
    sizes: Mapping[str, int]
    aliases: Mapping[str, tuple[str, ...]]
    block: Mapping[str, Any] | None
    axes: str
    type_words: Mapping[str, str]
    layers: str
    labels: frozenset[str]
    one_dict: str
    switch: Mapping[str, Any]
    flags: frozenset[str]
    since: str

    @property
    def unrotated(self) -> bool:
        """Whether its layers are not rotated."""
        return self.block is None

    @property
    def described(self) -> str:
        """Where a class default comes from, in words."""
        if not self.model_type:
            return "general rule"
        return f"class default of {self.model_type}"


class Part(NamedTuple):
    """One part of a composite model type.

    Parameters
    ----------
    path : tuple of str
        Keys that lead to its config.
    model_type : str
        Its rotary model type where the config names none; empty: general rules.
    at_top : bool
        Whether old files keep its keys at the top level.
    """

    path: tuple[str, ...]
    model_type: str
    at_top: bool


class FileKind(NamedTuple):
    """One kind of file that holds no model, see :mod:`ropeinterp.config.no_model`.

    Parameters
    ----------
    marks : tuple of tuple of str
        What must be there: of each inner tuple one.
    unless : str
        What speaks against it.
    what, instead : str
        What the file is, and what to pass instead.
    """

    marks: tuple[tuple[str, ...], ...]
    unless: str
    what: str
    instead: str


@cache
def file_kinds() -> tuple[FileKind, ...]:
    """Every kind of file that is known to hold no model."""
    return tuple(
        FileKind(
            tuple(map(_keys, row["marks"].split())),
            row["unless"],
            row["what"],
            row["instead"],
        )
        for row in table("files.csv")
    )


def model_types() -> Collection[str]:
    """Every model type with rows; the empty name is that of the general rules."""
    return _texts().keys()


def rows_of(model_type: str | None) -> tuple[Model, ...]:
    """Rows of a model type; of an unknown one those of the general rules."""
    texts = _texts()
    return tuple(map(_model, texts.get(model_type or "", texts[""])))


def entries(column: str) -> Iterator[Any]:
    """Read what stands in a column, each text once."""
    texts = {row[column] for rows in _texts().values() for row in rows}
    return map(_READ[column], texts)


@cache
def composites() -> Mapping[str, tuple[Part, ...]]:
    """Parts of every composite model type that hold a rotary embedding."""
    parts: dict[str, tuple[Part, ...]] = {}
    for row in table("composites.csv"):
        part = Part(
            tuple(row["part"].split(".")),
            row["part_model_type"],
            row["at_top"] == "yes",
        )
        parts[row["model_type"]] = (*parts.get(row["model_type"], ()), part)
    return MappingProxyType(parts)


@cache
def without_rotary() -> Mapping[str, tuple[str, ...]]:
    """Model types of transformers without rotary code.

    The values are keys of parts that may be of any type.
    """
    rows = table("no_rotary.csv")
    return MappingProxyType({row["model_type"]: _keys(row["parts"]) for row in rows})


# Of some hundred rows one or two are needed: the others stay text.
@cache
def _texts() -> Mapping[str, list[dict[str, str]]]:
    texts: dict[str, list[dict[str, str]]] = {}
    for row in table("models.csv"):
        texts.setdefault(row["model_type"], []).append(row)
    empty = dict.fromkeys(texts[""][0], "")
    for name in without_rotary():
        texts.setdefault(name, [empty | {"model_type": name, "layers": "none"}])
    return texts


def table(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a file of data/."""
    # Not importlib.resources: it would double the time of importing the package.
    path = os.path.join(os.path.dirname(__file__), os.pardir, "data", name)
    with open(path, encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _pairs(text: str) -> dict[str, str]:
    """Split ``a=b c=d``."""
    return {k: v for k, _, v in (item.partition("=") for item in text.split())}


def _keys(text: str) -> tuple[str, ...]:
    """Split ``a|b``; ``-`` stands for none."""
    return () if text in ("", "-") else tuple(text.split("|"))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _yes(text: str) -> bool:
    return text == "yes"


def _sizes(text: str) -> dict[str, int]:
    return {k: int(v) for k, v in _pairs(text).items()}


def _aliases(text: str) -> dict[str, tuple[str, ...]]:
    return {k: tuple(v.split(",")) for k, v in _pairs(text).items()}


def _object(text: str) -> Any:
    return json.loads(text or "{}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How the columns are read that hold more than a word.
_READ: Mapping[str, Callable[[str], Any]] = {
    "theta": _number,
    "theta_v4": _number,
    "theta_keys": _keys,
    "partial": _number,
    "partial_keys": _keys,
    "default_uses_partial": _yes,
    "sizes": _sizes,
    "aliases": _aliases,
    "block": _object,
    "type_words": _pairs,
    "labels": _words,
    "switch": _object,
    "flags": _words,
}


def _model(row: Mapping[str, str]) -> Model:
    values = {name: _READ.get(name, str)(text) for name, text in row.items()}
    if not row["theta_v4"]:
        values["theta_v4"] = values["theta"]
    return Model(**values)
