"""RI202 to RI204, RI206, RI207, RI213, RI215, RI216: numbers out of range, or odd."""

from __future__ import annotations

from collections.abc import Iterator

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.families import published
from ropeinterp.checks.finding import REMOVE, Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.common import YARN, keys_of
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config.json_source import below
from ropeinterp.errors import ParameterError
from ropeinterp.invariants import CHECKS
from ropeinterp.limits import BASES, LONGEST
from ropeinterp.text import printable

# The key attention_factor becomes part of the field attention_scaling.
_FIELDS = {"attention_factor": "attention_scaling", "size": "head_dim"}
_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 4096,
}


class OutOfRange(Rule):
    """A number that no formula can use: zero, negative, or beyond every use.

    A factor of 0 makes infinite frequencies, a base of 0 does so in all pairs but one,
    an attention factor of 0 makes all scores equal.
    """

    code, level = "RI202", "error"
    source = "transformers 5.23.0 logs a warning or nothing"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 0.0}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the invariants of the spec, key by key."""
        for _, key, path, value in keys_of(target):
            if not is_finite(value) or (key.zero_is_missing and value == 0):
                continue  # RI201, RI216
            if key.sets == "base" and value > 0:
                continue  # RI213
            if key.sets == "length" and value > 0:
                continue  # RI215
            field = _FIELDS.get(key.sets, key.sets)
            least = 1 if key.sets == "size" else None
            try:
                if field in CHECKS and not (least and value >= least):
                    CHECKS[field](field, value)
                if least and value < least:
                    raise ParameterError(field, value, "must be positive")
            except ParameterError as error:
                yield Diagnostic(path, f"{printable(value)} {error.reason}")
            except TypeError:
                continue


class OddFactor(Rule):
    """A factor below 1, or above a million.

    Below 1 the context shrinks; it looks like the inverse, which one engine takes as
    its option.
    """

    code, level = "RI203", "warning"
    source = "transformers 5.23.0 logs it; arXiv:2306.15595"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 0.25}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with the inverse."""
        for layer, key, path, value in keys_of(target):
            if key.sets != "factor" or key.name != "factor" or not is_finite(value):
                continue
            if 0 < value < 1 and layer is not None:
                other = target.reread(layer, factor=1 / value)
                effects = because(effect(layer.spec, other))
                message = (
                    f"{value:g} shortens the context; {1 / value:g} would extend it"
                )
                yield Diagnostic(path, message + effects)
            elif value > 1e6:
                yield Diagnostic(path, f"{value:g} is no factor of a context")


class FactorOne(Rule):
    """A factor of 1 in a method that scales by it.

    Nothing is scaled, but "dynamic" still raises the base beyond its length.
    """

    code, level = "RI204", "warning"
    source = "transformers 5.23.0 _compute_dynamic_ntk_parameters"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 1.0}}
    good = {"rope_scaling": None}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Leave out longrope, whose lists scale, and dynamic by alpha."""
        for layer in target.given():
            if layer.traits is not None and layer.traits.requires("factor"):
                factor = layer.get("factor")
                if is_finite(factor) and factor == 1 and not layer.get("alpha"):
                    path = below(layer.rope.path, "factor")
                    message = f"1 scales nothing with type {layer.scheme}"
                    if layer.traits.grows:
                        message += " up to the stated length, and does beyond it"
                    yield Diagnostic(path, message)


class BetasSwapped(Rule):
    """beta_fast below beta_slow.

    The ramp of YaRN runs the wrong way: fast pairs are interpolated, slow ones are not.
    """

    code, level = "RI206", "error"
    source = "arXiv:2309.00071 section 3.2; transformers 5.23.0 logs it"
    bad = {"rope_scaling": {**YARN, "beta_fast": 1.0, "beta_slow": 32.0}}
    good = {"rope_scaling": {**YARN, "beta_fast": 32.0, "beta_slow": 1.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare what counts, defaults included."""
        for layer in target.given():
            spec = layer.spec
            if spec is None or not layer.has("beta_fast"):
                continue
            if spec.beta_fast < spec.beta_slow:
                key = "beta_fast" if layer.get("beta_fast") else "beta_slow"
                other = target.reread(
                    layer, beta_fast=spec.beta_slow, beta_slow=spec.beta_fast
                )
                message = (
                    f"beta_fast {spec.beta_fast:g} is below beta_slow "
                    f"{spec.beta_slow:g}: the ramp is reversed"
                )
                effects = because(effect(spec, other), "; ")
                yield Diagnostic(below(layer.rope.path, key), message + effects)


