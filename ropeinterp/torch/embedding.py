"""RotaryEmbedding: exact tables where transformers has a rotary module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from ropeinterp.arrays.arguments import has_axes
from ropeinterp.spec import RopeSpec
from ropeinterp.text import printable
from ropeinterp.torch import operators
from ropeinterp.torch.tensors import position_tensor

# From a column per pair to the columns of a table.
COLUMNS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = MappingProxyType(
    {
        "halves": lambda t: torch.cat((t, t), -1),
        "neighbours": lambda t: t.repeat_interleave(2, -1),
        "pairs": lambda t: t,
    }
)


class RotaryEmbedding(torch.nn.Module):
    """Stand-in for a rotary module of transformers, with exact tables.

    It keeps specs and nothing else: no buffers that a cast of the model would round,
    and nothing that an earlier call has left. Tables are made on the CPU, once per
    call, and moved to where x is.

    Parameters
    ----------
    spec : RopeSpec or mapping of str to RopeSpec
        One for all layers, or one per layer type.
    columns : {"halves", "neighbours", "pairs"}, optional
        Each pair's column twice, as two halves (Llama) or side by side (Cohere), or
        once (gpt-oss).
    dtype : torch.dtype, optional
        Of the tables; by default that of x.

    Examples
    --------
    >>> import ropeinterp as ri
    >>> rotary = RotaryEmbedding(ri.RopeSpec.default(4))
    >>> cos, sin = rotary(torch.ones(1, 3, 8), torch.arange(3)[None])
    >>> cos[0, 1]
    tensor([0.5403, 0.9999, 0.5403, 0.9999])
    """

    def __init__(
        self,
        spec: RopeSpec | Mapping[str, RopeSpec],
        *,
        columns: str = "halves",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        specs = spec if isinstance(spec, Mapping) else {"": spec}
        for name, one in specs.items():
            if not isinstance(one, RopeSpec):
                kind = type(one).__name__
                raise TypeError(
                    f"spec{name and f' {name}'} must be a RopeSpec, not {kind}"
                )
            if one.splits_pairs:
                raise ValueError("spec splits its pairs: its tables have other columns")
        if columns not in COLUMNS:
            names = ", ".join(COLUMNS)
            raise ValueError(f"columns {printable(columns)}: must be one of {names}")
        operators.check_table_type(dtype)
        self.specs, self.columns, self.dtype = dict(specs), columns, dtype
        self._by_length = {name: s.depends_on_length for name, s in specs.items()}

    def forward(
        self,
        x: torch.Tensor,
        position_ids: torch.Tensor,
        layer_type: str | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines for the positions of a batch.

        Parameters
        ----------
        x : torch.Tensor
            Tells dtype and device.
        position_ids : torch.Tensor of int or float64, shape (batch, seq)
            With a leading axis for specs with several axes of positions.
        layer_type : str, optional
            Which spec, where there is one per layer type.

        Returns
        -------
        cos, sin : torch.Tensor, shape (batch, seq, columns)
            Frequencies that depend on the length take the largest position of this
            call + 1 for it, as a module does that has not been called before.
        """
        name = "" if "" in self.specs else layer_type
        if name not in self.specs:
            names = ", ".join(self.specs)
            raise ValueError(f"layer_type {printable(name)}: must be one of {names}")
        spec, p = self.specs[name], position_tensor(position_ids)
        if spec.axis_map is not None and p.ndim == 2:  # of text: the same on every axis
            p = p.expand(spec.n_axes, *p.shape)
        with_axes = has_axes(p, spec.axis_map)
        seq_len = _length(p) if self._by_length[name] else None
        numbers = operators.numbers(spec, seq_len)
        kind = self.dtype or operators.check_table_type(x.dtype)
        cos, sin = operators.tables(p, *numbers, with_axes, kind)
        widen = COLUMNS[self.columns]
        return widen(cos).to(x.device), widen(sin).to(x.device)

    def extra_repr(self) -> str:
        """Schemes by layer type, for print(model)."""
        schemes = (f"{name}={s.scheme}".strip("=") for name, s in self.specs.items())
        return ", ".join((*schemes, f"columns={self.columns}"))


def _length(p: torch.Tensor) -> int:
    return max(int(p.max()) + 1, 1) if p.numel() else 1
