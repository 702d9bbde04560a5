"""What the README and the pages of docs show is what happens."""

import doctest
import re
from pathlib import Path

import pytest

from ropeinterp import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_python_of_a_page_runs(path):
    """A page that needs packages says so in its first line: <!-- needs: torch -->."""
    page = path.read_text()
    needs = re.match("<!-- needs: (.*) -->", page)
    for package in needs[1].split() if needs else []:
        pytest.importorskip(package, reason=f"{package} is not installed")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    names = {}
    for block in blocks("python", page):
        test = doctest.DocTestParser().get_doctest(block, names, path.name, None, 0)
        assert test.examples
        runner = doctest.DocTestRunner(optionflags=flags)
        assert runner.run(test, clear_globs=False).failed == 0
        names = test.globs


def test_the_screen_of_the_readme_is_the_one_that_is_shown(capsys):
    command = re.search(r"^`ropeinterp (show \S+)` prints", README, re.MULTILINE)
    assert cli.main(command[1].split()) == 0
    assert blocks("text") == [capsys.readouterr().out]
