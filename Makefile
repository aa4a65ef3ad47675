# make install   the serving install in .venv, with .venv/bin/neuralscan
# make run       install, then serve the page with generated sample studies
# make test      everything the tests need, then the tests, WORKERS=2 files at a time
# make package   cross-validate, evaluate and package a network; DATA=DIR names the images
# make lint      ruff, as the tests' authors run it
# make clean     caches and build outputs; `make distclean` takes .venv too
#
# One file, constraints.txt, holds the versions of all of them. A stamp per kind of install makes
# the second call a matter of milliseconds; editing setup.py or constraints.txt renews it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check \
	--constraint constraints.txt
INPUTS := setup.py pyproject.toml constraints.txt
PORT ?= 8080
WORKERS ?= 2
CONFIG ?= third
OUT ?= appliance/models/$(CONFIG)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test package lint format clean distclean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no python3 found: install Python 3.11 first" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || echo \
		"constraints.txt is for Python 3.11, $(PYTHON) is another: if this fails, install 3.11" >&2
	@echo "creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { echo "on Debian: apt-get install python3-venv" >&2; exit 1; }

# Build tools first, from the same constraints, so that the build needs no isolated download.
$(VENV)/.build: constraints.txt | $(BIN)/python
	@echo "installing the build tools"
	@$(PIP_INSTALL) setuptools wheel
	@touch $@

$(VENV)/.serving: $(INPUTS) $(VENV)/.build
	@echo "installing neuralscan-edge (serving) into $(VENV)"
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.all: $(INPUTS) $(VENV)/.build
	@echo "installing neuralscan-edge[all] into $(VENV)"
	@$(PIP_INSTALL) --no-build-isolation --editable '.[all]'
	@touch $@ $(VENV)/.serving

install: $(VENV)/.serving

run: install
	@$(BIN)/neuralscan serve --demo --port $(PORT) $(ARGS)

test: $(VENV)/.all
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

package: $(VENV)/.all
	@test -n "$(DATA)" || { echo "usage: make package DATA=DIR (see training/README.md)" >&2; exit 2; }
	@$(BIN)/python -m training crossvalidate $(CONFIG) --folds 1 2 3 4 --data "$(DATA)" --out runs/$(CONFIG)
	@$(BIN)/python -m training evaluate runs/$(CONFIG) --data "$(DATA)"
	@$(BIN)/python -m optimize package runs/$(CONFIG)/fold4 --data "$(DATA)" --out $(OUT) \
		--evaluation runs/$(CONFIG)/evaluation/evaluation.json

lint: $(VENV)/.all
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.all
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 -r rm -rf

distclean: clean
	rm -rf $(VENV)
