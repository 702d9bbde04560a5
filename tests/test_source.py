"""The rules of the house that a reader relies on: who includes whom, and what not."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = sorted((ROOT / "ropeinterp").rglob("*.py"))
C = sorted((ROOT / "src").rglob("*.[ch]"))
# A wing of src/ includes itself and those before it; only the last one sees Python.
WINGS = ("frequencies", "kernels", "module")

# A module imports from lower lines only; imports for annotations do not count.
LAYERS = (
    ("_core",),
    ("errors", "memory", "options", "ufuncs"),
    ("arguments", "layouts", "positions", "scalars"),
    ("frequencies", "planes"),
    ("hf32", "schemes"),
    ("export", "invariants", "jobs", "plain", "tables"),
    ("doors", "rotate"),
    ("spec",),
    ("models", "engines"),
    ("reading",),
    ("config",),
    ("torch", "dask", "xarray", "planning", "precision"),
    ("checks", "compare"),
    ("explain", "formats", "plot", "report", "settings"),
    ("check_command",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Rows about models and engines are for the reader of configs alone.
READERS = {"reading", "config"}
ENGINES = re.compile(r"vllm|sglang|llama\.cpp|\bmlx", re.IGNORECASE)
LIBM = re.compile(
    r"\b(sin|cos|tan|sincos|pow|exp|exp2|log|log2|sqrt|floor|ceil|trunc|rint|round|"
    r"nearbyint|fma|fmod|fmax|fmin|remainder|ldexp|frexp|fabs|hypot)[fl]?\s*\("
)
ALLOCATES = re.compile(r"\b(malloc|calloc|realloc|alloca|free|PyMem_\w+)\s*\(")


def code(path):
    """Text of a C file without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.DOTALL)


def included(path):
    """Return the names that a C file includes, and those of them that are ours."""
    names = re.findall(r'#include\s+[<"]([^>"]+)', code(path))
    places = [(path.parent / n, ROOT / "src" / n) for n in names]
    return names, [p for both in places for p in both if p.exists()]


def includes(path):
    """Names of the headers that a C file includes, headers of headers too."""
    names, ours = included(path)
    return set(names).union(*(includes(p) for p in ours))


def imports(tree):
    """Modules of ropeinterp that run when a module of it runs."""
    for node in tree:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "ropeinterp":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and "ropeinterp." in (node.module or ""):
            yield node.module.split(".")[1]
        yield from imports(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: p.name)
def test_a_module_imports_lower_layers_only(path):
    name = path.relative_to(ROOT / "ropeinterp").parts[0].removesuffix(".py")
    if name == "__init__":
        return
    assert name in RANK, f"{name} has no line in LAYERS"
    for other in set(imports([ast.parse(path.read_text())])) - {name}:
        assert RANK[other] < RANK[name], f"{name} imports {other}"
        assert other not in {"models", "engines"} or name in READERS


def test_importing_the_package_imports_nothing_optional():
    optional = "argparse dask matplotlib ml_dtypes torch transformers xarray"
    program = f"""import sys, numpy; before = set(sys.modules)
import ropeinterp; print(*(set(sys.modules) - before) & {set(optional.split())})"""
    command = [sys.executable, "-W", "error", "-c", program]
    assert subprocess.check_output(command, text=True, cwd=ROOT).split() == []


@pytest.mark.parametrize("path", C, ids=lambda p: p.name)
def test_c_files_keep_to_their_wing(path):
    wing, seen, text = path.parent.name, includes(path), code(path)
    for other in included(path)[1]:
        assert WINGS.index(other.parent.name) <= WINGS.index(wing), other
    if wing != WINGS[-1]:
        assert not [n for n in seen if n == "Python.h" or n.startswith("numpy")]
        assert not seen & {"math.h", "tgmath.h", "complex.h", "stdlib.h"}
        assert not LIBM.search(text)
    assert not ALLOCATES.search(text)


@pytest.mark.parametrize("path", C, ids=lambda p: p.name)
def test_a_template_has_no_guard_and_a_header_has_one(path):
    text = code(path)
    users = [p for p in C for other in included(p)[1] if other == path]
    if path.name.endswith(".inc.h"):
        assert len(users) > 1
        assert "#ifndef ROPE_" not in text.split("{")[0]
    elif path.suffix == ".h":
        guard = f"ROPE_{path.stem.upper()}_H".replace("ROPE_ROPE", "ROPE")
        assert re.match(rf"\s*#ifndef {guard}\n#define {guard}\n", text)
    else:
        assert not users


# A path within the repository, a document, or a file of C by its name.
CITED = re.compile(
    r"(?<![\w./<~-])((?:docs|tests|src|benchmarks)/[\w./]*\w\.\w+|[\w.]*\w\.md|"
    r"[\w./]*\w\.(?:inc\.h|[ch]))(?![\w(])"
)


def comments(path):
    """Comments of a C file; all of a Python file, whose docstrings are texts too."""
    text = path.read_text()
    if path in C:
        found = re.findall(r"/\*.*?\*/", text, flags=re.DOTALL)
        text = re.sub(r"\n \* ", " ", "\n".join(found))
    return text


@pytest.mark.parametrize("path", [*PYTHON, *C], ids=lambda p: p.name)
def test_what_a_comment_cites_is_in_the_repository(path):
    text = comments(path)
    for name in set(CITED.findall(text)):
        by_name = [p for p in C if f"/{p.relative_to(ROOT)}".endswith(f"/{name}")]
        assert (ROOT / name).exists() or by_name, name
    for name, titles in re.findall(r'(docs/\w+\.md),((?:(?: and)? "[^"]+",?)+)', text):
        headings = re.findall(r"^#+ (.*)", (ROOT / name).read_text(), re.MULTILINE)
        assert set(re.findall(r'"([^"]+)"', titles)) <= set(headings)


@pytest.mark.parametrize("path", [*PYTHON, *C], ids=lambda p: p.name)
def test_engines_are_rows_and_not_code(path):
    if path.name != "engines.py":
        assert not ENGINES.search(path.read_text())


def test_no_compiler_may_reorder_arithmetic():
    build = [*ROOT.glob("*.py"), *ROOT.glob("*.toml"), *ROOT.glob("M*")]
    for path in [*build, *C, *(ROOT / ".ci").glob("*")]:
        assert not re.search(r"fast-?math|Ofast", path.read_text()), path


def test_contributing_opens_with_the_tree():
    tree = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1]
    words = {word.strip("/") for word in tree.replace("<isa>", "*").split()}
    for name in {path.relative_to(ROOT).parts[1] for path in [*PYTHON, *C]}:
        assert any(fnmatch(name, word) for word in words), name


def test_soft_limits_are_told(capsys):
    lines = {p.name: p.read_text().count("\n") for p in [*PYTHON, *C]}
    with capsys.disabled():
        print("\nover 300 lines:", *(f"{p} {n}" for p, n in lines.items() if n > 300))
