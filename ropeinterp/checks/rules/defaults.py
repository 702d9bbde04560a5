"""RI301, RI305, RI306, RI310: what is missing, so that a class default counts."""

from __future__ import annotations

from collections.abc import Iterator

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.families import Family, family_of, published
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config import names
from ropeinterp.config.json_source import below
from ropeinterp.config.locate import TEXT_PARTS
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY
from ropeinterp.text import printable

# The base of the paper; a class has it where nobody chose another one.
_PLAIN = 1e4
_FORMULA = "hidden_size//num_attention_heads"
_SIZES = tuple(_FORMULA.split("//"))


class UndefinedSize(Rule):
    """hidden_size or num_attention_heads is missing, or does not divide.

    The class default is taken without a word: 4096 // 40 = 102 channels for a model
    whose heads have 128.
    """

    code, level, silences = "RI301", "error", ("RI209", "RI210")
    source = "three published configs; transformers 5.23.0 says nothing"
    bad = {"hidden_size": None, "num_attention_heads": 40}
    good = {"hidden_size": 5120, "num_attention_heads": 40}
    errors_at = ("hidden_size", "num_attention_heads")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask whether the formula of the row counts."""
        row = target.reading.rows[0]
        own = ("head_dim", "qk_rope_head_dim", "kv_channels")
        known = [n for n in row.head_dim_rule.split("|") if n in own]
        explicit = any(target.find(n, *row.aliases.get(n, ())) for n in known)
        default = any(n in row.sizes and n not in target.keys for n in known)
        by_formula = _FORMULA in row.head_dim_rule and not explicit and not default
        sizes = {*row.sizes, *own, *_SIZES}
        if target.top and not any(map(target.reading.named, sizes)):
            yield from self._nothing(target, by_formula)
        if not by_formula:
            return
        if target.known:
            yield from self._missing(target)
        hidden, heads = (target.reading.size_or_none(n) for n in _FORMULA.split("//"))
        if hidden and heads and heads > 0 and hidden % heads:
            message = (
                f"hidden_size {hidden} is no multiple of {heads} heads, and head_dim "
                f"is missing: {hidden // heads} channels of a head are a guess"
            )
            found = target.reading.named("num_attention_heads")
            path = found.path if found else target.reading.path
            # The class's own sizes are what its class builds, and runs.
            class_sizes = [hidden, heads] == [row.sizes.get(n) for n in _SIZES]
            foreign = target.top and not (class_sizes and target.known)
            yield Diagnostic(path, message, level="" if foreign else "info")

    @staticmethod
    def _nothing(target: Target, by_formula: bool) -> Iterator[Diagnostic]:
        """Say where not one size is stated, and no error says so already."""
        row, layer = target.reading.rows[0], next(iter(target.layers), None)
        is_said = target.known and by_formula
        nested = any(isinstance(target.keys.get(part), dict) for part in TEXT_PARTS)
        if (
            is_said
            or nested
            or layer is None
            or layer.spec is None
            or layer.path_of("dim")
        ):
            return
        message = (
            f"is missing, as is every other size: heads of {layer.spec.head_dim} "
            f"channels are the {row.described}"
        )
        fix = Fix("write hidden_size and num_attention_heads, or head_dim")
        level = "warning" if target.known else "info"
        yield Diagnostic(target.at("hidden_size"), message, fix, level)

    @staticmethod
    def _missing(target: Target) -> Iterator[Diagnostic]:
        row = target.reading.rows[0]
        missing = [n for n in _FORMULA.split("//") if not _stated(target, n)]
        spec = target.layers[0].spec if target.layers else None
        if missing and target.keys:
            others = f", as is {missing[1]}" if len(missing) > 1 else ""
            defaults = " and ".join(f"{row.sizes.get(n)}" for n in missing)
            heads = f", heads of {spec.head_dim} channels" if spec else ""
            message = f"is missing{others}: the class default counts, {defaults}{heads}"
            level = "" if target.top else "info"
            fix = Fix(f"write {' and '.join(missing)}, or head_dim")
            yield Diagnostic(target.at(missing[0]), message, fix, level)


def _stated(target: Target, name: str) -> bool:
    """Whether a size stands in the file, or one of its names says the class default."""
    found, default = (
        target.reading.named(name),
        target.reading.rows[0].sizes.get(name),
    )
    others = (target.keys.get(alias) for alias in names.of_size(name))
    return (found is not None and found.value is not None) or default in others


class FamilyBlock(Rule):
    """A known family of models without its rope dict, or with another one.

    The scaling that the model was trained with is lost, without any sign.
    """

    code, level = "RI305", "warning"
    source = "published Llama-3.1 and DeepSeek-V3 configs, and their copies"
    bad = {"rope_theta": 500000.0, "max_position_embeddings": 131072}
    good = {
        "rope_theta": 500000.0,
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare base, length and type with the rows."""
        family = family_of(target)
        if family is None:
            return
        layer = target.layers[0]
        word = family.block["rope_type"]
        other = target.reread(layer, **family.block)
        if layer.scheme == word:
            yield from self._other_values(target, layer, family)
            return
        given = f"type {printable(layer.word)}" if layer.rope.given else "no rope dict"
        message = (
            f"{given}, where base {family.base:g} and {_length(target, family)} those "
            f"of {family.name}, which has {word}{because(effect(layer.spec, other))}"
        )
        path = layer.rope.path if layer.rope.given else target.at("rope_scaling")
        yield Diagnostic(path, message, _restored(target, layer, family))

    @staticmethod
    def _other_values(
        target: Target, layer: Layer, family: Family
    ) -> Iterator[Diagnostic]:
        """Compare the numbers of a dict of the right type."""
        # Weights in float32 are those of another training, which had its own numbers.
        anew = "float32" in (target.keys.get("dtype"), target.keys.get("torch_dtype"))
        changed = {
            key: value
            for key, value in family.block.items()
            if is_finite(value)
            and is_finite(layer.get(key))
            and layer.get(key) != value
        }
        difference = effect(layer.spec, target.reread(layer, **changed))
        if changed and difference:
            key, value = next(iter(changed.items()))
            message = f"{layer.get(key):g}, where {family.name} has {value:g}"
            path = below(layer.rope.path, key)
            edits = tuple(Edit(layer.rope.path, k, v) for k, v in changed.items())
            words = ", ".join(f'"{k}": {v:g}' for k, v in changed.items())
            fix = None if anew else Fix(f"write {words}", edits, certain=False)
            yield Diagnostic(
                path, message + because(difference), fix, "info" if anew else ""
            )


