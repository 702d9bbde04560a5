"""The same functions through torch.compile, once for every shape."""

import torch

from peers import transformers_eager
from peers.transformers_eager import to_numpy

__all__ = ["rotations", "to_numpy"]


def rotations(case):
    torch.compiler.reset()
    yield from transformers_eager.rotations(case, torch.compile(dynamic=False))
