"""PyTorch: rotated tensors, and models of transformers with exact positions."""

try:
    import torch as _  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "ropeinterp.torch needs PyTorch: pip install 'ropeinterp[torch]'"
    ) from error

from ropeinterp.torch.dispatch import apply
from ropeinterp.torch.embedding import RotaryEmbedding
from ropeinterp.torch.patching import patch, unpatch
from ropeinterp.torch.verification import Deviation, Report, verify

__all__ = [
    "Deviation",
    "Report",
    "RotaryEmbedding",
    "apply",
    "patch",
    "unpatch",
    "verify",
]
