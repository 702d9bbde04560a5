"""RI501 to RI503: what float32 and bfloat16 do to the phases at the stated length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.limits import LARGEST_EXACT, LARGEST_EXACT32, LONGEST
from ropeinterp.precision import errors_at
from ropeinterp.spec import RopeSpec

_POSITIONS = 64
_CASTS = ("bfloat16", "float16")


def _worst(spec: RopeSpec, length: int) -> float:
    """Largest error of transformers' tables at the last positions of a length."""
    if spec.axis_map is not None:
        return 0.0
    last = np.arange(max(length - _POSITIONS, 0), length, dtype=np.float64)
    return float(errors_at(spec.at(length), last)[1].max(initial=0.0))


class Float32Angles(Rule):
    """Angles in float32 are off at the stated length.

    Both the frequency and its product with the position are rounded.
    """

    code, level = "RI501", "info"
    source = "transformers 5.23.0, measured; docs/accuracy.md"
    bad = {"max_position_embeddings": 131072, "rope_theta": 1e6}
    good = {"max_position_embeddings": 2048, "rope_theta": 1e4}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the last positions of the first layer type."""
        length = target.length()
        if (
            length is None
            or length.value % 1
            or not 32768 < length.value < LARGEST_EXACT
        ):
            return
        for layer in target.layers:
            if layer.spec is not None:
                worst = _worst(layer.spec, int(length.value))
                message = f"{length.value:,} tokens: float32 cos and sin are off by"
                if worst > 0:
                    yield Diagnostic(length.path, f"{message} {worst:.1e} near the end")
                return


class BeyondFloat32(Rule):
    """A length above 2**24: positions in float32 are not whole any more.

    Neighbouring tokens get equal tables.
    """

    code, level = "RI502", "warning"
    source = "transformers 5.23.0: position_ids.float()"
    bad = {"max_position_embeddings": 2**25, "rope_theta": 1e8}
    good = {"max_position_embeddings": 2**20, "rope_theta": 1e8}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the length with 2**24."""
        length = target.length()
        if length is None or not target.rotary:
            return
        if LARGEST_EXACT32 < length.value <= LONGEST:
            message = (
                f"{length.value:,} tokens: above 16,777,216 neighbours share a float32 "
                "position, and their tables are equal"
            )
            yield Diagnostic(length.path, message)


class CastFrequencies(Rule):
    """A model that is cast to half precision as a whole.

    ``model.to(bfloat16)`` casts the frequencies, too, unless the loader keeps them.
    """

    code, level = "RI503", "info"
    source = "transformers 5.23.0: inv_freq is a buffer"
    bad = {"torch_dtype": "bfloat16"}
    good = {"torch_dtype": "float32"}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at the dtype that the file asks for."""
        found = target.find("torch_dtype", "dtype")
        spec = target.layers[0].spec if target.layers else None
        if found is None or found.value not in _CASTS or spec is None:
            return
        bits = 8 if found.value == "bfloat16" else 11
        w = spec.inv_freq()
        scale = np.exp2(bits - np.ceil(np.log2(w, out=np.zeros_like(w), where=w > 0)))
        cast = np.rint(w * scale) / scale
        off = float(np.abs(cast - w).max(initial=0.0) * 4096)
        message = (
            f"model.to({found.value}) casts the frequencies, too: angles at 4096 "
            f"tokens are then off by up to {off:.2g} rad"
        )
        yield Diagnostic(found.path, message)
