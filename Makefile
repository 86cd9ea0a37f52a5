# Everything a newcomer types. Needs Python 3.11+, Node 20, git and make; nothing else.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
# One more than there are cores: acceptance tests wait for servers half of their time.
TEST_WORKERS ?= 3
DEMO_ARGS ?=

.PHONY: help setup check test demo serve bench format lock docs

help:  ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.demo requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/.dev  ## make the virtual environment with everything pinned, fetch the console's libraries
	$(BIN)/python tools/prepare_console.py

format: .venv/.dev  ## put the code into its one form
	$(BIN)/ruff format drover tests tools bench examples
	$(BIN)/ruff check --fix drover tests tools bench examples

check: .venv/.dev  ## lint, types, layers, sizes: under a minute
	$(BIN)/ruff format --check drover tests tools bench examples
	$(BIN)/ruff check drover tests tools bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_size.py drover
	$(BIN)/python tools/make_reference.py --check

# Tests start hundreds of processes: each would compile every module where none may be written.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.dev  ## all tests
	$(BIN)/python tools/prepare_tests.py
	$(BIN)/python tools/prepare_console.py
	$(BIN)/coverage erase
	$(BIN)/python -m pytest $(TESTS) -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/python tools/check_coverage.py

demo: .venv/.demo  ## run a job over 28,000 airports and show the result
	$(BIN)/python -m examples.airports.demo $(DEMO_ARGS)

serve: .venv/.demo  ## leave a server running on 127.0.0.1:8080
	$(BIN)/drover serve

bench: .venv/.dev  ## measure, with ratios to bounds taken in the same run
	$(BIN)/python -m bench

docs: .venv/.dev  ## write the generated reference pages
	$(BIN)/python tools/make_reference.py

lock: .venv/bin/python  ## pin and hash the requirements again
	$(BIN)/python -m pip install --quiet uv
	for set in runtime demo dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header requirements/$$set.in -o requirements/$$set.txt; done
