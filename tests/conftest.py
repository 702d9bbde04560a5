"""The extension once per instruction set; what a run tells: its data, its errors."""

import importlib.util
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest
from records import DATA

import ropeinterp._core

REPOSITORY = Path(__file__).parents[1]
_ERRORS = pytest.StashKey[dict]()


def _core_of(isa):
    """A second instance of the extension, with the kernels of one instruction set."""
    name = f"ropeinterp_{isa}._core"
    loader = ExtensionFileLoader(name, ropeinterp._core.__file__)
    spec = importlib.util.spec_from_loader(name, loader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROPEINTERP_ISA", isa)
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    assert module.isa == isa
    return module


@pytest.fixture(scope="session", params=ropeinterp._core.isas)
def core(request):
    """The extension module, once for every instruction set of this machine."""
    return _core_of(request.param)


@pytest.fixture(scope="session")
def every_core():
    """All of them at once, to compare their bits."""
    return [_core_of(isa) for isa in ropeinterp._core.isas]


def pytest_report_header():
    return f"recorded data: {DATA}"


def pytest_configure(config):
    config.stash[_ERRORS] = {}


@pytest.fixture
def largest(request):
    """Record an error in ulps under a name; the summary shows the largest ones."""

    def record(name, value, count=1):
        errors = request.config.stash[_ERRORS]
        worst, total = errors.get(name, (0.0, 0))
        errors[name] = max(worst, value), total + count

    return record


def pytest_terminal_summary(terminalreporter, config):
    errors = config.stash[_ERRORS]
    if errors:
        terminalreporter.section("largest errors against mpmath")
        for name, (worst, count) in sorted(errors.items()):
            terminalreporter.line(f"{name:<28} {worst:.6f} ulp of {count:>7} values")
