# SPDX-License-Identifier: Apache-2.0
# Each target sets up what it needs in a virtual environment of its own (.venv), from hashed requirements.
#   make demo    real mail through a real gateway, on loopback     make check   everything a change must pass
#   make test    the everyday tests                                make bench   side by side with Postfix and OpenSMTPD
#   make crash   kill it a hundred times under load                make fuzz    long fuzzing
#   make lock    resolve the requirements anew (needs uv)          make clean   remove what these targets made
#   make docs    write docs/configuration.md from the schema

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test check lint types contracts bench crash fuzz docs lock clean

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 4
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready

help:
	@sed -n 's/^# \{3\}//p' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Gatehouse needs Python 3.11 or later: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The build backend stands in the hashed list too: nothing is fetched that is not named there by hash.
$(DEV_READY): requirements-dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(DEV_READY) $(RUN_READY)

# The demo needs what the gateway runs on and the build backend, not the tools of development.
$(RUN_READY): requirements.txt requirements-build.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes --requirement requirements.txt --requirement requirements-build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(RUN_READY)

demo: $(RUN_READY)
	@$(BIN)/gatehouse demo

# More workers than processors: much of the time a test waits for a gateway. A module stays with one worker, and so do its
# gateways; the slow ones come first. The bytecode is kept because rewriting asserts takes seconds in each worker.
test: export PYTHONDONTWRITEBYTECODE =
test: $(DEV_READY)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not crash" < /dev/null

check: lint types contracts test

lint: $(DEV_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV_READY)
	$(BIN)/mypy

contracts: $(DEV_READY)
	$(BIN)/lint-imports

bench: $(DEV_READY)
	$(BIN)/python -m bench.throughput

crash: $(DEV_READY)
	$(BIN)/python -m tests.crash --publish
	$(BIN)/python -m pytest -q -m crash --timeout 3600 < /dev/null

fuzz: $(DEV_READY)
	GATEHOUSE_FUZZ=deep $(BIN)/python -m pytest -q -n $(JOBS) --timeout 7200 tests/fuzz tests/unit/smtp tests/unit/mail tests/unit/policy < /dev/null

docs: $(DEV_READY)
	$(BIN)/python -c 'from gatehouse.faces.cli.manual import page; print(page(), end="")' > docs/configuration.md

lock:
	for name in requirements requirements-acme requirements-build requirements-dev; do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	    --no-emit-index-url --no-emit-find-links $$name.in --output-file $$name.txt; done

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/.peers bench/.build bench/.results
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
