"""Every rule, once."""

from __future__ import annotations

from ropeinterp.checks import (
    blocks,
    contexts,
    dialects,
    families,
    file,
    lengths,
    misplaced,
    numbers,
    precision,
    schema,
    shapes,
    spelling,
    values,
    widths,
)
from ropeinterp.checks.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *file.RULES,
            *blocks.RULES,
            *schema.RULES,
            *misplaced.RULES,
            *spelling.RULES,
            *values.RULES,
            *numbers.RULES,
            *shapes.RULES,
            *widths.RULES,
            *lengths.RULES,
            *contexts.RULES,
            *families.RULES,
            *dialects.RULES,
            *precision.RULES,
        ),
        key=lambda rule: rule.code,
    )
)
BY_CODE = {rule.code: rule for rule in RULES}
