"""The rotary modules of a transformers model, and what its config means for them.

A module is known by its buffers: `inv_freq`, or one per layer type, `<type>_inv_freq`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from ropeinterp.config import RopeConfig, read
from ropeinterp.spec import RopeSpec
from ropeinterp.torch.embedding import RotaryEmbedding


class Rotary(NamedTuple):
    """A rotary module; its layer types, "" where it has one table, and their specs."""

    name: str
    module: torch.nn.Module
    specs: Mapping[str, RopeSpec | None]


def rotary_modules(model: torch.nn.Module) -> Iterator[Rotary]:
    """Find every rotary module; a spec is None where the config has none for it."""
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}")
    config: Any = getattr(model, "config", None)
    if not hasattr(config, "to_dict"):
        raise TypeError("model has no config with to_dict(), as transformers' have")
    whole = read(config)
    parts = {part.model_type: part for part in (whole, *whole.parts.values())}
    for name, module in model.named_modules(remove_duplicate=False):
        layers = layer_types(module)
        if layers:
            own = getattr(getattr(module, "config", None), "model_type", None)
            meant = parts.get(own, whole)
            yield Rotary(name, module, {layer: _spec(meant, layer) for layer in layers})


def layer_types(module: torch.nn.Module) -> list[str]:
    """Layer types that a module has tables for; none if it is no rotary module."""
    if isinstance(module, RotaryEmbedding):
        return list(module.specs)
    names = [name for name, _ in module.named_buffers(recurse=False)]
    return [
        name.removesuffix("inv_freq").removesuffix("_")
        for name in names
        if name.endswith("inv_freq") and not name.endswith("original_inv_freq")
    ]


def attribute(layer: str, name: str) -> str:
    """Return the name of an attribute that a module has per layer type."""
    return f"{layer}_{name}" if layer else name


def _spec(config: RopeConfig, layer: str) -> RopeSpec | None:
    if layer:
        return config.layers.get(layer)
    specs = [spec for spec in config.layers.values() if spec is not None]
    return specs[0] if len(specs) == 1 else None
