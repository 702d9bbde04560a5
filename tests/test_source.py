"""The rules of the house that a reader relies on: who includes whom, and what not."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from ropeinterp.schemes import SCHEMES

ROOT = Path(__file__).parents[1]
PYTHON = sorted((ROOT / "ropeinterp").rglob("*.py"))
C = sorted((ROOT / "src").rglob("*.[ch]"))
# A wing of src/ includes itself and those before it; only the last one sees Python.
WINGS = ("frequencies", "kernels", "module")

# The package from the bottom to the top, imports for annotations included: a module
# imports from lower lines only. A sub-package is one word, and has lines of its own.
LAYERS = {
    "ropeinterp": (
        ("_core", "kinds", "limits", "text"),
        ("dialects", "errors", "fields", "ufuncs"),
        ("layouts", "positions", "schemes"),
        ("frequencies", "invariants", "export", "rotation"),
        ("arrays",),
        ("spec",),
        ("planning", "precision", "dask", "xarray", "config"),
        ("checks", "torch"),
        ("cli",),
        ("__main__",),
    ),
    "ropeinterp.schemes": (
        ("float32", "logarithm", "sweep"),
        ("scheme",),
        ("*",),  # a scheme is a file, and may take from another one
        ("__init__",),
        ("derived",),
    ),
    "ropeinterp.arrays": (
        ("__init__", "arguments", "adapters", "memory"),
        ("jobs", "small_calls", "tables"),
        ("rotate",),
    ),
    "ropeinterp.config": (
        ("axes", "files", "models", "result"),
        ("json_source", "names"),
        ("locate", "no_model", "values"),
        ("reading",),
        ("rope_dict",),
        ("attention", "base", "heads", "layer_rules", "lengths", "width"),
        ("block", "layers", "switches"),
        ("reader",),
        ("__init__",),
    ),
    "ropeinterp.checks": (
        ("effect", "finding", "spans", "words"),
        ("document", "editing"),
        ("target",),
        ("both_schemas", "families", "rule"),
        ("rules",),
        ("driver",),
        ("__init__", "fix"),
    ),
    "ropeinterp.checks.rules": (
        ("common",),
        ("file", "rope_type", "keys", "both_schemas", "defaults", "misplaced"),
        ("foreign",),
        ("types", "ranges", "lists", "widths", "lengths", "contexts"),
        ("dialects", "precision"),
        ("__init__",),
    ),
    "ropeinterp.cli": (
        ("colour", "settings", "sources"),
        ("explain", "formats", "show"),
        ("check", "options", "show_text"),
        ("__init__",),
    ),
    "ropeinterp.cli.formats": (
        ("__init__", "text"),
        ("github", "json", "sarif"),
    ),
    "ropeinterp.torch": (
        ("tensors",),
        ("operators",),
        ("composed", "embedding", "faults"),
        ("dispatch", "modules"),
        ("patching", "verification"),
        ("__init__",),
    ),
}
PACKAGE = "ropeinterp"
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


def name_of(path):
    """Dotted name of a module, that of a package with __init__."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


TREES = {name_of(path): ast.parse(path.read_text()) for path in PYTHON}
MODULES = {*TREES, f"{PACKAGE}._core"}


def module_named(dotted):
    """The module of a dotted name, or None where it names no module."""
    package = f"{dotted}.__init__"
    return package if package in MODULES else dotted if dotted in MODULES else None


def imports_of(tree):
    """Modules of ours that a module imports, at whatever place and for annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from filter(None, (module_named(a.name) for a in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = module_named(f"{node.module}.{alias.name}")
                found = inner or module_named(node.module)
                if found:
                    yield found


def circle(imports):
    """Names of a circle of imports, or None."""
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        return error.args[1]
    return None


IMPORTS = {name: set(imports_of(tree)) for name, tree in TREES.items()}


def test_no_import_comes_back():
    assert circle(IMPORTS) is None


def place(name, package):
    """Line of a module, or of the sub-package that holds it, in a package."""
    word = name.removeprefix(f"{package}.").split(".")[0]
    named = [line for line, words in enumerate(LAYERS[package]) if word in words]
    others = [line for line, words in enumerate(LAYERS[package]) if "*" in words]
    assert named or others, f"{name} has no line in LAYERS[{package!r}]"
    return (named or others)[0]


@pytest.mark.parametrize("package", LAYERS)
def test_a_module_imports_lower_layers_only(package):
    depth = package.count(".") + 1
    within = {n for n in MODULES if n.startswith(f"{package}.")}
    for name in within - {f"{PACKAGE}.__init__"}:
        own = place(name, package)
        for other in IMPORTS.get(name, set()) & within:
            same = name.split(".")[depth] == other.split(".")[depth]
            same = same or "*" in LAYERS[package][own]
            lower = place(other, package) < own + same
            assert lower, f"{name} imports {other}"


def test_every_package_has_layers():
    packages = {n.removesuffix(".__init__") for n in TREES if n.endswith(".__init__")}
    assert packages == set(LAYERS)


def compared_words(tree):
    """Words that a module compares with something, by == or in, and what with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for side in sides:
                rest = " ".join(ast.unparse(s) for s in sides if s is not side)
                for leaf in ast.walk(side):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield leaf.value, rest
        elif isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant):
            yield node.value.value, "match"


# Names of schemes that are ordinary words, too: these count beside a scheme only.
ORDINARY = {"default", "given", "linear", "dynamic"}
ABOUT_SCHEMES = re.compile(r"scheme|rope_type|word|match")


@pytest.mark.parametrize("name", TREES)
def test_nothing_asks_which_scheme_it_is(name):
    if name.startswith(f"{PACKAGE}.schemes."):
        return
    asked = {
        word
        for word, other in compared_words(TREES[name])
        if word in SCHEMES and (word not in ORDINARY or ABOUT_SCHEMES.search(other))
    }
    assert not asked


def private_names(tree):
    """Names with an underscore that a module or its classes define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for leaf in (leaf for t in targets for leaf in ast.walk(t)):
                if isinstance(leaf, ast.Name):
                    yield leaf.id
                elif isinstance(leaf, ast.Attribute):
                    yield leaf.attr


def is_private(word):
    return word.startswith("_") and not word.startswith("__")


PRIVATE = {n: set(filter(is_private, private_names(t))) for n, t in TREES.items()}


@pytest.mark.parametrize("name", TREES)
def test_private_names_stay_at_home(name):
    foreign = set().union(*PRIVATE.values()) - PRIVATE[name]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute):
            assert node.attr not in foreign, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and PACKAGE in (node.module or ""):
            taken = {alias.name for alias in node.names} - {"_core"}
            assert not any(map(is_private, taken)), ast.unparse(node)


@pytest.mark.parametrize("name", TREES)
def test_no_type_is_forged(name):
    ours = {
        node.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("cast"):
            assert not ours & set(re.findall(r"\w+", ast.unparse(node.args[0])))


def test_a_clone_that_was_not_built_says_so(tmp_path):
    for path in PYTHON:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", "import ropeinterp"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ropeinterp is imported from")
    assert "_core was not built" in last
    assert "pip install --editable ." in last


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
