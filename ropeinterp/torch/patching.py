"""patch() and unpatch(): exact tables in a loaded model of transformers."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch

from ropeinterp.torch.embedding import COLUMNS, RotaryEmbedding
from ropeinterp.torch.modules import Rotary, attribute, rotary_modules


def patch(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Swap exact tables into a model of transformers.

    Parameters
    ----------
    model : torch.nn.Module
        With a config; every rotary module in it is replaced by a
        :class:`RotaryEmbedding` of what the config means.

    Returns
    -------
    dict of str to torch.nn.Module
        Names and modules that were replaced, as :func:`unpatch` takes them.

    Raises
    ------
    ConfigError
        If the config cannot be read.
    ValueError
        If a module cannot be replaced, or there is none; nothing is changed then.
    """
    replacements = {
        rotary.name: _replacement(rotary)
        for rotary in rotary_modules(model)
        if not isinstance(rotary.module, RotaryEmbedding)
    }
    if not replacements:
        raise ValueError("model has no rotary module that could be replaced")
    changed = {name: model.get_submodule(name) for name in replacements}
    unpatch(model, replacements)
    return changed


def unpatch(model: torch.nn.Module, changed: Mapping[str, torch.nn.Module]) -> None:
    """Put modules back where :func:`patch` has taken them.

    Parameters
    ----------
    model : torch.nn.Module
        The model that was patched.
    changed : mapping of str to torch.nn.Module
        What :func:`patch` has returned.
    """
    for name, module in changed.items():
        model.set_submodule(name, module, strict=True)


def _replacement(rotary: Rotary) -> RotaryEmbedding:
    name, module, specs = rotary
    for layer, spec in specs.items():
        if spec is None:
            where = f"layer type {layer}" if layer else "it, or several"
            raise ValueError(f"module {name}: the config has no spec for {where}")
    layer = next(iter(specs))
    try:
        columns, dtype = _form(module, layer)
    except Exception as error:
        raise ValueError(
            f"module {name} ({type(module).__name__}) does not give cosines and sines "
            f"for (x, position_ids): {error}"
        ) from error
    new = RotaryEmbedding(
        {layer: spec for layer, spec in specs.items() if spec is not None},
        columns=columns,
        dtype=dtype,
    )
    new.config = getattr(module, "config", None)  # some models ask for it
    return new.train(module.training)


def _form(module: torch.nn.Module, layer: str) -> tuple[str, torch.dtype | None]:
    """Columns and dtype of a module's tables, from those that a copy of it makes.

    The copy has frequencies of which no two agree, whatever those of the module are.
    """
    probe = copy.deepcopy(module)
    for name, buffer in module.named_buffers(recurse=False):
        if name.endswith("inv_freq"):
            distinct = torch.linspace(1.0, 0.5, buffer.numel())
            probe.register_buffer(name, distinct, persistent=False)
    x, p = torch.zeros(1, dtype=torch.bfloat16), torch.arange(4)[None]
    cos, sin = probe(x, p, layer) if layer else probe(x, p)
    angles = p[..., None] * getattr(probe, attribute(layer, "inv_freq"))
    for columns, widen in COLUMNS.items():
        want = widen(angles.cos())
        if want.shape == cos.shape == sin.shape:
            # Position 0 has the attention factor; bfloat16 has three digits.
            got = cos.float() / cos[:, :1].float()
            if torch.allclose(got, want, atol=0.02):
                return columns, None if cos.dtype is x.dtype else cos.dtype
    raise ValueError(f"its tables of shape {(*cos.shape,)} have unknown columns")
