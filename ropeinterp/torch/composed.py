"""Rotations made of torch's own operations, by exact tables: for accelerators.

Autograd, compilers and transforms see through them. The arithmetic is that of the
kernels: float32 inside for the short types, a rounding per product and per sum.
"""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from ropeinterp.arrays.arguments import aligned_positions, has_axes, sequence_axis
from ropeinterp.arrays.jobs import check_channels
from ropeinterp.layouts import LAYOUTS
from ropeinterp.spec import RopeSpec
from ropeinterp.torch import operators
from ropeinterp.torch.tensors import position_tensor


def rotate(
    x: torch.Tensor,
    positions: ArrayLike | None,
    spec: RopeSpec,
    seq_len: int | None,
    seq_axis: int,
    inverse: bool,
) -> torch.Tensor:
    """Rotate x on its device; the tables are made once, on the CPU, and moved there."""
    layout, first = LAYOUTS[spec.layout], spec.rotary_offset
    last = first + spec.rotary_dim
    check_channels(layout, first, spec.rotary_dim, x.shape)
    work = torch.float64 if x.dtype is torch.float64 else torch.float32
    cos, sin = _tables(x, positions, spec, seq_len, seq_axis, inverse, work)
    turned = _turned(x[..., first:last].to(work), cos, sin, spec).to(x.dtype)
    if turned.shape == x.shape:
        return turned
    return torch.cat((x[..., :first], turned, x[..., last:]), -1)


def _tables(
    x: torch.Tensor,
    positions: ArrayLike | None,
    spec: RopeSpec,
    seq_len: int | None,
    seq_axis: int,
    inverse: bool,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines with the leading axes of x, some of length 1."""
    if positions is None:
        p = torch.arange(x.shape[sequence_axis(seq_axis, x.ndim)])
    else:
        p = position_tensor(positions)
    with_axes = has_axes(p, spec.axis_map)
    p = aligned_positions(p, x.shape, seq_axis, with_axes)
    cos, sin = operators.tables(p, *operators.numbers(spec, seq_len), with_axes, dtype)
    sign = -LAYOUTS[spec.layout].sign if inverse else LAYOUTS[spec.layout].sign
    return cos.to(x.device), (sin * sign).to(x.device)


def _turned(
    x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, spec: RopeSpec
) -> torch.Tensor:
    """Rotate a slice of whole pairs; its blocks become an axis of their own."""
    layout = LAYOUTS[spec.layout]
    blocks, pairs = layout.blocks, spec.rotary_dim // 2 // layout.blocks
    neighbours = layout.kernel.neighbours
    shape = (blocks, pairs, 2) if neighbours else (blocks, 2, pairs)
    a, b = x.unflatten(-1, shape).unbind(-1 if neighbours else -2)
    # A split pair has a row of cosines for each of its halves, any other one for both.
    rows = 2 if spec.splits_pairs else 1
    cosines = cos.unflatten(-1, (rows, blocks, pairs)).unbind(-3) * (3 - rows)
    sines = sin.unflatten(-1, (rows, blocks, pairs)).unbind(-3) * (3 - rows)
    halves = a * cosines[0] - b * sines[0], b * cosines[1] + a * sines[1]
    side = -1 if layout.result == "interleaved" else -2
    return torch.stack(halves, side).flatten(-3)
