"""The operators that autograd, compilers and exporters see.

A spec reaches them as text and numbers. They run on the CPU; what an accelerator
does is made of torch's own operations in :mod:`ropeinterp.torch.composed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ropeinterp.arrays import rotate as kernels
from ropeinterp.arrays.arguments import checked_positions
from ropeinterp.arrays.memory import empty_like
from ropeinterp.arrays.tables import tables_of
from ropeinterp.layouts import LAYOUTS
from ropeinterp.rotation import Rotation
from ropeinterp.spec import RopeSpec
from ropeinterp.torch.tensors import array_of, tensor_of

# The numbers of a spec, in the order of numbers().
_NUMBERS = "str floats, str layout, int rotary_dim, int rotary_offset, int[] axis_map"
_TABLE_TYPES = {
    torch.float64: np.float64,
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: np.uint16,
}


def check_table_type(dtype: torch.dtype | None) -> torch.dtype | None:
    """Return the dtype of tables, or raise."""
    if dtype is not None and dtype not in _TABLE_TYPES:
        raise TypeError(f"dtype {dtype}: must be float16, bfloat16, float32 or float64")
    return dtype


def _floats(spec: RopeSpec, seq_len: int | None) -> str:
    """Text, because that is a constant to every compiler; tensors and floats are not.

    They trace those, guard them, and take their sizes for sizes of x.
    """
    rotation = spec.rotation(seq_len)
    scales = np.array([rotation.scale, rotation.position_scale])
    return (scales.tobytes() + rotation.planes.tobytes()).hex()


# All that torch.compiler.assume_constant_result does after two seconds of imports.
_floats._dynamo_marked_constant = True  # type: ignore[attr-defined]


def numbers(spec: RopeSpec, seq_len: int | None = None) -> tuple[Any, ...]:
    """Return what an operator needs to know of a spec at a length."""
    return (
        _floats(spec, seq_len),
        spec.layout,
        spec.rotary_dim,
        spec.rotary_offset,
        list(spec.axis_map or ()),
    )


def _rotation(
    floats: str, layout: str, dim: int, offset: int, axes: Sequence[int]
) -> Rotation:
    """Return the same as kernels take it."""
    values = np.frombuffer(bytes.fromhex(floats))
    return Rotation(
        values[2:].reshape(-1, dim // 2),
        LAYOUTS[layout],
        float(values[0]),
        float(values[1]),
        offset,
        tuple(axes) or None,
    )


def _run(x: torch.Tensor, positions: torch.Tensor | None, *rest: Any) -> None:
    *given, seq_axis, inverse, out = rest
    kernels.apply(
        _rotation(*given),
        array_of(x),
        None if positions is None else array_of(positions, "positions"),
        seq_axis=seq_axis,
        inverse=inverse,
        out=array_of(out, "out"),
    )


# ---- rotations -------------------------------------------------------------------

_ROTATION = f"Tensor x, Tensor? positions, {_NUMBERS}, int seq_axis, bool inverse"

rotate_into = torch.library.custom_op(
    "ropeinterp::rotate_into",
    _run,
    mutates_args=("out",),
    device_types="cpu",
    schema=f"({_ROTATION}, Tensor(a!) out) -> ()",
)


@torch.library.custom_op(
    "ropeinterp::rotate",
    mutates_args=(),
    device_types="cpu",
    schema=f"({_ROTATION}) -> Tensor",
)
def rotate(x: torch.Tensor, *rest: Any) -> torch.Tensor:
    """Rotate x into a new tensor."""
    # NumPy's memory, which has huge pages, where its strides are sure to be torch's.
    own = x.is_contiguous()
    new = empty_like(array_of(x)) if own else array_of(torch.empty_like(x))
    out = tensor_of(new, x.dtype)
    _run(x, *rest, out)
    return out


@rotate.register_fake
def _(x: torch.Tensor, *rest: Any) -> torch.Tensor:
    return torch.empty_like(x)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    _, positions, *ctx.rest = inputs
    ctx.save_for_backward(positions)


def _backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """Return the rotation backwards: the transpose of s R is s times R inverse."""
    (positions,) = ctx.saved_tensors
    floats, layout, dim, first, *between, inverse = ctx.rest
    if LAYOUTS[layout].result != layout:
        grad, layout = _interleaved(grad, first, dim // 2), "interleaved"
    back = rotate(grad, positions, floats, layout, dim, first, *between, not inverse)
    return back, *[None] * (len(ctx.rest) + 1)


def _interleaved(grad: torch.Tensor, first: int, n: int) -> torch.Tensor:
    """Put the two halves of a rotated slice side by side, pair by pair."""
    a, b = grad[..., first : first + n], grad[..., first + n : first + 2 * n]
    slices = grad[..., :first], torch.stack((a, b), -1).flatten(-2)
    return torch.cat((*slices, grad[..., first + 2 * n :]), -1)


rotate.register_autograd(_backward, setup_context=_remember)


# ---- tables ----------------------------------------------------------------------


@torch.library.custom_op(
    "ropeinterp::tables",
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor positions, {_NUMBERS}, bool with_axes, ScalarType dtype) "
    "-> (Tensor, Tensor)",
)
def tables(positions: torch.Tensor, *rest: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact cosines and sines of positions, attention scaling included."""
    *given, with_axes, dtype = rest
    p, kind = (
        checked_positions(array_of(positions, "positions")),
        np.dtype(_TABLE_TYPES[dtype]),
    )
    cos, sin = tables_of(_rotation(*given), p, with_axes, kind)
    return tensor_of(cos, dtype), tensor_of(sin, dtype)


@tables.register_fake
def _(positions: torch.Tensor, *rest: Any) -> tuple[torch.Tensor, torch.Tensor]:
    *_, dim, _, axis_map, with_axes, dtype = rest
    columns = dim if len(axis_map) == dim else dim // 2
    cos = positions.new_empty((*positions.shape[with_axes:], columns), dtype=dtype)
    return cos, torch.empty_like(cos)
