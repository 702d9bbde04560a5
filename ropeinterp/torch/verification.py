"""verify(): do the rotary modules of a live model hold what its config means?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ropeinterp.schemes import SCHEMES
from ropeinterp.spec import RopeSpec
from ropeinterp.torch.embedding import RotaryEmbedding
from ropeinterp.torch.faults import (
    TOLERANCE,
    Case,
    deviating,
    kind_of,
    scaling_kind_of,
)
from ropeinterp.torch.modules import Rotary, attribute, rotary_modules
from ropeinterp.torch.tensors import missing_bytes


@dataclass(frozen=True)
class Deviation:
    """One table or factor that is not what the config means.

    Attributes
    ----------
    module : str
        Name of the module in the model; empty where the model as a whole is meant.
    layer_type : str
        Empty where the module has one table for all layers.
    kind : str
        Of a table "meta", "freed", "width" or a row of
        :mod:`ropeinterp.torch.faults`; of an attention factor "attention_scaling",
        "attention_scaling_missing" or "attention_scaling_twice"; of a patched module
        "other_spec".
    pairs : tuple of int
        Pairs of channels that are off.
    max_relative_error : float
        Largest of them, of a frequency or of the attention factor; infinite where
        there are no values to compare.
    message : str
        Which attribute, and what it looks like.
    """

    module: str
    layer_type: str
    kind: str
    pairs: tuple[int, ...]
    max_relative_error: float
    message: str


@dataclass(frozen=True)
class Report:
    """What :func:`verify` has found; prints as a table.

    Attributes
    ----------
    deviations : tuple of Deviation
    checked : tuple of str
        Names of the modules that were compared.
    unchecked : tuple of str
        Names of rotary modules that could not be, or of none, with the reason.
    """

    deviations: tuple[Deviation, ...]
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing deviates."""
        return not self.deviations

    def __str__(self) -> str:
        n = len(self.deviations)
        verdict = f"{n} deviation" + "s" * (n > 1) if n else "ok"
        lines = [f"{verdict}; checked: {', '.join(self.checked) or 'nothing'}"]
        lines += [f"not checked: {line}" for line in self.unchecked]
        rows = [("module", "layer type", "kind", "pairs", "off by")]
        rows += [
            (
                d.module,
                d.layer_type,
                d.kind,
                _ranges(d.pairs),
                f"{d.max_relative_error:.1e}",
            )
            for d in self.deviations
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row, d in zip(rows, (None, *self.deviations), strict=True):
            cells = (f"{cell:{w}}" for cell, w in zip(row, widths, strict=True))
            lines.append("  ".join(cells).rstrip())
            if d:
                lines.append(textwrap.indent(textwrap.fill(d.message, 84), "    "))
        return "\n".join(lines if self.deviations else lines[:-1])


def verify(model: torch.nn.Module) -> Report:
    """Compare the rotary modules of a live model with what its config means.

    Parameters
    ----------
    model : torch.nn.Module
        A model of transformers, loaded, cast, moved or patched.

    Returns
    -------
    Report
        Frequencies (those of now, the original ones and the long ones) and attention
        factors that differ by more than rounding to float32.

    Raises
    ------
    ConfigError
        If the config cannot be read.
    """
    deviations: list[Deviation] = []
    checked, unchecked = [], []
    for rotary in rotary_modules(model):
        for layer, spec in rotary.specs.items():
            where = f"{rotary.name} {layer}".strip()
            if spec is None:
                unchecked.append(f"{where}: the config has no spec, or several, for it")
            elif spec.frequency_map is not None:
                unchecked.append(f"{where}: its pairs share frequencies")
            else:
                checked.append(where)
                deviations += _deviations(rotary, layer, spec)
    if not checked and not unchecked:
        unchecked.append("no module of the model holds tables of frequencies")
    return Report(tuple(deviations), tuple(checked), tuple(unchecked))


def _deviations(rotary: Rotary, layer: str, spec: RopeSpec) -> Iterator[Deviation]:
    name, module, specs = rotary
    if isinstance(module, RotaryEmbedding):
        if module.specs[layer] != spec:
            pairs = tuple(range(spec.rotary_dim // 2))
            message = "the config means another spec than the one that was patched in"
            yield Deviation(name, layer, "other_spec", pairs, np.inf, message)
        return
    others = [s for key, s in specs.items() if s is not None and key != layer]
    tables = _moments(module, layer, spec)
    for what, moments in tables.items():
        attr = attribute(layer, what)
        lengths = [m for ms in tables.values() for m in ms if m not in moments]
        if getattr(module, attr, None) is not None:
            found = _compared(getattr(module, attr), moments, others, lengths)
            if found:
                kind, pairs, error, message = found
                yield Deviation(name, layer, kind, pairs, error, f"{attr} {message}")
    yield from _scaling(rotary, layer, tables["inv_freq"])


def _scaling(
    rotary: Rotary, layer: str, moments: list[RopeSpec]
) -> Iterator[Deviation]:
    attr = attribute(layer, "attention_scaling")
    live = float(getattr(rotary.module, attr, 1.0))
    off = [abs(live / moment.attention_scaling - 1) for moment in moments]
    if not any(error <= TOLERANCE for error in off):
        kind, message = scaling_kind_of(live, moments[0].attention_scaling)
        every = tuple(range(moments[0].rotary_dim // 2))
        yield Deviation(rotary.name, layer, kind, every, off[0], f"{attr} {message}")


def _moments(
    module: torch.nn.Module, layer: str, spec: RopeSpec
) -> dict[str, list[RopeSpec]]:
    """For each table the specs that it may follow: lengths come and go."""
    if not spec.depends_on_length:
        return {"inv_freq": [spec], "original_inv_freq": [spec]}
    assert spec.trained_length is not None
    short, long = spec.at(spec.trained_length), spec.at(spec.trained_length + 1)
    if SCHEMES[spec.scheme].grows:  # grown to the longest sequence so far
        name = attribute(layer, "max_seq_len_cached")
        grown = getattr(module, name, getattr(module, "max_seq_len_cached", 1))
        return {"inv_freq": [short, spec.at(int(grown))], "original_inv_freq": [short]}
    return {
        "inv_freq": [short, long],
        "original_inv_freq": [short],
        "long_inv_freq": [long],
    }


def _compared(
    table: torch.Tensor,
    moments: list[RopeSpec],
    others: list[RopeSpec],
    lengths: list[RopeSpec],
) -> tuple[str, tuple[int, ...], float, str] | None:
    """Kind, pairs, size and description of what is off; None if nothing is."""
    every = tuple(range(moments[0].rotary_dim // 2))
    if table.is_meta:
        return "meta", every, np.inf, "is on the meta device: it has no values"
    if missing_bytes(table) > 0:
        message = "has a storage that was freed or shrunk: its values are gone"
        return "freed", every, np.inf, message
    live: NDArray[np.float64] = table.detach().double().cpu().numpy()
    if live.shape != (len(every),):
        message = f"has {live.size} frequencies, but the config means {len(every)}"
        return "width", every, np.inf, message
    nearest = min(moments, key=lambda m: deviating(live, m.inv_freq())[1])
    pairs, error = deviating(live, nearest.inv_freq())
    if not pairs.size:
        return None
    kind, message = kind_of(Case(live, nearest, others, lengths))
    return kind, tuple(pairs.tolist()), error, message


def _ranges(pairs: tuple[int, ...]) -> str:
    """Consecutive numbers as ranges: 0-3, 7."""
    starts = [k for k in pairs if k - 1 not in pairs]
    ends = [k for k in pairs if k + 1 not in pairs]
    return ", ".join(
        f"{a}-{b}" if a < b else str(a) for a, b in zip(starts, ends, strict=True)
    )
