"""What tensor arguments may be, and their memory as arrays; nothing is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.autograd import forward_ad

from ropeinterp.arrays.arguments import checked_positions
from ropeinterp.arrays.small_calls import Memory

_FLOATS = frozenset((torch.float16, torch.bfloat16, torch.float32, torch.float64))
_INTEGERS = frozenset(
    (
        torch.int8, torch.int16, torch.int32, torch.int64,
        torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    )
)  # fmt: skip

_ORDINARY = (torch.Tensor, torch.nn.Parameter)
# What a small call takes; bfloat16 as its bits.
_NUMBERS = {
    torch.float16: np.dtype(np.float16).num,
    torch.bfloat16: np.dtype(np.uint16).num,
    torch.float32: np.dtype(np.float32).num,
    torch.float64: np.dtype(np.float64).num,
    torch.int64: np.dtype(np.int64).num,
}
_STRIDED = torch.strided
# torch has no public names for these two questions.
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_watchers = torch._C._len_torch_dispatch_stack


def check_tensor(name: str, t: object) -> None:
    """Refuse what is no dense tensor with memory of its own, and say by name why."""
    if not isinstance(t, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, not {type(t).__name__}")
    if t.is_nested or t.layout is not torch.strided:
        kind = "nested" if t.is_nested else str(t.layout).removeprefix("torch.")
        raise TypeError(f"{name} is a {kind} tensor: it must be a dense one")
    if t.is_meta:
        raise TypeError(f"{name} is on the meta device: it has no values")
    if type(t) in _ORDINARY and not (torch.compiler.is_compiling() or _is_wrapped(t)):
        check_storage(name, t)


def check_x(x: object) -> None:
    """Refuse an x that cannot be rotated."""
    check_tensor("x", x)
    assert isinstance(x, torch.Tensor)
    if x.dtype not in _FLOATS:
        integer = x.dtype in _INTEGERS or x.dtype is torch.bool
        hint = ": convert it to a float type" if integer else ""
        raise TypeError(
            f"x is {x.dtype}, not float16, bfloat16, float32 or float64{hint}"
        )


def check_out(out: object, x: torch.Tensor, followed: bool) -> None:
    """Refuse an out that the rotated x cannot be written to."""
    if out is not x:
        check_tensor("out", out)
        assert isinstance(out, torch.Tensor)
        for what in ("dtype", "device", "shape"):
            mine, other = getattr(out, what), getattr(x, what)
            if mine != other:
                error = ValueError if what == "shape" else TypeError
                raise error(f"{what} of out is {mine}, but that of x is {other}")
    if followed or (out is not x and is_recorded(out)):
        raise RuntimeError(
            f"{'x' if followed else 'out'} requires grad, which out= cannot record: "
            "leave out= away, or call under torch.no_grad()"
        )


def is_transformed(t: torch.Tensor) -> bool:
    """Whether torch.func or forward-mode differentiation follows a tensor.

    They see torch's own operations only.
    """
    if _is_wrapped(t):
        return True
    return forward_ad._current_level >= 0 and (
        forward_ad.unpack_dual(t).tangent is not None
    )


def is_recorded(t: torch.Tensor) -> bool:
    """Whether backward() will come by."""
    return t.requires_grad and torch.is_grad_enabled()


def is_watched(t: torch.Tensor) -> bool:
    """Whether a tracer or the maker of a subclass wants to see an operator."""
    return type(t) not in _ORDINARY or _watchers() > 0


def is_private(t: torch.Tensor) -> bool:
    """Whether nobody follows or watches what is done with a tensor."""
    return not (is_transformed(t) or is_recorded(t) or is_watched(t))


def check_positions(positions: torch.Tensor) -> None:
    """Refuse position tensors by what is known without their values."""
    check_tensor("positions", positions)
    if positions.dtype not in _INTEGERS and positions.dtype is not torch.float64:
        short = positions.dtype in _FLOATS
        raise TypeError(
            f"positions must be integers or float64, not {positions.dtype}: "
            + ("it does not hold long positions" if short else "convert them first")
        )
    if positions.requires_grad:
        raise RuntimeError("positions require grad, but no gradient reaches them")


def position_tensor(positions: ArrayLike) -> torch.Tensor:
    """Positions as a tensor on the CPU."""
    if not isinstance(positions, torch.Tensor):
        if torch.compiler.is_compiling():
            raise TypeError("positions must be a tensor or None in compiled functions")
        return torch.from_numpy(checked_positions(positions))
    check_positions(positions)
    return positions.cpu()


def position_array(positions: Any) -> ArrayLike | None:
    """Positions as :meth:`RopeSpec.apply` takes them."""
    if not isinstance(positions, torch.Tensor):
        return positions
    try:  # first, because a check takes as long; what has passed is checked as an array
        array: NDArray[Any] = positions.numpy()
    except (RuntimeError, TypeError):
        check_positions(positions)
        array = positions.cpu().numpy()
    check_storage("positions", positions)
    return array


def memory_of(t: Any) -> Memory | None:
    """Memory of a tensor on the CPU, in half the time of an array.

    None where there is none, or a small call could not take it.
    """
    if type(t) not in _ORDINARY or not t.is_cpu or t.layout is not _STRIDED:
        return None
    if t.is_nested or t.is_neg() or _is_wrapped(t):
        return None
    number = _NUMBERS.get(t.dtype)
    if number is None or missing_bytes(t) > 0:
        return None
    return t.data_ptr(), number, t.shape, t.stride()


def missing_bytes(t: torch.Tensor) -> int:
    """Bytes that a tensor reaches beyond the end of its storage.

    Its shape and strides stay when somebody resizes the storage, as sharded training
    does; what they then reach is freed, or another's.
    """
    last = t.storage_offset()
    for n, stride in zip(t.shape, t.stride(), strict=True):
        if n == 0:
            return 0
        last += (n - 1) * stride
    return int((last + 1) * t.element_size() - t.untyped_storage().nbytes())


def check_storage(name: str, t: torch.Tensor) -> None:
    """Refuse a tensor whose storage does not hold all of it."""
    missing = missing_bytes(t)
    if missing > 0:
        raise ValueError(
            f"{name} of shape {(*t.shape,)} reaches {missing} bytes beyond its storage "
            f"of {t.untyped_storage().nbytes()}, which was freed or shrunk since: "
            "restore it (untyped_storage().resize_()) or pass a tensor with values"
        )


def array_of(t: torch.Tensor, name: str = "x") -> NDArray[Any]:
    """Memory of a tensor on the CPU; bfloat16 as its bits."""
    check_storage(name, t)
    if t.requires_grad:
        t = t.detach()
    array: NDArray[Any] = (
        t.view(torch.uint16) if t.dtype is torch.bfloat16 else t
    ).numpy()
    return array


def tensor_of(array: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    """Tensor on the memory of an array; uint16 holds the bits of bfloat16."""
    t = torch.from_numpy(array)
    return t.view(dtype) if array.dtype.type is np.uint16 else t
