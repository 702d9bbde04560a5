"""Every rule, once."""

from __future__ import annotations

from ropeinterp.checks import (
    dialects,
    families,
    file,
    lengths,
    precision,
    schema,
    shapes,
    spelling,
    values,
)
from ropeinterp.checks.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *file.RULES,
            *schema.RULES,
            *spelling.RULES,
            *values.RULES,
            *shapes.RULES,
            *lengths.RULES,
            *families.RULES,
            *dialects.RULES,
            *precision.RULES,
        ),
        key=lambda rule: rule.code,
    )
)
BY_CODE = {rule.code: rule for rule in RULES}
