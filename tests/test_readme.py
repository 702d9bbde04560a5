"""What the README shows is what happens."""

import doctest
import re
from pathlib import Path

import pytest

from ropeinterp import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_python_of_the_readme_runs():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for block in blocks("python"):
        test = doctest.DocTestParser().get_doctest(block, {}, "README", None, 0)
        assert test.examples
        assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


def test_the_screen_of_the_readme_is_the_one_that_is_shown(capsys):
    command = re.search(r"^`ropeinterp (show \S+)` prints", README, re.MULTILINE)
    assert cli.main(command[1].split()) == 0
    assert blocks("text") == [capsys.readouterr().out]
