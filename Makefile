# Needs Python >= 3.11, a C compiler and make; everything else comes by pip into .venv.
#   make run          the main job: a real config in, rotated arrays out
#   make test         every test that needs no heavy package
#   make test-all     also the slow ones and those with torch, dask and xarray
#   make lint         ruff, mypy, clang-format
#   make bench        time us beside memcpy and other packages, write benchmarks/README.md
#   make bench-quick  only us, memcpy and NumPy, in two minutes
#   make bench-check  how long `ropeinterp check` takes, from its start
#   make accuracy     measure how exact the tables are, write docs/accuracy.md
#   make rules        write docs/rules.md from the rules of the check
#   make docs         run every example of the docstrings, of the README and of docs/
#   make wheel-check  install the wheel alone in an empty venv and use it
# ARGS are passed on, PYTHON chooses the interpreter: make test ARGS="-k yarn -x"

USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(USABLE)' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard src/*/*.[ch]) setup.py pyproject.toml

.PHONY: run test test-all lint bench bench-quick bench-check accuracy rules docs wheel-check clean
.DELETE_ON_ERROR:

run: $(VENV)/examples.stamp
	$(BIN)/python docs/examples/main_job.py $(ARGS)

test: $(VENV)/test.stamp
	$(BIN)/pytest -m "not slow" $(ARGS)

test-all: $(VENV)/test-all.stamp
	$(BIN)/pytest $(ARGS)

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict ropeinterp
	$(BIN)/clang-format --dry-run -Werror src/*/*.[ch]

# The other packages are large: a venv of their own. ggml comes as sources, and where it
# cannot be built the table says so.
BENCH := $(VENV)-bench
bench:
	$(MAKE) VENV=$(BENCH) $(BENCH)/bench.stamp
	-$(BENCH)/bin/pip install --quiet ggml-python==0.0.45
	$(BENCH)/bin/python benchmarks/bench.py --write $(ARGS)

bench-quick: $(VENV)/test.stamp
	$(BIN)/python benchmarks/bench.py --quick $(ARGS)

bench-check: $(VENV)/test.stamp
	PYTHONPATH=tests $(BIN)/python benchmarks/check_speed.py

accuracy: $(VENV)/test.stamp
	PYTHONPATH=tests $(BIN)/python benchmarks/accuracy.py --output docs/accuracy.md $(ARGS)

rules: $(VENV)/test.stamp
	$(BIN)/ropeinterp explain --all >docs/rules.md

# Modules and pages of packages that are not installed are left out.
docs: $(VENV)/test.stamp
	$(BIN)/pytest --doctest-modules --doctest-ignore-import-errors ropeinterp \
		tests/test_readme.py $(ARGS)

# build/lib is removed because setuptools would ship what an earlier build left there.
# The script changes to another directory: the wheel is imported, not the sources.
wheel-check: VENV := .venv-wheel
wheel-check:
	$(if $(PYTHON),,$(error no Python >= 3.11 with venv found: set PYTHON=))
	rm -rf $(VENV) build/wheel build/lib* build/temp*
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(VENV)/bin/pip install --quiet build/wheel/*.whl
	$(VENV)/bin/python .ci/wheel_check.py

clean:
	rm -rf .venv* build dist *.egg-info ropeinterp/*.so

# One stamp per extra of pyproject.toml; stale when anything that is compiled changes.
# Bytecode as pip makes it for a wheel: some environments let Python write none, and every
# start would then compile all modules.
$(VENV)/%.stamp: $(SOURCES) | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[$*]'
	$(BIN)/python -m compileall -q ropeinterp
	touch $@

$(BIN)/python:
	$(if $(PYTHON),,$(error no Python >= 3.11 with venv found: set PYTHON=))
	$(PYTHON) -m venv $(VENV)
