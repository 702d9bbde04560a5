"""What ``help`` of a public ufunc says: operands, units, aliasing, errors, examples."""

import doctest
import re

import numpy as np
import pytest

import ropeinterp as ri

UNITS = "1|channel|pair|rad / token|token|turn|turn / token"


@pytest.fixture(params=ri.ufuncs.__all__)
def ufunc(request):
    return getattr(ri.ufuncs, request.param)


def sections(ufunc):
    """The text before the first section, and each section by its title."""
    own = ufunc.__doc__.split("\n\n", 1)[1]  # NumPy's own line goes before
    first, *rest = re.split(r"\n\n(\w+)\n-+\n", f"{own}")
    return first, dict(zip(rest[::2], rest[1::2], strict=True))


def test_a_ufunc_says_what_it_takes(ufunc):
    head, texts = sections(ufunc)
    call = re.match(rf"{ufunc.__name__}\(([^/]*), /\)\s+(\S+)\n", head)
    assert call[2] == ufunc.signature
    operands = re.split(r",\s*", call[1])
    described = re.findall(r"^(\w.*?) : (.*)$", texts["Parameters"], re.MULTILINE)
    assert [n for names, _ in described for n in names.split(", ")] == operands
    assert len(operands) == ufunc.nin
    for names, kind in described:
        unit = "" if names == "x" else rf", ({UNITS})"  # x: of any unit
        assert re.search(rf"shape \((7, h|h,|d,|n, d)?\){unit}$", kind), names
        assert "float" in kind or names == "cos, sin"


def test_a_ufunc_says_what_it_gives(ufunc):
    _, texts = sections(ufunc)
    assert "shape" in texts["Returns"]
    assert re.search(r"dtype|float64", texts["Returns"])
    assert "`out` may" in texts["Notes"]
    assert "ulp" in texts["Notes"] + texts["Returns"]
    assert "ValueError" in texts.get("Raises", texts["Notes"])
    assert max(map(len, ufunc.__doc__.split("\n\n", 1)[1].splitlines())) <= 79


def test_its_examples_run(ufunc):
    text = ufunc.__doc__
    assert ">>>" in text
    test = doctest.DocTestParser().get_doctest(text, {}, ufunc.__name__, None, 0)
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert tried
    assert not failed


def test_units_of_results_are_said():
    for name in ri.ufuncs.__all__:
        if name.startswith("inv_freq_"):
            assert "rad / token" in getattr(ri.ufuncs, name).__doc__


def test_all_ufuncs_of_the_extension_are_public_by_their_names():
    names = {n for n, f in vars(ri._core).items() if isinstance(f, np.ufunc)}
    assert {n for n in names if n[0] != "_"} == set(ri.ufuncs.__all__)
    assert {
        f"inv_freq_{scheme}" for scheme in ri.schemes.SCHEMES if scheme != "given"
    } <= names
