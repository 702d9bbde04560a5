"""Limits that more than one module holds to, each with its reason."""

from __future__ import annotations

# Integers that float64, and float32, hold each: positions and lengths stay exact.
LARGEST_EXACT, LARGEST_EXACT32 = 2**53, 2**24
# Tokens that positions and lengths of people reach; a larger number is a slip.
LONGEST = 2**31
# Channels of one head: far beyond any model, and a table of one row still fits a cache.
WIDEST = 2**20
# Bases of specs: from 1, where all pairs turn alike, to where all but the first stand.
BASES = (1.0, 1e30)
# Factors and other divisors of frequencies.
FACTORS = (1e-12, 1e30)
# Multipliers of tables, scores and positions: above 0.
SCALES = (0.0, 1e30)
# Parameters of sweeps: src/frequencies takes magnitudes from 2^-500 to 2^500, so that
# powers and quotients of two of them neither overflow nor lose bits.
SWEPT = (1e-150, 1e150)
