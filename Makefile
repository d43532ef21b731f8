# Each target sets up what it needs; the set-up costs nothing the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test cover check soak bench dependencies site clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(READY)  ## make .venv with everything, pinned

# torch is installed first and by itself: asked for together with the rest, pip may prefer a
# build with several gigabytes of GPU libraries.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: setup  ## the whole line on the sandbox market: minutes, no key, no network
	$(BIN)/gogooku demo

# What one process of the tests has compiled, the others read.
test cover soak: export PYTHONDONTWRITEBYTECODE =

test: setup  ## all tests
	$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadfile --no-loadscope-reorder

cover: setup  ## the same, with the share of the lines that they run: a quarter longer
	$(BIN)/python -m pytest --cov -m "not soak" -n 2 --dist loadfile --no-loadscope-reorder

check: setup  ## lint, format, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: setup  ## the long versions: hundreds of kills, full sizes
	$(BIN)/python -m pytest -m soak --timeout 3600

bench: setup  ## what the README's numbers are measured with
	$(BIN)/python benchmarks/run_all.py

dependencies: setup  ## write docs/dependencies.md: versions and licences
	$(BIN)/python tests/support/dependencies.py

site: setup  ## the pages in docs/ as a site, both languages: build/site/index.html
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:  ## remove the environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage
