"""apply(): which way a tensor is rotated."""

from __future__ import annotations

import operator
from typing import Any

import torch
from numpy.typing import ArrayLike

from ropeinterp.arrays import rotate as kernels
from ropeinterp.arrays import small_calls
from ropeinterp.rotation import Rotation
from ropeinterp.spec import RopeSpec
from ropeinterp.torch import composed, operators
from ropeinterp.torch.tensors import (
    array_of,
    check_out,
    check_x,
    is_private,
    is_recorded,
    is_transformed,
    is_watched,
    memory_of,
    position_array,
    position_tensor,
    tensor_of,
)

# Elements of an x below which a new result is torch's memory.
_FEW = 2**18


def apply(
    x: torch.Tensor,
    positions: ArrayLike | None,
    spec: RopeSpec,
    *,
    seq_axis: int = -2,
    seq_len: int | None = None,
    inverse: bool = False,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rotate a tensor; gradients, compilers and exporters follow.

    On the CPU the kernels of NumPy arrays run on the tensor's own memory. Elsewhere
    torch's operations rotate by exact tables, and x stays where it is.

    Parameters
    ----------
    x : torch.Tensor of float16, bfloat16, float32 or float64, shape (..., head_dim)
        Queries or keys; the last axis holds the channels of one head.
    positions : torch.Tensor or array_like of int or float64, or None
        As for :meth:`ropeinterp.RopeSpec.apply`; None counts 0, 1, 2, ... In compiled
        functions a tensor or None.
    spec : RopeSpec
        What rotates; compiled functions are specialised to it.
    seq_axis : int, optional
        Axis of `x` along which the sequence runs.
    seq_len : int, optional
        Largest position + 1; needed where the frequencies depend on it.
    inverse : bool, optional
        Rotate by the negative angles.
    out : torch.Tensor, optional
        Where to write; `x` itself rotates in place. Not where a gradient is recorded.

    Returns
    -------
    torch.Tensor
        Of the shape, dtype and device of `x`, with the bits of `spec.apply`.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If an argument is of a wrong type, shape, range or device, or a gradient would
        be lost; nothing is written then.

    Examples
    --------
    >>> import ropeinterp as ri
    >>> q = torch.ones(1, 2, 3, 4, dtype=torch.bfloat16)
    >>> apply(q, None, ri.RopeSpec.default(4))[0, 0, 1]
    tensor([-0.3008,  0.9883,  1.3828,  1.0078], dtype=torch.bfloat16)
    """
    done = _by_small_call(x, positions, spec, seq_axis, seq_len, inverse, out)
    if done is not None:
        return done
    check_x(x)
    if not isinstance(spec, RopeSpec):
        raise TypeError(f"spec must be a RopeSpec, not {type(spec).__name__}")
    compiling = torch.compiler.is_compiling()
    if compiling and seq_len is not None:
        seq_len = operator.index(seq_len)  # a constant, not a symbol
    if inverse:
        kernels.check_turns(spec.splits_pairs, "inverse")
    transformed = not compiling and is_transformed(x)  # compilers meet none of them
    followed = transformed or is_recorded(x)
    if out is not None:
        check_out(out, x, followed)
    if x.is_cpu and not (compiling or followed or is_watched(x)):
        rotation = spec.rotation(seq_len)
        return _by_kernel(x, positions, rotation, seq_axis, inverse, out)
    job = x, positions, spec, seq_len, seq_axis, inverse
    # Split pairs are no rotation: backwards is none either, so autograd does it.
    if x.is_cpu and not (transformed or (followed and spec.splits_pairs)):
        return _by_operator(*job, out)
    turned = composed.rotate(*job)
    return turned if out is None else out.copy_(turned)


def _by_operator(
    x: torch.Tensor,
    positions: ArrayLike | None,
    spec: RopeSpec,
    seq_len: int | None,
    seq_axis: int,
    inverse: bool,
    out: torch.Tensor | None,
) -> torch.Tensor:
    p = None if positions is None else position_tensor(positions)
    job = x, p, *operators.numbers(spec, seq_len), seq_axis, inverse
    if out is None:
        return operators.rotate(*job)
    operators.rotate_into(*job, out)
    return out


def _by_kernel(
    x: torch.Tensor,
    positions: ArrayLike | None,
    rotation: Rotation,
    seq_axis: int,
    inverse: bool,
    out: torch.Tensor | None,
) -> torch.Tensor:
    """Without the dispatcher; a new result is NumPy's memory, which has huge pages."""
    array = array_of(x)
    result = kernels.apply(
        rotation,
        array,
        position_array(positions),
        seq_axis=seq_axis,
        out=None if out is None else array if out is x else array_of(out, "out"),
        inverse=inverse,
    )
    if out is None:
        return tensor_of(result, x.dtype)
    torch.autograd.graph.increment_version(out)
    return out


def _by_small_call(
    x: torch.Tensor,
    positions: Any,
    spec: RopeSpec,
    seq_axis: int,
    seq_len: int | None,
    inverse: bool,
    out: torch.Tensor | None,
) -> torch.Tensor | None:
    """Rotate a few tokens in one call of C; None if it takes more, or is wrong."""
    if torch.compiler.is_compiling() or not isinstance(spec, RopeSpec):
        return None
    source, p = memory_of(x), memory_of(positions)
    if source is None or p is None or x.numel() > _FEW or not is_private(x):
        return None
    if positions.requires_grad or (out is not None and is_recorded(out)):
        return None
    if inverse and spec.splits_pairs:
        return None
    result = torch.empty_like(x) if out is None else out
    to = source if out is x else memory_of(result)
    if to is None:
        return None
    rotation = spec.rotation(seq_len)
    if not small_calls.rotated_memory(rotation, source, p, seq_axis, inverse, to):
        return None
    if out is not None:
        torch.autograd.graph.increment_version(out)
    return result
