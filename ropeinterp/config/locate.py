"""Where the models of a config stand: one model, or the parts of a composite one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ropeinterp.config.json_source import below
from ropeinterp.config.models import (
    Model,
    Part,
    composites,
    model_types,
    rows_of,
    without_rotary,
)
from ropeinterp.config.names import speaks_of_rotation
from ropeinterp.config.result import Note
from ropeinterp.errors import ConfigError
from ropeinterp.text import printable

# DeepseekV3ForCausalLM is a class of deepseek_v3, LlamaModel one of llama.
_CLASS_SUFFIX = re.compile(r"(For[A-Z]\w*|LMHeadModel|Model)$")
TEXT_PARTS = ("text_config", "llm_config", "language_config")


class Located(NamedTuple):
    """One model in a config, or the parts that make one.

    Parameters
    ----------
    keys : mapping
        The config, or the part of one; empty where a part is missing.
    path : str
        Where it stands in the file.
    model_type : str or None
        As the file names it, or as the type that contains it says.
    notes : list of Note
        What had to be said to find it.
    parts : mapping of str to Located
        Parts of a composite model by their path; empty for one model.
    whole : bool
        Whether it is a model itself beside its parts.
    read_as : str
        Model type that the architectures of an unknown one name; empty for its own.
    """

    keys: Mapping[str, Any]
    path: str
    model_type: str | None
    notes: list[Note]
    parts: Mapping[str, Located] = MappingProxyType({})
    whole: bool = False
    read_as: str = ""

    def models(self) -> Iterator[Located]:
        """All models in it."""
        if not self.parts or self.whole:
            yield self._replace(parts={})
        for part in self.parts.values():
            yield from part.models()


def locate(
    keys: Mapping[str, Any], path: str, notes: list[Note], named: str = ""
) -> Located:
    """Find the models in a config.

    Parameters
    ----------
    keys : mapping
        The config.
    path : str
        Where it stands in the file.
    notes : list of Note
        What is known of it already.
    named : str, optional
        The type of a part that names none.

    Returns
    -------
    Located

    Raises
    ------
    ConfigError
        If a model type is no string, or a part no object.
    """
    stated = keys.get("model_type")
    if stated is not None and not isinstance(stated, str):
        raise ConfigError(below(path, "model_type"), stated, "must be a string", "type")
    model_type = stated or named or None
    if model_type is not None and model_type in composites() and not named:
        parts = {
            ".".join(part.path): _locate_part(keys, path, part)
            for part in composites()[model_type]
        }
        whole = rows_of(model_type)[0].layers not in ("none", "refused")
        whole = whole and model_type in model_types()
        return Located(keys, path, model_type, notes, parts, whole)
    free = without_rotary().get(model_type or "", ())
    chosen = {key: keys[key] for key in free if isinstance(keys.get(key), dict)}
    parts = {k: locate(v, below(path, k), []) for k, v in chosen.items()}
    parts = {key: part for key, part in parts.items() if _rotates(part)}
    if parts and rows_of(model_type)[0].layers == "none":
        return Located(keys, path, model_type, notes, parts)
    if named and (model_type not in model_types() or model_type in composites()):
        # qwen2_vl in a vision_config means its vision part.
        if model_type not in composites():
            message = f"{printable(model_type)} is unknown: read as {named}"
            notes.append(Note(below(path, "model_type"), message))
        model_type = named
    if model_type not in model_types() and "hidden_size" not in keys:
        for key in TEXT_PARTS:
            if isinstance(keys.get(key), dict):
                at = below(path, "model_type")
                message = f"is unknown: {key} is read as its text part"
                part = locate(keys[key], below(path, key), [])
                notes.append(Note(at, message))
                return Located(keys, path, model_type, notes, {key: part})
    read_as = "" if model_type in model_types() else _by_architecture(keys)
    if read_as:
        message = f"is unknown: read as {read_as}, which architectures name"
        notes.append(Note(below(path, "model_type"), message))
    return Located(keys, path, model_type, notes, read_as=read_as)


def _by_architecture(keys: Mapping[str, Any]) -> str:
    """Rotary model type whose class the config names; empty if there is none."""
    named = keys.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    if not isinstance(first, str):
        return ""
    word = _CLASS_SUFFIX.sub("", first).lower()
    for name in model_types():
        if name and name.replace("_", "").replace("-", "") == word:
            row = rows_of(name)[0]
            rotates = row.layers not in ("none", "refused")
            # Names of a schema that the class does not read: the code is another one.
            others = _names_read(rows_of(None)[0]) - _names_read(row)
            return name if rotates and not others & keys.keys() else ""
    return ""


def _names_read(row: Model) -> set[str]:
    """Top-level keys that a row takes beside the sizes of every config."""
    keys = {key.partition("/")[0] for key in (*row.theta_keys, *row.partial_keys)}
    return keys.union(*row.aliases.values())


def _rotates(part: Located) -> bool:
    """Whether a part that may be of any type has, or speaks of, a rotary embedding."""
    return any(
        rows_of(model.model_type)[0].layers != "none"
        if model.model_type in model_types()
        else any(map(speaks_of_rotation, model.keys))
        for model in part.models()
    )


def _locate_part(keys: Mapping[str, Any], path: str, part: Part) -> Located:
    """Find the dict of a part; where it is missing, the class defaults count."""
    found: Any = keys
    at = path
    for key in part.path:
        at = below(at, key)
        found = found.get(key)
        if found is None:
            break
        if not isinstance(found, dict):
            raise ConfigError(at, found, "must be an object", "type")
    if found is None and part.at_top and {"hidden_size", "rope_theta"} & keys.keys():
        note = Note(at, "is missing: its keys stand at the top level")
        at_top = {k: v for k, v in keys.items() if k != "model_type"}
        return locate(at_top, path, [note], part.model_type)
    if found is None:
        note = Note(at, f"is missing: class defaults of {part.model_type}")
        return locate({}, at, [note], part.model_type)
    return locate(found, at, [], part.model_type)