def _length(target: Target, family: Family) -> str:
    """Say the length that names the family, and whether it was extended."""
    stated = target.length()
    if stated is not None and stated.value != family.length:
        return f"length {family.length}, extended to {stated.value:g}, are"
    return f"length {family.length} are"


def _restored(target: Target, layer: Layer, family: Family) -> Fix | None:
    if layer.rope.given or len(family.block) == 1:
        return None
    edit = Edit(target.reading.path, "rope_scaling", dict(family.block))
    return Fix(f"restore the rope dict of {family.name}", (edit,), certain=False)


class BaseMissing(Rule):
    """A method of scaling in a file that states no base.

    The class default counts in silence, 10000 for most types, where the model was
    trained with another one: every frequency but the first is wrong. It is a note where
    published models of the type do have the class default, unless the dict is
    rope_parameters, which transformers never saves without its base.
    """

    code, level = "RI306", "warning"
    source = "transformers 5.23.0 class defaults; three threads of users of 2026"
    bad = {
        "rope_theta": None,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 4096,
        },
    }
    good = bad | {"rope_theta": 500000.0}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask where the base comes from, and what published models have."""
        if target.top and not target.keys.keys() - {*OF_ROPE_DICTS, "model_type"}:
            return  # a rope dict alone: its config may well state a base
        rows = published(target)
        for layer in target.given():
            spec, traits = layer.spec, layer.traits
            if spec is None or spec.base is None or not traits or not traits.scales:
                continue
            if layer.path_of("base") or layer.rope.theta is not None:
                continue
            bases = dict.fromkeys(row.base for row in rows)
            if traits.usual_base is not None:
                bases = {traits.usual_base: None}
            others = [base for base in bases if base != spec.base]
            if bases and not others:
                continue
            level = self._level(target, layer, spec.base, list(bases))
            message = f"is missing: {layer.scheme} with {spec.base:g}, the {_of(layer)}"
            if others:
                other = target.reread(layer, rope_theta=others[0])
                names = [row.name for row in rows if row.base == others[0]]
                whose = f"of {names[0]}" if names else f"usual with {layer.scheme}"
                message += f", not {others[0]:g}, {whose}"
                message += because(effect(spec, other))
            path = below(layer.rope.path, "rope_theta")
            yield Diagnostic(path, message, level=level)

    @staticmethod
    def _level(target: Target, layer: Layer, base: float, bases: list[float]) -> str:
        """Say warning, or note where the class default may well be what was meant."""
        new = layer.rope.path.startswith(target.at("rope_parameters"))
        if base in bases or (not bases and not target.known):
            return "" if new else "info"
        # A vendor's own class has the vendor's own base.
        return "" if bases or base == _PLAIN else "info"


def _of(layer: Layer) -> str:
    origin = layer.origins.get("base")
    return origin.text if origin is not None else "class default"


class OriginalWithMargin(Rule):
    """An original length that is the published max_position_embeddings.

    The vendor's length has a margin above the length of training: Qwen3 was trained at
    32768 tokens and states 40960. The frequencies follow the one of training.
    """

    code, level, silences = "RI310", "warning", ("RI302",)
    source = "model cards of Qwen3: factor 4.0 over 32768"
    bad = {
        "model_type": "qwen3",
        "rope_theta": 1e6,
        LENGTH_KEY: 163840,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, ORIGINAL_KEY: 40960},
    }
    good = {
        "model_type": "qwen3",
        "rope_theta": 1e6,
        LENGTH_KEY: 131072,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, ORIGINAL_KEY: 32768},
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with the published models of the type that have this base."""
        for layer in target.given():
            spec, start = layer.spec, layer.get(ORIGINAL_KEY)
            for row in published(target):
                trained = row.block.get(ORIGINAL_KEY)
                if spec is None or spec.base != row.base or not layer.has(ORIGINAL_KEY):
                    continue
                if trained is None or start != row.length or start == trained:
                    continue
                other = target.reread(layer, **{ORIGINAL_KEY: trained})
                message = (
                    f"{start} is the {LENGTH_KEY} of {row.name}, which was trained at "
                    f"{trained}{because(effect(spec, other))}"
                )
                edit = Edit(layer.rope.path, ORIGINAL_KEY, trained)
                fix = Fix(f'write "{ORIGINAL_KEY}": {trained}', (edit,), certain=False)
                yield Diagnostic(below(layer.rope.path, ORIGINAL_KEY), message, fix)
                break
