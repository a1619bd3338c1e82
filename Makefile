# The first of these that runs is used; name another with: make PYTHON=/path/to/python3
PYTHON ?= python3.13 python3.12 python3.11 python3
PYTHON_OLDEST ?= python3.11
PYTEST ?=

VENV := .venv
VENV_OLDEST := .venv-oldest
BIN := $(VENV)/bin
UV := .venv-lock/bin/uv

# What a user's own set-up would change.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
export PYTHONNOUSERSITE := 1

.PHONY: help demo test test-kernels lint format test-oldest lock clean environment

help:
	@echo "make demo         prune, generate, verify and compare a small network, in a few minutes"
	@echo "make test         all checks and tests"
	@echo "make test-kernels every layer kind, reuse factor, sparsity and io_type with sparse kernels"
	@echo "make test-oldest  smoke run on TensorFlow 2.14.1 (skipped without Python 3.11)"
	@echo "make lint         style, types and import order"
	@echo "make format       format the sources"
	@echo "make lock         solve the requirements again (UPGRADE=--upgrade takes newer versions)"
	@echo "make clean        remove the environments"

environment:
	@.ci/environment $(VENV) requirements.txt $(PYTHON)

demo: environment
	@$(BIN)/fpgaprune study projects/digits_mlp -o build/digits_mlp

test: lint
	$(BIN)/python -m pytest -n 2 $(PYTEST)

test-kernels: environment
	$(BIN)/python -m pytest -n 2 -m matrix tests/test_kernel_matrix.py $(PYTEST)

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: environment
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-oldest:
	@if .ci/environment --find $(PYTHON_OLDEST) >/dev/null 2>&1; then \
		.ci/environment $(VENV_OLDEST) requirements-oldest.txt $(PYTHON_OLDEST) && \
		$(VENV_OLDEST)/bin/python -m pytest -m oldest $(PYTEST); \
	else \
		echo "Skipped the run on TensorFlow 2.14.1: it needs Python 3.11, and $(PYTHON_OLDEST) does not run here."; \
	fi

# Versions and hashes only: where packages come from is the business of whoever installs them.
LOCK := $(UV) pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate pyproject.toml

lock:
	@test -x $(UV) || { $$(.ci/environment --find $(PYTHON)) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	$(LOCK) $(UPGRADE) --universal --extra dev -o requirements.txt
	$(LOCK) $(UPGRADE) --extra keras --extra test --constraint requirements-oldest.in -o requirements-oldest.txt
	@! grep -nE '://|^--' requirements.txt requirements-oldest.txt

clean:
	rm -rf $(VENV) $(VENV_OLDEST) .venv-lock
