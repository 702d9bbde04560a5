"""Write ropeinterp/data/no_rotary.csv: model types of transformers without rotary code.

    python follow/no_rotary.py [--write]

Run it in an environment with transformers and torch, once per version, the oldest
first: `since` is the version in which a type was first seen. A type is listed where
none of the code that its models can reach, by the syntax trees of its folder, names a
rotary embedding, or where that code is there, no key speaks of it, and no model that
could be built has such a module. Parts of classes of their own must have none either;
`parts` names the keys of those that may be of any type.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_MAPPING

TYPES = sorted(CONFIG_MAPPING)
LIST = Path(__file__).parent.parent / "ropeinterp/data/no_rotary.csv"
HEADER = ("model_type", "parts", "since")
# RoPE, rope_theta, Rotary, freqs_cis; not inv_freq, which sinusoids have, too, nor the
# width of MLA, which classes without rotation have.
ROTARY = re.compile(
    r"[Rr]otary|freqs_cis|(^|_)rope(?!_head_dim)(_|s|$|[A-Z])|Rope[A-Z]|RoPE",
)
NOT_ROTARY = re.compile(r"qk_rope_head_dim|q_rope|k_rope|position_bias")


def is_rotary(name: str) -> bool:
    """Whether a name of a class, a function or a value speaks of rotation."""
    return bool(ROTARY.search(NOT_ROTARY.sub("", name)))


class Names(ast.NodeVisitor):
    """Names that a piece of code mentions, docstrings and comments left out."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.found.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.found.add(node.attr)
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self.found.add(node.arg)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.found.add(node.name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.found.add(node.name)
        self.generic_visit(node)


@cache
def definitions(folder: Path) -> dict[str, set[str]]:
    """For each class or function of a folder's modelling code the names it mentions."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.glob("modeling_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                names = Names()
                names.visit(node)
                found[node.name] = names.found
    return found


def reachable(folder: Path, config: str) -> set[str]:
    """Every name that classes with this config can come to."""
    known = definitions(folder)
    queue = [name for name, names in known.items() if config in names]
    seen, names = set(), set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        names |= known[name] | {name}
        queue += [n for n in known[name] if n in known]
    return names


def classes_of(config: type) -> Iterator[type]:
    """Every class of a folder's modelling code that is built from this config alone."""
    folder = Path(inspect.getfile(config)).parent
    for path in sorted(folder.glob("modeling_*.py")):
        name = f"transformers.models.{folder.name}.{path.stem}"
        for cls in vars(importlib.import_module(name)).values():
            if not inspect.isclass(cls) or not issubclass(cls, torch.nn.Module):
                continue
            if issubclass(cls, PreTrainedModel):
                if cls.config_class is config and "PreTrained" not in cls.__name__:
                    yield cls
                continue
            arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
            if arguments and arguments[0].annotation in (config, config.__name__):
                yield cls


def lives(cls: type) -> set[bool]:
    """Whether its models have rotary modules; empty where none could be built."""
    built = set()
    if cls in MODEL_MAPPING:
        models = MODEL_MAPPING[cls]
        candidates = [*models] if isinstance(models, tuple) else [models]
    else:
        candidates = [*classes_of(cls)]
    for model in candidates:
        try:
            with torch.device("meta"):
                modules = [type(m).__name__ for m in model(cls()).modules()]
        except Exception:
            continue
        built.add(any(map(is_rotary, modules)))
    return built


def has_keys(cls: type) -> bool:
    """Whether its configs have a key about rotation, or about the kind of positions."""
    try:
        keys = {*cls().to_dict()}
    except Exception:
        keys = {*inspect.signature(cls.__init__).parameters}
    kinds = ("position_embedding_type", "position_embeddings_type")
    return any(is_rotary(key) or key in kinds for key in keys)


def own_code_has_none(cls: type) -> bool:
    """Whether nothing rotates in what a model of this config builds itself."""
    names = reachable(Path(inspect.getfile(cls)).parent, cls.__name__)
    named = any(map(is_rotary, names))
    if named and has_keys(cls):
        return False
    built = lives(cls)
    # Code can be there and not be used, or serve another class beside this one; a
    # class whose code stands elsewhere must at least have no key.
    if named:
        return built == {False}
    return True not in built and (bool(names) or not has_keys(cls))


def free_parts(model_type: str, above: tuple[str, ...] = ()) -> list[str] | None:
    """Keys of the parts that may be of any type; None where something rotates."""
    cls = CONFIG_MAPPING[model_type]
    free = []
    for key, part in getattr(cls, "sub_configs", {}).items():
        kind = getattr(part, "model_type", "")
        if part is AutoConfig:
            free.append(key)
            continue
        own = kind in TYPES and kind not in (model_type, *above)
        if own and free_parts(kind, (*above, model_type)) is None:
            return None
    composed = bool(getattr(cls, "sub_configs", {})) and not definitions(
        Path(inspect.getfile(cls)).parent
    )
    return free if composed or own_code_has_none(cls) else None


def listed() -> Iterator[tuple[str, str]]:
    """Model types without rotation, and the keys of parts that may have one."""
    for model_type in TYPES:
        free = free_parts(model_type)
        if free is not None:
            yield model_type, "|".join(free)


def main() -> None:
    """Print the list, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="change the file")
    write = parser.parse_args().write
    rows: dict[str, dict[str, str]] = {}
    if LIST.exists():
        with LIST.open(encoding="utf-8", newline="") as file:
            rows = {row["model_type"]: row for row in csv.DictReader(file)}
    for model_type, free in listed():
        since = rows.get(model_type, {}).get("since", transformers.__version__)
        rows[model_type] = {"model_type": model_type, "parts": free, "since": since}
    with LIST.open("w", encoding="utf-8", newline="") if write else sys.stdout as file:
        table = csv.DictWriter(file, HEADER, lineterminator="\n")
        table.writeheader()
        table.writerows(rows[name] for name in sorted(rows))


if __name__ == "__main__":
    main()
