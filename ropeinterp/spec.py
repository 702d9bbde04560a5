"""RopeSpec: one rotary embedding as numbers, checked once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ropeinterp import export
from ropeinterp.arrays import adapters, rotate, tables
from ropeinterp.arrays.arguments import check_seq_len, checked_x
from ropeinterp.errors import ParameterError
from ropeinterp.fields import DEFAULTS, SCALING, Fields
from ropeinterp.invariants import CHECKS, check_together, checked_each
from ropeinterp.layouts import LAYOUTS
from ropeinterp.rotation import Rotation
from ropeinterp.schemes import SCHEMES, derived
from ropeinterp.schemes.logarithm import Number
from ropeinterp.schemes.longrope import longrope_attention
from ropeinterp.schemes.yarn import yarn_attention
from ropeinterp.text import printable

if TYPE_CHECKING:
    from typing import Self

_PRECISIONS = ("exact", "hf32")
# What two specs have in common where keys of one are re-encoded for the other.
_ALIKE = ("layout", "rotary_dim", "rotary_offset", "axis_map", "position_scale")


@dataclass(frozen=True, kw_only=True)
class RopeSpec(Fields):
    """One rotary embedding: frequencies, attention factor, layout. Numbers only.

    Made by the constructors named after the schemes, or by :func:`ropeinterp.read`.
    Specs compare and hash by value and never change.

    Attributes
    ----------
    scheme : str
        "default", "linear" (position interpolation), "ntk" (NTK-aware base scaling),
        "dynamic", "yarn", "longrope", "llama3", "proportional" (p-RoPE), or "given" for
        frequencies that come from elsewhere.
    dim : int
        Channels that divide the exponents, ``base ** (-2 k / dim)``.
    base : float or None
        Rotary base (theta), from 1 to 1e30; None for given frequencies.
    head_dim, rotary_offset : int
        Channels of one head (default: no more than are rotated), and the channel where
        the rotated slice begins.
    layout : str
        "half", "interleaved", "interleaved_to_half", "half_reversed" or "half_blocks":
        in which channels the two halves of a pair stand.
    factor : float or Fraction
        Context multiplier ``length / trained_length``.
    trained_length, length : int or None
        Tokens of the original and of the extended context.
    attention_scaling : float
        Multiplies cos and sin, so that scores get its square; dimensionless.
    logit_scale : float
        Softmax scale of DeepSeek-style models, dimensionless; never part of cos and
        sin. The key logit_scale of Cohere's configs is something else.
    position_scale : float
        Multiplies positions before the frequency (vision towers over patch centres).
    query_scale : tuple of float or None
        ``(beta, length, offset)``: queries are multiplied by
        ``1 + beta * ln(1 + floor((position + offset) / length))``; travels only.
    axis_map : tuple of int or None
        For each pair the axis of the positions that drives it; None for one axis. With
        one entry per channel, the two halves of a pair follow axes of their own.
    frequency_map : tuple of int or None
        For each pair the index k of its frequency; None for 0, 1, 2, ...
    seq_len : int or None
        Length at which a dynamic spec is frozen, see :meth:`at`.
    beta_fast, beta_slow : float
        YaRN's ramp: turns within `trained_length` above which a pair is left alone and
        below which it is interpolated.
    truncate : bool
        Whether the bounds of the ramp are rounded outwards to whole pairs.
    low_freq_factor, high_freq_factor : float or None
        Llama-3's blend: turns within `trained_length` that bound it.
    short_factors, long_factors : tuple of float or None
        LongRoPE's lists; the long one counts for more than `trained_length` tokens.
    long_attention_scaling : float or None
        Where it differs, `attention_scaling` beyond `trained_length` (phimoe).
    partial_rotary_factor : float
        Share of the pairs that turn, of the proportional scheme.
    frequencies : tuple of float or None
        Given frequencies, radians per token.
    """

    def __post_init__(self) -> None:
        """Check every number once."""
        values = vars(self)
        values.update(checked_each(values))
        if self.head_dim == 0:
            values["head_dim"] = self.rotary_offset + self.rotary_dim
        check_together(self)

    # ---- what is derived, when first asked for, of fields that never change ----------

    @cached_property
    def _inv_freq(self) -> NDArray[np.float64]:
        return derived.inv_freq(self)

    @cached_property
    def _rotation(self) -> Rotation:
        """Of a spec with fixed frequencies."""
        return Rotation(
            derived.turn_planes(self),
            LAYOUTS[self.layout],
            self.attention_scaling,
            self.position_scale,
            self.rotary_offset,
            self.axis_map,
        )

    def __getstate__(self) -> dict[str, object]:
        """Return the fields: a copy or another process derives its own arrays."""
        return {name: getattr(self, name) for name in DEFAULTS}

    def _with(self, **changed: object) -> Self:
        """Return a copy with other values, which need no check."""
        copy = object.__new__(type(self))
        vars(copy).update(self.__getstate__() | changed)
        return copy

    # ---- constructors: one per scheme ------------------------------------------

    @classmethod
    def default(cls, dim: int, base: float = 1e4, **more: Any) -> Self:
        """Plain rotary embedding.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even.
        base : float, optional
            Rotary base (theta).
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] arXiv:2104.09864.

        Examples
        --------
        >>> RopeSpec.default(4).inv_freq()
        array([1.  , 0.01])
        """
        return cls(scheme="default", dim=_even(dim), base=base, **more)

    @classmethod
    def linear(
        cls, dim: int, base: float = 1e4, *, factor: Number, **more: Any
    ) -> Self:
        """Position interpolation: every frequency divided by `factor`.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even.
        base : float, optional
            Rotary base (theta).
        factor : int, float or Fraction
            Context multiplier ``m / m_l``; a Fraction stays exact.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] arXiv:2306.15595.

        Examples
        --------
        >>> RopeSpec.linear(4, factor=2).inv_freq()
        array([0.5  , 0.005])
        """
        return cls(scheme="linear", dim=_even(dim), base=base, factor=factor, **more)

    @classmethod
    def ntk(cls, dim: int, base: float = 1e4, *, factor: Number, **more: Any) -> Self:
        """NTK-aware base scaling: the base times :func:`ropeinterp.base_scale`.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even and more than 2.
        base : float, optional
            Rotary base (theta) before scaling.
        factor : int, float or Fraction
            Context multiplier ``m / m_l``.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] arXiv:2501.09223, section on base scaling.

        Examples
        --------
        >>> RopeSpec.ntk(4, factor=2).inv_freq()
        array([1.   , 0.005])
        """
        return cls(scheme="ntk", dim=_even(dim), base=base, factor=factor, **more)

    @classmethod
    def dynamic(
        cls,
        dim: int,
        base: float = 1e4,
        *,
        factor: Number,
        trained_length: int,
        **more: Any,
    ) -> Self:
        """Dynamic base scaling: the base grows with the sequence length.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even and more than 2.
        base : float, optional
            Rotary base (theta).
        factor : int, float or Fraction
            Multiplier of the growth.
        trained_length : int
            Tokens up to which nothing is scaled.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] transformers 5.23.0, ``_compute_dynamic_ntk_parameters``.

        Examples
        --------
        >>> RopeSpec.dynamic(4, factor=2, trained_length=4096).inv_freq(seq_len=6144)
        array([1.   , 0.005])
        """
        return cls(
            scheme="dynamic",
            dim=_even(dim),
            base=base,
            factor=factor,
            trained_length=trained_length,
            **more,
        )

    @classmethod
    def yarn(
        cls,
        dim: int,
        base: float = 1e4,
        *,
        factor: Number,
        trained_length: int,
        attention_factor: float | None = None,
        mscale: float | None = None,
        mscale_all_dim: float | None = None,
        **more: Any,
    ) -> Self:
        """YaRN: interpolation by parts and an attention factor.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even.
        base : float, optional
            Rotary base (theta), greater than 1.
        factor : int, float or Fraction
            Context multiplier.
        trained_length : int
            Tokens of the original context.
        attention_factor : float, optional
            Multiplier of cos and sin; by default ``0.1 ln(factor) + 1``.
        mscale, mscale_all_dim : float, optional
            DeepSeek's pair of weights for that default.
        **more
            `beta_fast`, `beta_slow`, `truncate` and any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] arXiv:2309.00071.

        Examples
        --------
        >>> s = RopeSpec.yarn(64, factor=4, trained_length=4096)
        >>> s.attention_scaling
        1.138629436111989
        """
        factor = CHECKS["factor"]("factor", factor)
        if attention_factor is not None:
            CHECKS["attention_scaling"]("attention_factor", attention_factor)
        if attention_factor is None:
            attention_factor = yarn_attention(factor, mscale, mscale_all_dim)
        return cls(
            scheme="yarn",
            dim=_even(dim),
            base=base,
            factor=factor,
            trained_length=trained_length,
            attention_scaling=attention_factor,
            **more,
        )

    @classmethod
    def longrope(
        cls,
        dim: int,
        base: float = 1e4,
        *,
        short_factors: Iterable[float],
        long_factors: Iterable[float],
        trained_length: int,
        factor: Number = 1.0,
        attention_factor: float | None = None,
        **more: Any,
    ) -> Self:
        """LongRoPE: one divisor per pair, another list beyond the trained length.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even.
        base : float, optional
            Rotary base (theta).
        short_factors, long_factors : iterable of float
            ``dim // 2`` divisors each.
        trained_length : int
            Tokens up to which the short list counts.
        factor : int, float or Fraction, optional
            Context multiplier, which sets the attention factor.
        attention_factor : float, optional
            Multiplier of cos and sin; by default
            ``sqrt(1 + ln(factor) / ln(trained_length))``.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] arXiv:2402.13753.

        Examples
        --------
        >>> s = RopeSpec.longrope(4, short_factors=[1, 1], long_factors=[1, 4],
        ...                       trained_length=4096)
        >>> s.inv_freq(seq_len=4097)
        array([1.    , 0.0025])
        """
        factor = CHECKS["factor"]("factor", factor)
        if attention_factor is not None:
            CHECKS["attention_scaling"]("attention_factor", attention_factor)
        trained_length = CHECKS["trained_length"]("trained_length", trained_length)
        if attention_factor is None:
            attention_factor = longrope_attention(factor, trained_length)
        more |= {"short_factors": short_factors, "long_factors": long_factors}
        return cls(
            scheme="longrope",
            dim=_even(dim),
            base=base,
            factor=factor,
            trained_length=trained_length,
            attention_scaling=attention_factor,
            **more,
        )

    @classmethod
    def llama3(
        cls,
        dim: int,
        base: float = 5e5,
        *,
        factor: Number = 8.0,
        low_freq_factor: float = 1.0,
        high_freq_factor: float = 4.0,
        trained_length: int = 8192,
        **more: Any,
    ) -> Self:
        """Llama-3: slow pairs interpolated, fast ones kept, a blend between.

        Parameters
        ----------
        dim : int
            Rotated channels of one head, even.
        base : float, optional
            Rotary base (theta).
        factor : int, float or Fraction, optional
            Context multiplier.
        low_freq_factor, high_freq_factor : float, optional
            Turns within `trained_length` that bound the blend.
        trained_length : int, optional
            Tokens of the original context.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] transformers 5.23.0, ``_compute_llama3_parameters``.

        Examples
        --------
        >>> RopeSpec.llama3(4, 1e4).inv_freq()
        array([1.  , 0.01])
        """
        return cls(
            scheme="llama3",
            dim=_even(dim),
            base=base,
            factor=factor,
            low_freq_factor=low_freq_factor,
            high_freq_factor=high_freq_factor,
            trained_length=trained_length,
            **more,
        )

    @classmethod
    def proportional(
        cls,
        dim: int,
        base: float = 1e4,
        *,
        partial_rotary_factor: float = 1.0,
        factor: Number = 1.0,
        **more: Any,
    ) -> Self:
        """Proportional RoPE: the first pairs turn, the others stay as they are.

        Parameters
        ----------
        dim : int
            Channels of the whole head, even; they divide the exponents.
        base : float, optional
            Rotary base (theta).
        partial_rotary_factor : float, optional
            Share of the pairs that turn, above 0 and at most 1.
        factor : int, float or Fraction, optional
            Context multiplier.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        References
        ----------
        .. [1] transformers 5.23.0, ``_compute_proportional_rope_parameters``.

        Examples
        --------
        >>> RopeSpec.proportional(8, partial_rotary_factor=0.5).inv_freq()
        array([1. , 0.1, 0. , 0. ])
        """
        return cls(
            scheme="proportional",
            dim=_even(dim),
            base=base,
            factor=factor,
            partial_rotary_factor=partial_rotary_factor,
            **more,
        )

    @classmethod
    def from_inv_freq(
        cls, inv_freq: ArrayLike, attention_scaling: float = 1.0, **more: Any
    ) -> Self:
        """Frequencies that come from elsewhere: a GGUF file, a model's buffer.

        Parameters
        ----------
        inv_freq : array_like of float, shape (n,)
            Radians per token, at least 0; each counts as the exact number it is.
        attention_scaling : float, optional
            Multiplier of cos and sin.
        **more
            Any other field of the spec.

        Returns
        -------
        RopeSpec

        Raises
        ------
        TypeError, ParameterError
            If a number is of a wrong type or out of range, or does not fit the others.

        Examples
        --------
        >>> RopeSpec.from_inv_freq([1.0, 0.25]).periods().round(3)
        array([ 6.283, 25.133])
        """
        values = np.asarray(inv_freq)
        if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iuf":
            raise TypeError(
                f"inv_freq must be one axis of real numbers, not {values.dtype} "
                f"of shape {values.shape}"
            )
        given = tuple(values.astype(np.float64).tolist())
        more |= {"frequencies": given, "attention_scaling": attention_scaling}
        try:
            return cls(scheme="given", dim=2 * values.size, **more)
        except ParameterError as error:  # the caller knows them by another name
            name = error.argument.replace("frequencies", "inv_freq")
            raise ParameterError(name, error.value, error.reason) from None

    # ---- what it means -----------------------------------------------------------

    @property
    def depends_on_length(self) -> bool:
        """Whether the frequencies or the attention factor depend on `seq_len`."""
        return derived.depends_on_length(self)

    def at(self, seq_len: int) -> Self:
        """Freeze the spec as it is at one sequence length.

        Parameters
        ----------
        seq_len : int
            Largest position + 1.

        Returns
        -------
        RopeSpec
            With fixed frequencies and attention factor; the spec itself if they do
            not depend on the length, or are fixed already.

        Raises
        ------
        TypeError, ValueError
            If `seq_len` is no positive integer up to 2**53.

        Examples
        --------
        >>> s = RopeSpec.dynamic(4, factor=2, trained_length=4096)
        >>> s.at(6144).inv_freq()
        array([1.   , 0.005])
        """
        check_seq_len(seq_len)
        if not self.depends_on_length:
            return self
        assert self.trained_length is not None
        beyond = seq_len > self.trained_length
        if SCHEMES[self.scheme].grows:
            return self._with(seq_len=max(int(seq_len), self.trained_length))
        factors = self.long_factors if beyond else self.short_factors
        scaling = self.long_attention_scaling if beyond else None
        return self._with(
            short_factors=factors,
            long_factors=factors,
            attention_scaling=scaling or self.attention_scaling,
            long_attention_scaling=None,
        )

    def without_scaling(self) -> Self:
        """Return the embedding that the model was trained with, before any scaling.

        Returns
        -------
        RopeSpec
            With the scaling's parameters at their defaults; the spec itself if there
            is no scaling.

        Examples
        --------
        >>> RopeSpec.linear(4, factor=2).without_scaling() == RopeSpec.default(4)
        True
        """
        scheme = SCHEMES[self.scheme]
        if not scheme.scales:
            return self
        unscaled: dict[str, Any] = {name: DEFAULTS[name] for name in SCALING}
        return replace(self, scheme=scheme.unscaled, **unscaled)

    def to_hf(self, version: int = 5) -> dict[str, Any]:
        """Keys of a Hugging Face config that say what this spec says.

        Layout, axes and offset belong to the model type: put the keys into a config of
        the same type.

        Parameters
        ----------
        version : {5, 4}, optional
            ``rope_parameters`` of transformers 5, or ``rope_scaling`` and top-level
            keys of transformers 4.

        Returns
        -------
        dict
            Reading it again gives the same spec.

        Raises
        ------
        ValueError
            If that version has no words for the spec.

        Examples
        --------
        >>> RopeSpec.linear(64, factor=2).to_hf()["rope_parameters"]["factor"]
        2.0
        """
        return export.to_hf(self, version)

    def inv_freq(
        self, seq_len: int | None = None, precision: str = "exact"
    ) -> NDArray[Any]:
        """Inverse frequencies of the pairs.

        Parameters
        ----------
        seq_len : int, optional
            Largest position + 1; by default the trained length.
        precision : {"exact", "hf32"}, optional
            "exact": real arithmetic, rounded once. "hf32": float32 in transformers'
            order of operations.

        Returns
        -------
        ndarray of float64, shape (rotary_dim // 2,)
            Radians per token, correctly rounded; float32 for "hf32".

        Raises
        ------
        TypeError, ValueError
            If `seq_len` is no positive integer up to 2**53, or the precision is
            unknown.

        Examples
        --------
        >>> RopeSpec.default(4).inv_freq(precision="hf32")
        array([1.  , 0.01], dtype=float32)
        """
        _check_precision(precision)
        spec = self if seq_len is None else self.at(seq_len)
        if precision == "exact":
            return spec._inv_freq.copy()
        return derived.float32_inv_freq(spec)

    def periods(self, seq_len: int | None = None) -> NDArray[np.float64]:
        """Periods of the pairs, ``2 pi / inv_freq``.

        Parameters
        ----------
        seq_len : int, optional
            Largest position + 1; by default the trained length.

        Returns
        -------
        ndarray of float64, shape (rotary_dim // 2,)
            Tokens per turn; infinite where the frequency is 0.

        Raises
        ------
        TypeError, ValueError
            If `seq_len` is no positive integer up to 2**53.

        Examples
        --------
        >>> RopeSpec.default(4).periods().round(1)
        array([  6.3, 628.3])
        """
        inv_freq = self.inv_freq(seq_len)
        periods = np.full_like(inv_freq, np.inf)
        np.divide(2.0 * np.pi, inv_freq, out=periods, where=inv_freq > 0)
        return periods

    def rotation(
        self, seq_len: int | None = None, precision: str = "exact"
    ) -> Rotation:
        """Give what arrays need of this spec: turn planes, layout, scales, axes.

        Parameters
        ----------
        seq_len : int, optional
            Largest position + 1; needed where the frequencies depend on it.
        precision : {"exact", "hf32"}, optional
            "hf32" adds the frequencies in float32, whose phases are then taken.

        Returns
        -------
        Rotation
            A named tuple of :mod:`ropeinterp.rotation`; its turn planes are read-only.

        Raises
        ------
        TypeError, ValueError
            If `seq_len` is missing or no length, or the precision is unknown.

        Examples
        --------
        >>> RopeSpec.default(128).rotation().layout.name
        'half'
        """
        _check_precision(precision)
        spec = self
        if seq_len is not None:
            spec = self.at(seq_len)
        elif self.depends_on_length:
            raise ValueError(
                f"seq_len is missing: what this {self.scheme} spec does depends on the "
                "length of the sequence (largest position + 1)"
            )
        if precision == "exact":
            return spec._rotation
        return spec._rotation._replace(inv_freq=derived.float32_inv_freq(spec))

    def turn_planes(self, seq_len: int | None = None) -> NDArray[np.float64]:
        """Frequencies in the form that :mod:`ropeinterp.ufuncs` takes.

        Parameters
        ----------
        seq_len : int, optional
            Largest position + 1; needed where the frequencies depend on it.

        Returns
        -------
        ndarray of float64, shape (7, rotary_dim // 2)
            Turns per token in seven parts (docs/numerics.md, "Turn planes"); read-only.

        Raises
        ------
        TypeError, ValueError
            If `seq_len` is missing or no positive integer up to 2**53.

        Examples
        --------
        >>> from ropeinterp import ufuncs
        >>> planes = RopeSpec.default(4).turn_planes()
        >>> cos, sin = ufuncs.cos_sin([0, 1], planes, 1.0)
        >>> cos.round(4)
        array([[1.    , 1.    ],
               [0.5403, 1.    ]], dtype=float32)
        """
        return self.rotation(seq_len).planes

    def cos_sin(
        self,
        positions: ArrayLike,
        seq_len: int | None = None,
        dtype: DTypeLike | str = np.float32,
        precision: str = "exact",
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Tables of cosines and sines, attention factor included.

        Parameters
        ----------
        positions : array_like of int or float64, shape (...)
            Token positions, of any sign, at most 2**53 in magnitude. With `axis_map`
            the leading axis holds one position per axis; positions without it count on
            every axis.
        seq_len : int, optional
            Largest position + 1; needed where the frequencies depend on it.
        dtype : dtype or "bfloat16", optional
            float32, float64, float16 or bfloat16 (uint16 bits without ml_dtypes).
        precision : {"exact", "hf32"}, optional
            "exact": correctly rounded phases. "hf32": float32 in transformers' order.

        Returns
        -------
        cos, sin : ndarray of `dtype`, shape (..., rotary_dim // 2)

        Raises
        ------
        TypeError, ValueError
            If an argument is of a wrong type or out of range, or `seq_len` is missing.

        Examples
        --------
        >>> cos, sin = RopeSpec.default(4).cos_sin([0, 1])
        >>> sin.round(4)
        array([[0.    , 0.    ],
               [0.8415, 0.01  ]], dtype=float32)
        """
        rotation = self.rotation(seq_len, precision)
        return tables.cos_sin(rotation, positions, dtype=dtype)

    def apply(
        self,
        x: ArrayLike,
        positions: ArrayLike | None = None,
        seq_axis: int = -2,
        seq_len: int | None = None,
        out: NDArray[Any] | None = None,
        inverse: bool = False,
        precision: str = "exact",
        threads: int | None = None,
    ) -> NDArray[Any]:
        """Rotate an array.

        Parameters
        ----------
        x : array_like of float16, bfloat16, float32 or float64, shape (..., head_dim)
            Queries or keys; the last axis holds the channels of one head. A tensor of
            torch, an array of dask and a DataArray of xarray come back as what they
            were.
        positions : array_like of int or float64, optional
            Of shape (seq,) along `seq_axis`, (batch, seq) along axis 0 and `seq_axis`,
            or any shape that broadcasts against `x` without its last axis. A leading
            axis of length `n_axes` for specs with several. Default: 0, 1, 2, ...
        seq_axis : int, optional
            Axis of `x` along which the sequence runs.
        seq_len : int, optional
            Largest position + 1; needed where the frequencies depend on it.
        out : ndarray, optional
            Where to write; `x` itself rotates in place.
        inverse : bool, optional
            Rotate by the negative angles.
        precision : {"exact", "hf32"}, optional
            "exact": correctly rounded phases. "hf32": float32 tables in transformers'
            order, then the same rotation.
        threads : int, optional
            Threads for large arrays; default 1 or ROPEINTERP_NUM_THREADS.

        Returns
        -------
        ndarray
            Of the shape and dtype of `x`; one rounding per product and sum.

        Raises
        ------
        TypeError, ValueError
            If an argument is of a wrong type, shape or range; nothing is written then.

        Examples
        --------
        >>> q = np.ones((1, 2, 3, 4))  # batch, heads, tokens, channels
        >>> RopeSpec.default(4).apply(q, [7, 8, 9]).shape
        (1, 2, 3, 4)
        """
        adapter = None if type(x) is np.ndarray else adapters.adapter_of(x)
        if adapter is not None:
            return adapters.apply(  # type: ignore[no-any-return]
                adapter,
                x,
                positions,
                self,
                seq_axis=seq_axis,
                seq_len=seq_len,
                out=out,
                inverse=inverse,
                precision=precision,
                threads=threads,
            )
        return rotate.apply(
            self.rotation(seq_len, precision),
            checked_x(x),
            positions,
            seq_axis=seq_axis,
            out=out,
            inverse=inverse,
            threads=threads,
        )

    def apply_qk(
        self,
        q: ArrayLike,
        k: ArrayLike,
        positions: ArrayLike | None = None,
        seq_axis: int = -2,
        seq_len: int | None = None,
        out: tuple[NDArray[Any], NDArray[Any]] | None = None,
        inverse: bool = False,
        precision: str = "exact",
        threads: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rotate the queries and keys of a layer: two calls of :meth:`apply` in one.

        Parameters
        ----------
        q, k : array_like, shape (..., head_dim)
            Queries and keys at the same positions, of the types that :meth:`apply`
            takes; numbers of heads may differ.
        positions, seq_axis, seq_len
            As for :meth:`apply`; they count for both arrays.
        out : pair of ndarray, optional
            Where to write; ``(q, k)`` rotates in place.
        inverse, precision, threads
            As for :meth:`apply`.

        Returns
        -------
        q, k : ndarray
            The same bits as of two calls.

        Raises
        ------
        TypeError, ValueError
            If an argument is of a wrong type, shape or range, or the two arrays of
            `out` share memory; nothing is written then.

        Examples
        --------
        >>> q, k = np.ones((1, 8, 2, 4)), np.ones((1, 2, 2, 4))
        >>> q, k = RopeSpec.default(4).apply_qk(q, k, [7, 8])
        >>> q.shape, k.shape
        ((1, 8, 2, 4), (1, 2, 2, 4))
        """
        return rotate.apply_qk(
            self.rotation(seq_len, precision),
            checked_x(q, "q"),
            checked_x(k, "k"),
            positions,
            seq_axis=seq_axis,
            out=out,
            inverse=inverse,
            threads=threads,
        )

    def shift(
        self,
        k: ArrayLike,
        delta: ArrayLike,
        seq_axis: int = -2,
        seq_len: int | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Move rotated keys by `delta` positions, as a context shift does.

        Parameters
        ----------
        k : array_like, shape (..., head_dim)
            Keys that :meth:`apply` has rotated.
        delta : array_like of int or float64
            Positions to add; one number, or shaped like the positions of `apply`.
        seq_axis, seq_len, out
            As for :meth:`apply`.

        Returns
        -------
        ndarray
            Keys as if rotated at ``position + delta``; the attention factor, which
            they carry already, is not applied again.

        Raises
        ------
        TypeError, ValueError
            If an argument is of a wrong type, shape or range, `seq_len` is missing, or
            the halves of a pair follow axes of their own; nothing is written then.

        Examples
        --------
        >>> spec, k = RopeSpec.default(4), np.ones((3, 4))
        >>> moved = spec.shift(spec.apply(k, [0, 1, 2]), 5)
        >>> np.allclose(moved, spec.apply(k, [5, 6, 7]))
        True
        """
        rotate.check_turns(self.splits_pairs, "shift")
        if delta is None:
            raise TypeError("delta must be a number or an array, not None")
        return rotate.apply(
            self.rotation(seq_len).of_rotated,
            checked_x(k, "k"),
            delta,
            seq_axis=seq_axis,
            out=out,
        )

    def retarget(
        self,
        k: ArrayLike,
        positions: ArrayLike,
        other: RopeSpec,
        seq_axis: int = -2,
        seq_len: int | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Re-encode rotated keys from this spec to another one.

        Parameters
        ----------
        k : array_like, shape (..., head_dim)
            Keys that this spec's :meth:`apply` has rotated at `positions`.
        positions : array_like of int or float64
            Their positions, shaped as for :meth:`apply`.
        other : RopeSpec
            The spec that the keys shall follow.
        seq_axis, seq_len, out
            As for :meth:`apply`; `seq_len` counts for both specs.

        Returns
        -------
        ndarray
            Keys as if `other` had rotated them, attention factor included.

        Raises
        ------
        TypeError, ValueError
            If an argument is of a wrong type, shape or range, `seq_len` is missing, the
            two specs rotate different channels, or the halves of a pair follow axes of
            their own; nothing is written then.

        Examples
        --------
        >>> old, new = RopeSpec.default(4), RopeSpec.linear(4, factor=2)
        >>> k = np.ones((3, 4))
        >>> again = old.retarget(old.apply(k, [0, 1, 2]), [0, 1, 2], new)
        >>> np.allclose(again, new.apply(k, [0, 1, 2]))
        True
        """
        if not isinstance(other, RopeSpec):
            raise TypeError(f"other must be a RopeSpec, not {type(other).__name__}")
        if positions is None:
            raise TypeError("positions must be a number or an array, not None")
        rotate.check_turns(self.splits_pairs, "retarget")
        for name in _ALIKE:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(
                    f"{name} of the two specs differs: {mine} and {theirs}"
                )
        return rotate.retarget(
            self.rotation(seq_len),
            other.rotation(seq_len),
            checked_x(k, "k"),
            positions,
            seq_axis=seq_axis,
            out=out,
        )


def _check_precision(precision: object) -> None:
    """Refuse an unknown precision."""
    if not isinstance(precision, str) or precision not in _PRECISIONS:
        raise ValueError(
            f"precision {printable(precision)}: must be one of {', '.join(_PRECISIONS)}"
        )


def _even(dim: int) -> int:
    """Constructors take whole pairs only; `read` accepts an odd dim with a note."""
    if (
        not isinstance(dim, bool)
        and isinstance(dim, (int, float, np.number))
        and dim % 2 == 1
    ):
        raise ParameterError("dim", dim, "must be even")
    return dim
