"""What is to be reached, and whether it was: printed, never asserted."""

from typing import NamedTuple

import cases as c
import peers as p


class Target(NamedTuple):
    name: str
    least: bool  # at least, or at most
    bound: float
    value: object  # a function of the results; KeyError, ValueError where a time lacks


def targets():
    for dtype, in_place in (("float32", 0.85), ("bfloat16", 0.9), ("float16", 0.9)):
        yield mu(dtype, p.IN_PLACE, in_place)
        yield mu(dtype, p.OUT, 1.15)
    for dtype in c.FLOATS:
        for form in (p.IN_PLACE, p.OUT):
            yield Target(
                f"{dtype} {form}, (B,S,H,D) over (B,H,S,D)",
                False,
                1.1,
                lambda r, d=dtype, f=form: (
                    r.mu(p.OURS, c.BY_TOKEN, d, f) / r.mu(p.OURS, c.PREFILL, d, f)
                ),
            )
    for peer, bound in (
        (p.EAGER, 11),
        (p.EAGER_HUGE, 4.5),
        (p.COMPILED, 5),
        (p.COMPILED_HUGE, 2.4),
    ):
        for dtype in c.FLOATS:
            yield ratio(peer, c.PREFILL, dtype, p.FRESH, bound)
    for dtype in c.FLOATS:
        yield Target(
            f"{p.EAGER} over {p.OURS_TORCH}, {c.PREFILL} {dtype} {p.FRESH}",
            True,
            11,
            lambda r, d=dtype: (
                r.mu(p.EAGER, c.PREFILL, d, p.FRESH)
                / r.mu(p.OURS_TORCH, c.PREFILL, d, p.FRESH)
            ),
        )
    yield ratio(p.ORT, c.PREFILL, "float32", p.OUT, 2.3)
    yield ratio(p.ORT, c.PREFILL, "float16", p.OUT, 5)
    yield ratio(p.GGML, c.BY_TOKEN, "float32", p.OUT, 1.4)
    yield ratio(p.GGML, c.BY_TOKEN, "float16", p.OUT, 3)
    yield ratio(p.NUMBA, c.PREFILL, "float32", p.OUT, 1.0)
    yield Target(
        "tables 131k preallocated, over fill",
        False,
        2.7,
        lambda r: r.mu(p.OURS, "tables", "131k", p.OUT),
    )
    yield ratio(p.NUMPY, "tables", "131k", p.OUT, 2)
    yield ratio(p.NUMPY, "tables", "131k", p.FRESH, 4)
    yield ratio(p.EAGER, "tables", "131k", p.FRESH, 30)
    yield microseconds("decode, rope with out=, 32 heads", c.DECODE_Q, p.UFUNC, 2)
    for form in (p.IN_PLACE, p.OUT, p.FRESH):
        yield microseconds(f"decode, spec.apply {form}", c.DECODE_Q, form, 6)
    for form in (p.IN_PLACE, p.OUT, p.FRESH):
        key = c.DECODE_Q, "bfloat16", form
        yield Target(
            f"decode bfloat16 {form}, {p.OURS_TORCH} less {p.OURS}, µs",
            False,
            5,
            lambda r, k=key: (
                1e6 * (r.seconds(p.OURS_TORCH, *k) - r.seconds(p.OURS, *k))
            ),
        )
    yield Target("inv_freq of the slowest scheme, µs", False, 10, slowest_scheme)


def slowest_scheme(r):
    """From the parameters to the array."""
    return 1e6 * max(
        r.seconds(*key)
        for key in r.times
        if key[:2] == (p.OURS, "inv_freq") and key[3] == p.MADE
    )


def mu(dtype, form, bound):
    key = p.OURS, c.PREFILL, dtype, form
    return Target(f"prefill {dtype} {form}, mu", False, bound, lambda r: r.mu(*key))


def ratio(peer, row, column, form, bound):
    name = f"{peer} over ours, {row} {column} {form}"
    return Target(name, True, bound, lambda r: r.ratio(peer, row, column, form))


def microseconds(name, row, form, bound):
    key = p.OURS, row, "float32", form
    return Target(f"{name}, µs", False, bound, lambda r: r.seconds(*key) * 1e6)


def report(results):
    yield "## Targets\n"
    yield "| | target | here | |"
    yield "|---|---:|---:|---|"
    for target in targets():
        sign = "≥" if target.least else "≤"
        try:
            value = target.value(results)
        except (KeyError, ValueError):
            here, verdict = "", "not measured"
        else:
            met = value >= target.bound if target.least else value <= target.bound
            here, verdict = f"{value:.3g}", "met" if met else "**not met**"
        yield f"| {target.name} | {sign} {target.bound} | {here} | {verdict} |"
