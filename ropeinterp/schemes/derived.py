"""From the fields of a spec to its frequencies: exact, as turn planes, in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.float32 import Float32


def depends_on_length(fields: Fields) -> bool:
    """Whether the frequencies or the attention factor depend on the sequence length."""
    if SCHEMES[fields.scheme].grows:
        return fields.seq_len is None
    return fields.short_factors != fields.long_factors or (
        fields.long_attention_scaling not in (None, fields.attention_scaling)
    )


def inv_freq(fields: Fields) -> NDArray[np.float64]:
    """Inverse frequencies of the pairs.

    Parameters
    ----------
    fields : Fields
        Of a spec; checked.

    Returns
    -------
    ndarray of float64, shape (rotary_dim // 2,)
        Radians per token, correctly rounded; read-only.
    """
    return _by_formula(fields, with_planes=False)


def turn_planes(fields: Fields) -> NDArray[np.float64]:
    """Return the frequencies in the form that the phase kernels take.

    Parameters
    ----------
    fields : Fields
        Of a spec; checked.

    Returns
    -------
    ndarray of float64, shape (7, rotary_dim // 2)
        Turns per token (docs/numerics.md, "Turn planes"); read-only.
    """
    return _by_formula(fields, with_planes=True)


def _by_formula(fields: Fields, with_planes: bool) -> NDArray[np.float64]:
    parameters = SCHEMES[fields.scheme].parameters(fields)
    n = (fields.dim + 1) // 2
    own = _core._frequencies(fields.scheme, n, *parameters, with_planes)
    if fields.frequency_map is None:
        return own
    mapped = np.ascontiguousarray(own[..., fields.frequency_map])
    mapped.flags.writeable = False
    return mapped


def float32_inv_freq(fields: Fields) -> Float32:
    """Inverse frequencies as transformers computes them.

    Parameters
    ----------
    fields : Fields
        Of a spec with fixed frequencies.

    Returns
    -------
    ndarray of float32, shape (rotary_dim // 2,)
        Radians per token, within 4 ulp of transformers 5.23.0 on the CPU (llama3, by
        cancellation, 12).
    """
    own = np.asarray(SCHEMES[fields.scheme].float32(fields), np.float32)
    return own if fields.frequency_map is None else own[list(fields.frequency_map)]
