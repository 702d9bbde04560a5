"""What rules of several files ask: the keys of rope dicts, and an example of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ropeinterp.checks.target import Layer, Target
from ropeinterp.config.json_source import below
from ropeinterp.schemes import SCHEMES, Key
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY

# Rope dict of examples.
YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 8192,
}
# Keys that only a scaled embedding has.
SCALING = frozenset(key.name for s in SCHEMES.values() for key in s.keys) - {
    "partial_rotary_factor"
}
# Keys that any rope dict may have, and those at the top level.
_ANYWHERE = (
    Key("rope_theta", "base"),
    Key("partial_rotary_factor", "partial_rotary_factor", nullable=True),
)
_TOP = (
    Key(LENGTH_KEY, "length", "length", nullable=True),
    Key(ORIGINAL_KEY, "trained_length", "length", nullable=True),
    Key("hidden_size", "size", "length", nullable=True),
    Key("num_attention_heads", "size", "length", nullable=True),
    Key("head_dim", "size", "length", nullable=True),
    Key("qk_rope_head_dim", "size", "length", nullable=True),
    Key("rope_theta", "base", nullable=True),
    Key("partial_rotary_factor", "partial_rotary_factor", nullable=True),
)


def scales(block: Mapping[str, Any]) -> list[str]:
    """Keys of a rope dict that have no meaning without a type."""
    return [key for key in block if key in SCALING and block[key] is not None]


def is_parameters(target: Target) -> bool:
    """Whether a file has the keys of a parameter file, and no model type."""
    named = target.top and target.located.model_type is not None
    form = {"hidden_size", "num_attention_heads"} & target.keys.keys()
    own = {"n_heads", "n_head"} & target.keys.keys()
    return target.top and not named and not form and bool(own)


def keys_of(target: Target) -> Iterator[tuple[Layer | None, Key, str, Any]]:
    """Every key with a kind that is present: whose dict, the row, path, value."""
    for key in (*_TOP, *_of_rows(target)):
        found = target.reading.named(key.name)
        if found is not None and target.rotary:
            yield None, key, found.path, found.value
    for layer in target.given():
        own = layer.traits.keys if layer.traits else ()
        for key in {k.name: k for k in (*_ANYWHERE, *own)}.values():
            if key.name in layer.rope.block:
                path = below(layer.rope.path, key.name)
                yield layer, key, path, layer.rope.block[key.name]


def _of_rows(target: Target) -> Iterator[Key]:
    """Keys under which this model type alone has its base and its share."""
    known = {key.name for key in _TOP}
    for row in target.reading.rows:
        own = [Key(k, "base", nullable=True) for k in row.theta_keys]
        for name in row.partial_keys:
            stem, channels, _ = name.partition("/")
            kind = "length" if channels else "number"
            field = "size" if channels else "partial_rotary_factor"
            own.append(Key(stem, field, kind, nullable=True))
        for key in own:
            if key.name not in known:
                known.add(key.name)
                yield key
