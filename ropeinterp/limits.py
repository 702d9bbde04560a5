"""Limits that more than one module holds to, each with its reason."""

from __future__ import annotations

# Integers that float64 holds each, so that positions and lengths stay exact.
LARGEST_EXACT = 2**53
# Channels of one head: far beyond any model, and a table of one row still fits a cache.
WIDEST = 2**20
# Bases of specs. From 1, where all pairs turn alike, to where all but the first stand.
BASES = (1.0, 1e30)
# Factors and other divisors of frequencies.
FACTORS = (1e-12, 1e30)
# Parameters of sweeps: src/frequencies takes magnitudes from 2^-500 to 2^500, so that
# powers and quotients of two of them neither overflow nor lose bits.
PARAMETERS = (1e-150, 1e150)
