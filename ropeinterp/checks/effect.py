"""What a fault does to the model, in numbers that are computed from this config."""

from __future__ import annotations

import numpy as np

from ropeinterp.spec import RopeSpec

# Frequencies nearer than this are equal for every reader.
_SAME = 1e-6


def effect(mine: RopeSpec | None, other: RopeSpec | None) -> str:
    """Say how the frequencies of two readings of one config differ.

    Parameters
    ----------
    mine, other : RopeSpec or None
        Two readings; None for one that gives no numbers.

    Returns
    -------
    str
        Such as "23 of 64 frequencies differ, by up to 2.24x"; empty where it cannot be
        computed, or nothing differs.
    """
    if mine is None or other is None:
        return ""
    a, b = mine.inv_freq(), other.inv_freq()
    if a.size != b.size:
        return f"{a.size} frequencies against {b.size}"
    moving = (a > 0) & (b > 0)
    ratio = np.ones_like(a)
    ratio[moving] = np.maximum(a[moving] / b[moving], b[moving] / a[moving])
    stopped = (a > 0) != (b > 0)
    different = stopped | (ratio > 1 + _SAME)
    parts = []
    if different.any():
        most = f", by up to {ratio.max():.3g}x" if ratio.max() > 1 + _SAME else ""
        parts.append(f"{different.sum()} of {a.size} frequencies differ{most}")
    scale = mine.attention_scaling / other.attention_scaling
    if abs(scale - 1) > _SAME:
        parts.append(
            f"attention factor {mine.attention_scaling:.5g} against "
            f"{other.attention_scaling:.5g}: logits {scale**2:.5g}x"
        )
    return "; ".join(parts)


def because(effect: str, before: str = ": ") -> str:
    """Put an effect behind a sentence, if there is one."""
    return f"{before}{effect}" if effect else ""
