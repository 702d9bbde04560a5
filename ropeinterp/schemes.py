"""The schemes: for each, the keys of its config block and its parameters in C.

A new scheme is one row here, one formula in src/rope_math.c with its functions in
planes.py and frequencies.py, and one mpmath twin in tests/oracle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ropeinterp import planes, scalars

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec


class Key(NamedTuple):
    """One key of a config block.

    Parameters
    ----------
    name : str
        The key in the file.
    field : str
        The field of :class:`ropeinterp.RopeSpec` that it sets.
    kind : str
        "number", "length", "bool" or "numbers" (a list).
    nullable : bool
        Whether null stands for a value that lengths give.
    zero_is_missing : bool
        Whether 0 counts as absent.
    """

    name: str
    field: str
    kind: str = "number"
    nullable: bool = False
    zero_is_missing: bool = False


class Scheme(NamedTuple):
    """One way from parameters to frequencies.

    Parameters
    ----------
    required, optional : tuple of Key
        Keys of the block beside the type word and the base.
    fields : tuple of str
        Fields that the spec must have.
    parameters : callable
        From a spec to the parameters of the formula in src/rope_math.c.
    least_dim : int
        Fewest channels for which the formula is defined.
    dialects : tuple of str
        In which its name is a type word.
    word : str
        Type word that configs have for it where that is not its name.
    scales : bool
        Whether there is a scaling that could be taken away.
    trained_length : {"original", "length", "none"}
        Which key of a config holds the trained length: one of its own,
        ``max_position_embeddings``, or none.
    v4_by_lengths : bool
        Whether transformers 4 takes the ratio of the two lengths for the factor, and
        the original one from the top of the config.
    needs_head_dim : bool
        Whether transformers 5.23.0 looks for the width of a head under ``head_dim``
        alone.
    attention : callable or None
        From the fields of a spec to the multiplier of cos and sin that it asks for;
        None where it asks for none.
    attention_origin : str
        What that follows from, in words.
    grows : bool
        Whether its base grows with the length of the sequence.
    lengths_give_factor : bool
        Whether the factor is the ratio of the length to the original one.
    length_is_extended : bool
        Whether ``max_position_embeddings`` is always the extended length; in configs of
        other schemes it can be the original one.
    usual_base : float or None
        Base of every model with it, whatever the class default is.
    """

    required: tuple[Key, ...]
    optional: tuple[Key, ...]
    fields: tuple[str, ...]
    parameters: Callable[[RopeSpec], planes.Parameters]
    least_dim: int = 1
    dialects: tuple[str, ...] = ("transformers", "transformers-4")
    word: str = ""
    scales: bool = True
    trained_length: str = "original"
    v4_by_lengths: bool = False
    needs_head_dim: bool = False
    attention: Callable[[RopeSpec], float] | None = None
    attention_origin: str = ""
    grows: bool = False
    lengths_give_factor: bool = False
    length_is_extended: bool = False
    usual_base: float | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Required and optional keys."""
        return (*self.required, *self.optional)

    def has(self, name: str) -> bool:
        """Whether a key is one of its own."""
        return any(key.name == name for key in self.keys)

    def requires(self, name: str) -> bool:
        """Whether it has no numbers without a key."""
        return any(key.name == name for key in self.required)


def _yarn_attention(spec: RopeSpec) -> float:
    return scalars.yarn_attention(spec.factor)


def _longrope_attention(spec: RopeSpec) -> float:
    assert spec.trained_length is not None
    return scalars.longrope_attention(spec.factor, spec.trained_length)


_FACTOR = Key("factor", "factor")
_ORIGINAL = Key("original_max_position_embeddings", "trained_length", "length")
_ATTENTION = Key("attention_factor", "attention_factor")
_FACTOR_OR_LENGTHS = Key("factor", "factor", nullable=True)

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "default": Scheme(
            (), (), ("base",), planes.of_default, scales=False, trained_length="length"
        ),
        "linear": Scheme(
            (_FACTOR,), (), ("base",), planes.of_scaled, trained_length="none"
        ),
        # Base scaling. In configs it is "dynamic" with `alpha` (HunYuan).
        "ntk": Scheme(
            (Key("alpha", "factor"),),
            (),
            ("base",),
            planes.of_scaled,
            3,
            (),
            word="dynamic",
            trained_length="none",
        ),
        "dynamic": Scheme(
            (_FACTOR,),
            (),
            ("base", "trained_length"),
            planes.of_dynamic,
            3,
            trained_length="length",
            needs_head_dim=True,
            grows=True,
        ),
        "yarn": Scheme(
            (_FACTOR_OR_LENGTHS,),
            (
                _ORIGINAL,
                _ATTENTION,
                Key("beta_fast", "beta_fast", zero_is_missing=True),
                Key("beta_slow", "beta_slow", zero_is_missing=True),
                Key("mscale", "mscale", zero_is_missing=True),
                Key("mscale_all_dim", "mscale_all_dim", zero_is_missing=True),
                Key("truncate", "truncate", "bool"),
            ),
            ("base", "trained_length"),
            planes.of_yarn,
            needs_head_dim=True,
            attention=_yarn_attention,
            attention_origin="factor",
            lengths_give_factor=True,
        ),
        "longrope": Scheme(
            (
                Key("short_factor", "short_factors", "numbers"),
                Key("long_factor", "long_factors", "numbers"),
            ),
            (_FACTOR_OR_LENGTHS, _ORIGINAL, _ATTENTION),
            ("base", "trained_length", "short_factors", "long_factors"),
            planes.of_longrope,
            v4_by_lengths=True,
            needs_head_dim=True,
            attention=_longrope_attention,
            attention_origin="factor and original length",
        ),
        "llama3": Scheme(
            (
                _FACTOR,
                Key("low_freq_factor", "low_freq_factor"),
                Key("high_freq_factor", "high_freq_factor"),
            ),
            (_ORIGINAL,),
            ("base", "trained_length", "low_freq_factor", "high_freq_factor"),
            planes.of_llama3,
            length_is_extended=True,
            usual_base=5e5,
        ),
        "proportional": Scheme(
            (),
            (_FACTOR, Key("partial_rotary_factor", "partial_rotary_factor")),
            ("base",),
            planes.of_proportional,
            dialects=("transformers",),
            trained_length="length",
        ),
        # Frequencies that come from elsewhere; no config block asks for it.
        "given": Scheme(
            (), (), ("frequencies",), planes.of_given, dialects=(), scales=False
        ),
    }
)
