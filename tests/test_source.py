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
C = sorted((ROOT / "src").glob("*.[ch]"))

# A module imports from lower lines only; imports for annotations do not count.
LAYERS = (
    ("_core",),
    ("text", "ufuncs"),
    ("errors",),
    ("layouts", "positions", "scalars"),
    ("frequencies", "planes"),
    ("hf32", "schemes"),
    ("export", "invariants", "arrays"),
    ("spec",),
    ("config",),
    ("torch", "dask", "xarray", "planning", "precision"),
    ("checks",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ENGINES = re.compile(r"vllm|sglang|llama\.cpp|\bmlx", re.IGNORECASE)
LIBM = re.compile(
    r"\b(sin|cos|tan|sincos|pow|exp|exp2|log|log2|sqrt|floor|ceil|trunc|rint|round|"
    r"nearbyint|fma|fmod|remainder|ldexp|frexp|fabs|hypot)[fl]?\s*\("
)
ALLOCATES = re.compile(r"\b(malloc|calloc|realloc|alloca|free|PyMem_\w+)\s*\(")


def code(path):
    """Text of a C file without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.DOTALL)


def includes(path):
    """Names of the headers that a C file includes, headers of headers too."""
    names = set(re.findall(r'#include\s+[<"]([^>"]+)', code(path)))
    ours = (path.parent / name for name in names)
    return names.union(*(includes(p) for p in ours if p.exists() and p != path))


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


def test_importing_the_package_imports_nothing_optional():
    optional = "argparse dask matplotlib ml_dtypes torch transformers xarray"
    program = f"""import sys, numpy; before = set(sys.modules)
import ropeinterp; print(*(set(sys.modules) - before) & {set(optional.split())})"""
    command = [sys.executable, "-W", "error", "-c", program]
    assert subprocess.check_output(command, text=True, cwd=ROOT).split() == []


@pytest.mark.parametrize("path", C, ids=lambda p: p.name)
def test_c_files_keep_to_their_side(path):
    seen, text = includes(path), code(path)
    if not path.name.startswith(("module", "ufuncs", "numpy_api")):
        assert not [n for n in seen if n == "Python.h" or n.startswith("numpy")]
    if path.name.startswith(("kernels", "phase", "half", "dispatch")):
        assert "math.h" not in seen
        assert not LIBM.search(text)
    assert not ALLOCATES.search(text)


@pytest.mark.parametrize("path", [*PYTHON, *C], ids=lambda p: p.name)
def test_engines_are_rows_and_not_code(path):
    if path.name != "engines.py":
        assert not ENGINES.search(path.read_text())


def test_tests_stand_alone():
    """No test needs another one, and nothing needs what lies beside the checkout."""
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
        names += [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
        assert not [n for n in names if n.split(".")[-1].startswith("test_")], path
        assert not re.search(r"""['"/]shared\b""", path.read_text()), path


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