class BoundsSwapped(Rule):
    """low_freq_factor above high_freq_factor.

    The blend of Llama-3 is undefined between them.
    """

    code, level = "RI207", "error"
    source = "transformers 5.23.0 _compute_llama3_parameters; logs it"
    bad = {
        "max_position_embeddings": 32768,
        "rope_scaling": {**_LLAMA3, "low_freq_factor": 8.0},
    }
    good = {"max_position_embeddings": 32768, "rope_scaling": _LLAMA3}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Equal bounds are meant, as in Llama-4."""
        for layer in target.given():
            low, high = layer.get("low_freq_factor"), layer.get("high_freq_factor")
            if not layer.has("low_freq_factor"):
                continue
            if not is_finite(low) or not is_finite(high):
                continue
            if low == high > 0:
                yield from self._equal(target, layer, float(low))
            if low > high > 0:
                other = target.reread(layer, low_freq_factor=high, high_freq_factor=low)
                message = f"{low:g} is above high_freq_factor {high:g}"
                path = below(layer.rope.path, "low_freq_factor")
                yield Diagnostic(path, message + because(effect(layer.spec, other)))

    @staticmethod
    def _equal(target: Target, layer: Layer, bound: float) -> Iterator[Diagnostic]:
        """Say that nothing is blended; published models of the type may mean it."""
        own = [(r.block.get("low_freq_factor"), r.block) for r in published(target)]
        meant = any(low == b.get("high_freq_factor") == bound for low, b in own)
        message = (
            f"{bound:g} is high_freq_factor, too: nothing is blended, and readers that "
            "divide by their difference fail"
        )
        path = below(layer.rope.path, "low_freq_factor")
        yield Diagnostic(path, message, level="info" if meant else "warning")


class OddBase(Rule):
    """A base of 1, or outside the range that gives usable frequencies.

    With base 1 all pairs turn equally fast and YaRN divides by ln 1 = 0; beyond 1e30
    all but the first frequencies vanish.
    """

    code, level = "RI213", "warning"
    source = "arXiv:2104.09864: theta = 10000"
    bad = {"rope_theta": 1.0}
    good = {"rope_theta": 1e6}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at the bases that are positive."""
        for _, key, path, value in keys_of(target):
            if key.sets != "base" or not is_finite(value) or not value > 0:
                continue
            if value == 1:
                yield Diagnostic(path, "base 1 makes all frequencies equal")
            elif value < 1 or value > BASES[1]:
                message = f"base {value:g} gives no usable frequencies"
                yield Diagnostic(path, message, level="error")


class OddLength(Rule):
    """A length that is written with a fraction, or above 2**31.

    transformers refuses a float for max_position_embeddings.
    """

    code, level = "RI215", "warning"
    source = "transformers 5.23.0: TypeError"
    bad = {"max_position_embeddings": 32768.0}
    good = {"max_position_embeddings": 32768}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at the length of the context alone."""
        for _, key, path, value in keys_of(target):
            if key.sets != "length" or not is_finite(value):
                continue
            if value > LONGEST:
                yield Diagnostic(path, f"{printable(value)} is no length of a context")
            elif isinstance(value, float) and value.is_integer() and value > 0:
                holder, _, name = path.rpartition(".")
                fix = Fix(f"write {int(value)}", (Edit(holder, name, int(value)),))
                yield Diagnostic(
                    path, f"{value} is refused by transformers: no integer", fix
                )


class BetaZero(Rule):
    """beta_fast or beta_slow is 0.

    transformers takes 32 and 1 instead, other readers divide by it.
    """

    code, level = "RI216", "warning"
    source = "transformers 5.23.0: beta_fast or 32"
    bad = {
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 8192,
            "beta_slow": 0,
        }
    }
    good = {
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 8192,
        }
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for zeros that count as missing."""
        for layer, key, path, value in keys_of(target):
            if (
                layer
                and key.name.startswith("beta_")
                and is_finite(value)
                and not value
            ):
                edit = Edit(layer.rope.path, key.name, REMOVE)
                message = "0 counts as missing here, and divides elsewhere"
                yield Diagnostic(path, message, Fix("remove it", (edit,)))
