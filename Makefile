# Needs make and Python 3.10 or newer; everything else goes into $(VENV).
#   make demo    make test    make test-slow    make lint    make clean
#   make docs [DATA=folder] [SPHINXOPTS="-D plot_gallery=0"], which runs no examples
#   make dist, what is uploaded    make matrix, the tests with old and new versions

PYTHON ?= python3
VENV   ?= .venv
DATA   ?= $(SKDVN_DATA)

ifneq ($(DATA),)
export SKDVN_DATA := $(DATA)
endif

# Small networks gain nothing from several threads, and lose much on a busy machine.
export OMP_NUM_THREADS ?= 1

BIN     := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q -c constraints.txt
RECIPE  := setup.py pyproject.toml constraints.txt

.PHONY: demo test test-slow lint docs dist matrix clean

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

dist: | $(BIN)/python
	$(INSTALL) build twine
	rm -rf build dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

matrix: | $(BIN)/python
	$(INSTALL) nox uv
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/nox

docs: $(VENV)/.docs
	rm -rf docs/api_reference
	$(BIN)/python -m sphinx -E -W --keep-going $(SPHINXOPTS) docs docs/_build/html

# Empty files that remember what is installed, so that a second run starts at once.
$(VENV)/.demo: $(RECIPE) | $(BIN)/python
	$(INSTALL) -e ".[plot,progress]"
	@touch $@

$(VENV)/.test: $(RECIPE) | $(BIN)/python
	$(INSTALL) -e ".[test]"
	@touch $@

$(VENV)/.lint: $(RECIPE) | $(BIN)/python
	$(INSTALL) -e ".[lint]"
	@touch $@

$(VENV)/.docs: $(RECIPE) | $(BIN)/python
	$(INSTALL) -e ".[docs]"
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/api_reference docs/auto_examples docs/sg_execution_times.rst
	rm -rf .mypy_cache .nox
	rm -f demo.png examples/demo.png
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
