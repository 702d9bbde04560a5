"""What the README and the pages of docs/ show is what happens."""

import ast
import doctest
import importlib.util
import re
from pathlib import Path

import pytest

from ropeinterp import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")


def blocks(page, language):
    text = page.read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def not_installed(examples):
    """Packages that the examples import and that are not here."""
    nodes = [n for e in examples for n in ast.walk(ast.parse(e.source))]
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    names += [n.module for n in nodes if isinstance(n, ast.ImportFrom)]
    return {
        n for n in (m.split(".")[0] for m in names) if not importlib.util.find_spec(n)
    }


PAGES = [p for p in (README, *sorted(ROOT.glob("docs/*.md"))) if blocks(p, "python")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page):
    """One session per page, in the order of its blocks."""
    session = "\n".join(blocks(page, "python"))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, None, 0)
    assert test.examples
    if missing := not_installed(test.examples):
        pytest.skip(f"{', '.join(sorted(missing))} not installed")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


def test_every_python_block_holds_examples():
    for page in PAGES:
        for block in blocks(page, "python"):
            assert doctest.DocTestParser().get_examples(block), (page.name, block)


SCREEN = re.compile(r"`ropeinterp ([^`]+)` prints\n\n```text\n(.*?)^```", re.S | re.M)
SCREENS = [
    pytest.param(*match.groups(), id=match[1])
    for page in (README, ROOT / "docs" / "check.md")
    for match in SCREEN.finditer(page.read_text())
]


@pytest.mark.parametrize(("command", "screen"), SCREENS)
def test_a_screen_of_a_page_is_the_one_that_is_printed(capsys, command, screen):
    words = command.split()
    files = [sorted(map(str, Path().glob(w))) if "*" in w else [w] for w in words]
    code = cli.main([name for names in files for name in names])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (screen, "")
    assert code == (words[0] == "check")


def test_the_pages_have_screens():
    assert [p.values[0].split()[0] for p in SCREENS] == ["show", "check", "check"]
