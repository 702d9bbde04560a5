"""Every rule once, in the order of docs/rules.md: ``lengths.`` is lengths.py."""

from __future__ import annotations

from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import (
    both_schemas,
    contexts,
    defaults,
    dialects,
    file,
    foreign,
    keys,
    lengths,
    lists,
    misplaced,
    precision,
    ranges,
    rope_type,
    types,
    widths,
)

RULES: tuple[Rule, ...] = (
    file.Unreadable(),  # RI001
    file.NotJson(),  # RI002
    file.NotAnObject(),  # RI003
    file.NotFinite(),  # RI004
    file.DuplicateKey(),  # RI005
    file.OtherDuplicateKey(),  # RI006
    file.ByteOrderMark(),  # RI007
    file.NoRotary(),  # RI008
    file.UnknownModelType(),  # RI009
    file.FileHoldsNoModel(),  # RI010
    file.RotaryKeysUnread(),  # RI018
    rope_type.BlockIsNoObject(),  # RI101
    rope_type.TypeIsMissing(),  # RI102
    rope_type.TypesDiffer(),  # RI103
    rope_type.UnknownType(),  # RI104
    misplaced.ScalingAtTop(),  # RI105
    misplaced.MropeUnread(),  # RI106
    keys.AttnFactor(),  # RI107
    keys.Misspelt(),  # RI108
    keys.OtherKey(),  # RI109
    misplaced.ForeignName(),  # RI110
    both_schemas.SchemasDiffer(),  # RI111
    misplaced.TwoBases(),  # RI112
    both_schemas.OnlyOldSchema(),  # RI113
    both_schemas.OnlyNewSchema(),  # RI114
    keys.NoModelType(),  # RI115
    rope_type.NestedByLayerType(),  # RI116
    foreign.ForeignScaling(),  # RI117
    foreign.UnreadMethod(),  # RI118
    types.WrongType(),  # RI201
    ranges.OutOfRange(),  # RI202
    ranges.OddFactor(),  # RI203
    ranges.FactorOne(),  # RI204
    types.KeyMissing(),  # RI205
    ranges.BetasSwapped(),  # RI206
    ranges.BoundsSwapped(),  # RI207
    lists.BadFactorList(),  # RI208
    widths.BadWidth(),  # RI209
    widths.Truncated(),  # RI210
    widths.NotWhole(),  # RI211
    types.LoneMscale(),  # RI212
    ranges.OddBase(),  # RI213
    lists.BadSections(),  # RI214
    ranges.OddLength(),  # RI215
    ranges.BetaZero(),  # RI216
    lists.MarksInverted(),  # RI217
    lists.NeverStretched(),  # RI218
    defaults.UndefinedSize(),  # RI301
    lengths.FactorAgainstLengths(),  # RI302
    lengths.OriginalMissing(),  # RI303
    lengths.LengthNotRaised(),  # RI304
    defaults.FamilyBlock(),  # RI305
    defaults.BaseMissing(),  # RI306
    lengths.SlipInLength(),  # RI307
    lengths.OriginalUnknown(),  # RI308
    lengths.OtherLength(),  # RI309
    defaults.OriginalWithMargin(),  # RI310
    contexts.BeyondLongestPeriod(),  # RI311
    contexts.DependsOnLength(),  # RI312
    dialects.NotWhereItLooks(),  # RI401
    dialects.TruncateIgnored(),  # RI403
    dialects.TypeDropped(),  # RI411
    precision.Float32Angles(),  # RI501
    precision.BeyondFloat32(),  # RI502
    precision.CastFrequencies(),  # RI503
)
BY_CODE = {rule.code: rule for rule in RULES}
