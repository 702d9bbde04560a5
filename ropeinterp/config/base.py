"""The base: where it stands, and what vendors' own code makes of it."""

from __future__ import annotations

from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import LARGEST, FieldValues, Found, computed, number


def base(reading: Reading, rope: RopeDict) -> Found:
    """Find the base: in the dict, else at the top, else the class default."""
    row = rope.row
    inside = not reading.v4 and (rope.nested or "own_theta" not in row.flags)
    inner = rope.get("rope_theta")
    top = reading.find(*row.theta_keys, *(("rope_theta",) if rope.nested else ()))
    top = rope.layer.get("rope_theta", top)
    if not inside:
        inner = None
    if rope.theta is not None:
        return rope.theta
    if inner is not None:
        if top is not None and top.value != inner.value:
            reading.note(top.path, f"is ignored: {inner.origin.text} counts")
        base = number(inner)
    elif top is not None:
        base = number(top)
        reading.counted.add(top.path)
    else:
        default = row.theta_v4 if reading.v4 else row.theta
        # The types of this flag without a key of their own have a fixed base.
        inside = inside and "no_dict" not in row.flags
        inside = inside and (rope.given or not row.theta_keys)
        rope.note_default(reading, "rope_theta", row.theta_keys, inside, default or 0.0)
        base = Found.words(default, row.described)
    stray = reading.find("rope_theta")
    if stray is not None and stray not in (top, inner) and not rope.nested:
        reading.strays[stray.path] = f"is not read by {row.model_type}"
    if base.value == 1:
        reading.note(base.path, "makes all frequencies equal")
    return base


def scale_base(fields: FieldValues) -> None:
    """NTK of vendors' own code: the base times s, all divided by s ** (2 / dim)."""
    factor, base, dim = fields["factor"], fields["base"], fields["dim"].value
    if not 0 < factor.value < LARGEST or dim < 1 or abs(base.value) > LARGEST:
        return  # the spec refuses it
    origin = computed("*", base.origin, factor.origin)
    fields["base"] = Found(float(base.value) * float(factor.value), origin)
    fields["factor"] = Found(float(factor.value) ** (2 / dim), factor.origin)
