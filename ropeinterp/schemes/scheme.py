"""What a scheme is: the keys of its rope dict, its formulas, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ropeinterp.dialects import DIALECTS
from ropeinterp.fields import Fields
from ropeinterp.schemes.float32 import Float32

# Parameters of a formula in C, in its order, every factor with its denominator at the
# very end; and the parameter that has one value per pair, or nothing.
Parameters: TypeAlias = tuple[tuple[float | None, ...], tuple[float, ...]]


class Key(NamedTuple):
    """One key of a rope dict.

    Parameters
    ----------
    name : str
        The key in the file.
    sets : str
        The field of :class:`ropeinterp.RopeSpec` that it sets, or the number that one
        follows from: attention_factor, mscale, mscale_all_dim.
    kind : str
        "number", "length", "bool" or "numbers" (a list).
    nullable : bool
        Whether null stands for a value that lengths give.
    zero_is_missing : bool
        Whether 0 counts as absent.
    """

    name: str
    sets: str
    kind: str = "number"
    nullable: bool = False
    zero_is_missing: bool = False


# Keys of the two lengths: of the context that a config states, and of the original one.
LENGTH_KEY = "max_position_embeddings"
ORIGINAL_KEY = "original_max_position_embeddings"

FACTOR = Key("factor", "factor")
FACTOR_OR_LENGTHS = Key("factor", "factor", nullable=True)
ORIGINAL = Key(ORIGINAL_KEY, "trained_length", "length")
ATTENTION_FACTOR = Key("attention_factor", "attention_factor")


class Scheme(NamedTuple):
    """One way from parameters to frequencies.

    Parameters
    ----------
    name : str
        That of specs, and of the formula in src/frequencies/schemes.c.
    parameters : callable
        From the fields of a spec to the parameters of the formula in C.
    float32 : callable
        From the fields of a spec to inverse frequencies, shape (ceil(dim / 2),), in
        transformers' order of float32 operations.
    required, optional : tuple of Key
        Keys of the rope dict beside the type word and the base.
    fields : tuple of str
        Fields that a spec must have.
    least_dim : int
        Fewest channels for which the formula is defined.
    dialects : tuple of str
        In which its name is a type word.
    word : str
        Type word that configs have for it where that is not its name.
    scales : bool
        Whether there is a scaling that could be taken away.
    unscaled : str
        The scheme that is left without the scaling.
    grows : bool
        Whether its base grows with the length of the sequence.
    needs_log_base : bool
        Whether its formula divides by the logarithm of the base.
    needs_whole_pairs : bool
        Whether an odd dim has no meaning for it.
    trained_length_key : {"original", "length", "none"}
        Which key of a config holds the trained length: one of its own,
        ``max_position_embeddings``, or none.
    lengths_give_factor : bool
        Whether the factor is the ratio of the length to the original one.
    length_is_extended : bool
        Whether ``max_position_embeddings`` is always the extended length; in configs of
        other schemes it can be the original one.
    usual_base : float or None
        Base of every model with it, whatever the class default is.
    needs_head_dim : bool
        Whether transformers 5.23.0 looks for the width of a head under ``head_dim``
        alone.
    attention : callable or None
        From the fields of a spec to the multiplier of cos and sin that it asks for;
        None where it asks for none.
    attention_origin : str
        What that follows from, in words.
    divides_slowest : bool
        Whether the frequency of the slowest pair is divided by the whole factor.
    v4_by_lengths : bool
        Whether transformers 4 takes the ratio of the two lengths for the factor, and
        the original one from the top of the config.
    """

    name: str
    parameters: Callable[[Fields], Parameters]
    float32: Callable[[Fields], Float32]
    required: tuple[Key, ...] = ()
    optional: tuple[Key, ...] = ()
    fields: tuple[str, ...] = ()
    least_dim: int = 1
    dialects: tuple[str, ...] = tuple(DIALECTS)
    word: str = ""
    scales: bool = True
    unscaled: str = "default"
    grows: bool = False
    needs_log_base: bool = False
    needs_whole_pairs: bool = False
    trained_length_key: str = "original"
    lengths_give_factor: bool = False
    length_is_extended: bool = False
    usual_base: float | None = None
    needs_head_dim: bool = False
    attention: Callable[[Fields], float] | None = None
    attention_origin: str = ""
    divides_slowest: bool = True
    v4_by_lengths: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """Required and optional keys."""
        return (*self.required, *self.optional)

    def requires(self, name: str) -> bool:
        """Whether it has no numbers without a key."""
        return any(key.name == name for key in self.required)

    def has(self, name: str) -> bool:
        """Whether a key is one of its own."""
        return any(key.name == name for key in self.keys)
