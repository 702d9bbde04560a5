"""What a config means, as one screen of text made from its report."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ropeinterp.cli.colour import Paint
from ropeinterp.cli.show import Report
from ropeinterp.text import escaped

_WIDTH = 80
_ROWS = 16
# Largest rounding of a cosine: half an ulp of float32, and of bfloat16, below 1.
_HALF_ULP, _BFLOAT16 = 2.0**-25, 2.0**-9


def screen(report: Report, title: str, every: bool, paint: Paint) -> str:
    """One screen that explains the positions of a model.

    Parameters
    ----------
    report : dict
        From :func:`ropeinterp.cli.show.describe`.
    title : str
        What was read.
    every : bool
        Show every pair, not about 16 of them.
    paint : callable
        From a style ("title" or "new") and a text to that text in colour, or not.

    Returns
    -------
    str
        Lines of at most 80 columns, except where a name of the config is longer.
    """
    kind = report["model_type"]
    title = f"{escaped(title)}: {escaped(kind) if kind else 'model type not stated'}"
    lines = [paint("title", title), *_sections(report, "", every, paint)]
    notes = list(dict.fromkeys(_notes(report)))
    if notes:
        lines += ["", paint("title", "Notes"), *notes]
    return "\n".join(lines) + "\n"


def _sections(report: Report, name: str, every: bool, paint: Paint) -> Iterator[str]:
    parts = report["parts"]
    # A composite model is its text part; that part alone shows it.
    if all(part["layers"] != report["layers"] for part in parts.values()):
        for key, layer in report["layers"].items():
            single = key == "default" and len(report["layers"]) == 1
            heading = _heading(report, name, "" if single else key)
            yield ""
            if heading:
                yield paint("title", heading)
            yield from _section(layer, every, paint) if layer else ["  not rotated"]
        if not report["layers"]:
            yield from ["", f"{escaped(name)}: not rotated" if name else "not rotated"]
    for key, part in parts.items():
        yield from _sections(part, f"{name}.{key}".strip("."), every, paint)


def _heading(report: Report, part: str, key: str) -> str:
    heading = ", ".join(escaped(word) for word in (part, key) if word)
    keys = report["layer_keys"]
    if keys and key:
        names = (key,) if report["layers"][key] else (key, None)
        heading += f" ({sum(k in names for k in keys)} of {len(keys)} layers)"
    return heading


def _section(layer: Report, every: bool, paint: Paint) -> Iterator[str]:
    yield from _parameter_lines(layer)
    yield ""
    rows = layer["pairs"]
    yield (
        f"  {len(rows)} pairs on {layer['rotary_dim']} of "
        f"{layer['parameters']['head_dim']} channels, periods in tokens"
    )
    yield from _table(rows, every, paint)
    yield ""
    yield from _outcome(layer, paint)
    if layer["precision"]:
        yield ""
        yield from _precision_lines(layer["precision"], every)


def _parameter_lines(layer: Report) -> Iterator[str]:
    shown = layer["parameters"] | {"attention_scaling": layer["attention_scaling"]}
    values = {name: _written(v) for name, v in shown.items()}
    name_width = max(map(len, values))
    value_width = min(max(map(len, values.values())), 13)
    for name, value in values.items():
        line = f"  {name:{name_width}}  {value:>{value_width}}"
        origin = escaped(layer["origins"].get(name, ""))
        if origin and len(line) + 2 + len(origin) > _WIDTH:
            yield line
            yield _wrapped(origin, 6)
        else:
            yield f"{line}  {origin}".rstrip()


def _table(rows: list[Report], every: bool, paint: Paint) -> Iterator[str]:
    shown = rows if every else _representative(rows)
    yield (
        f"  {'pair':>4}  {'period before':>13}  {'period after':>13}  "
        f"{'turns trained':>13}  {'kind':12}  phases"
    )
    for row in shown:
        turns = _amount(row["turns"]) if "turns" in row else "unknown"
        phases = "" if "inside" not in row else "seen" if row["inside"] else "new"
        line = (
            f"  {row['pair']:4}  {_amount(row['period_before']):>13}  "
            f"{_amount(row['period_after']):>13}  {turns:>13}  {row['kind']:12}  "
        )
        yield (line + paint(phases, phases)).rstrip()
    if len(shown) < len(rows):
        yield f"  {len(shown)} of {len(rows)} pairs; --all shows every one"


def _representative(rows: list[Report]) -> list[Report]:
    """Rows on both sides of every change, and others evenly between."""
    last = len(rows) - 1
    marks = {0, last}
    for before, after in pairwise(rows):
        if any(before[n] != after[n] for n in ("kind", "inside") if n in after):
            marks |= {before["pair"], after["pair"]}
    if len(marks) > _ROWS:
        marks = {0, last}
    for step in range(1, _ROWS):  # halves, thirds, ...: as many as there is room for
        even = {round(i * last / step) for i in range(step + 1)}
        if len(marks | even) <= _ROWS:
            best = marks | even
    return [rows[k] for k in sorted(best)]


def _outcome(layer: Report, paint: Paint) -> Iterator[str]:
    seen, n = layer["coverage"], len(layer["pairs"])
    if seen is None:
        yield "  What was seen in training is not known; --trained-length tells it."
        return
    length, trained = seen["length"], seen["trained_length"]
    yield (
        f"  At {length:,} tokens ({length / trained:.4g} x the trained {trained:,}), "
        "pairs with new phases:"
    )
    outcomes = [("as trained", seen["pairs_outside_unscaled"])]
    if any(row["period_before"] != row["period_after"] for row in layer["pairs"]):
        outcomes.append((layer["parameters"]["scheme"], seen["pairs_outside"]))
    for method, outside in outcomes:
        count = f"{outside} of {n}"
        yield f"    {method:14}{paint('new', count) if outside else count}"
    if seen["reach"] is not None:
        yield f"  Up to {seen['reach']:,.0f} tokens no pair meets any."


def _precision_lines(errors: Report, every: bool) -> Iterator[str]:
    phase, table = errors["phase"], errors["table"]
    worst, last = max(table), len(table) - 1
    bound = "up to" if errors["exhaustive"] else "at least"
    yield f"  In float32, as transformers computes it, at {errors['length']:,} tokens:"
    yield f"    angles are off by {bound} {max(phase):.1e} rad"
    yield (
        f"    cos and sin are off by {bound} {worst:.1e} (pair {table.index(worst)}); "
        f"exact tables by {_HALF_ULP:.1e}"
    )
    count = sum(x > _BFLOAT16 for x in table)
    yield (
        f"    {count} of {len(table)} pairs by more than a bfloat16 table rounds, "
        f"{_BFLOAT16:.1e}"
    )
    few = {round(i * last / 7) for i in range(8)} | {table.index(worst)}
    shown = range(last + 1) if every else sorted(few)
    yield f"  {'pair':>4}  {'angle off, rad':>14}  {'cos, sin off':>14}"
    for k in shown:
        yield f"  {k:4}  {phase[k]:14.1e}  {table[k]:14.1e}"


def _notes(report: Report) -> Iterator[str]:
    for note in report["notes"]:
        yield _wrapped(escaped(f"{note['path']}: {note['message']}"), 2, 4)
    for part in report["parts"].values():
        yield from _notes(part)


def _wrapped(text: str, first: int, others: int | None = None) -> str:
    indents = " " * first, " " * (first if others is None else others)
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indents[0],
        subsequent_indent=indents[1],
        break_on_hyphens=False,
    )


def _written(value: Any) -> str:
    """Show a parameter as a config writes it."""
    if isinstance(value, (list, tuple)) and len(value) <= 4:
        return ", ".join(map(_written, value))
    if isinstance(value, (list, tuple)):
        return f"{len(value)} numbers, {min(value):g} to {max(value):g}"
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _amount(x: float | None) -> str:
    """Tokens or turns in at most 13 characters."""
    if x is None:
        return "never"
    return f"{x:.4g}" if x < 1000 else f"{x:,.0f}" if x < 1e9 else f"{x:.3e}"
