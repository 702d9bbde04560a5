"""Frequencies that come from elsewhere; no config asks for them by a word."""

from __future__ import annotations

import numpy as np

from ropeinterp.fields import Fields
from ropeinterp.schemes.float32 import Float32
from ropeinterp.schemes.scheme import Parameters, Scheme


def parameters(fields: Fields) -> Parameters:
    """Parameters: the numbers themselves, one per pair."""
    assert fields.frequencies is not None
    return (), fields.frequencies


def float32(fields: Fields) -> Float32:
    """Inverse frequencies, rounded to float32."""
    return np.array(fields.frequencies, np.float32)


GIVEN = Scheme(
    "given",
    parameters,
    float32,
    fields=("frequencies",),
    dialects=(),
    scales=False,
    divides_slowest=False,
)
