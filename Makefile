# Two commands set everything up on a machine with Python 3.11 or 3.12 and make:
#   make bench   environment, install, the main job on the embedded data, tables
#   make test    environment, install, lint, types, tests
# and one measures speed, on cores that do nothing else:
#   make benchmark    every stage against its peer and the machine's limit, in about fifteen minutes

PYTHON ?= $(shell for p in python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PROFILE ?= quick
# Not results/: that folder holds the reference results, and a run there would find nothing left to do.
RESULTS ?= runs
# The main job; 'all' takes every attack, control and filter.
ATTACKS ?= cama

.PHONY: bench benchmark test lint types tests check-python clean

bench: $(VENV)/.installed
	$(BIN)/bench run --attack '$(ATTACKS)' --targets all --profile $(PROFILE) --results $(RESULTS) --pictures

test: lint types tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev
	$(BIN)/pytest

check-python:
	@test -n "$(PYTHON)" || { echo "benchbench needs Python 3.11 or 3.12; set PYTHON=/path/to/python3.12"; exit 1; }

$(BIN)/python: | check-python
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.installed

benchmark: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks --write $(RESULTS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
