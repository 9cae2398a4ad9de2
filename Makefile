# Everything a developer does here, by name; `make help` lists it.

# The first Python on the PATH that the project supports. 3.11 first: newer ones need a C compiler for some wheels.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo run sandbox test check check-kurigram fix dev bench chaos soak search simulate screenshots clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv with the project and its development tools

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 on the PATH; install one or say make PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); the first time takes about a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

demo: setup ## Watch Okos at work for half a minute, with nothing to configure
	@$(BIN)/okos demo

run: setup ## Start the whole of Okos on this machine
	@$(BIN)/okos up

# 4430: what Okos is told of it stays right when it is started again. The state is what was said so far.
SANDBOX ?= --port 4430 --state .okos/sandbox
sandbox: setup ## Talk to the bot without an account: a Telegram data centre with a text client
	@PYTHONPATH=tests $(BIN)/python -m datacentre $(SANDBOX)

test: setup ## Run the tests
	@$(BIN)/python -m pytest

check: setup ## Check format, lint, types, layers and dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests/web/conftest.py
	$(BIN)/lint-imports
	$(BIN)/deptry .

# The fork imports as pyrogram, too: it needs an environment in which Pyrogram is not, made from nothing each time,
# since taking Pyrogram out takes files of the fork with it.
KURIGRAM := kurigram==2.2.26
KURIGRAM_VENV := $(VENV)/kurigram
check-kurigram: $(KURIGRAM_VENV)/.installed ## Run the Telegram tests with kurigram in Pyrogram's place
	@$(KURIGRAM_VENV)/bin/python -m pytest tests/telegram

$(KURIGRAM_VENV)/.installed: $(INSTALLED) Makefile
	@echo "Setting up $(KURIGRAM_VENV) with $(KURIGRAM)."
	@$(PYTHON) -m venv --clear $(KURIGRAM_VENV)
	@$(KURIGRAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(KURIGRAM_VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@$(KURIGRAM_VENV)/bin/python -m pip uninstall --quiet --yes pyrogram
	@$(KURIGRAM_VENV)/bin/python -m pip install --quiet $(KURIGRAM)
	@touch $@

fix: setup ## Format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# dramatiq's default pattern, *.py, matches nothing below the watched folder with watchdog 7: say the deep one.
dev: setup ## Run workers that reload when a source file changes
	@$(BIN)/dramatiq okos.actors --watch . --watch-include '**/*.py'

bench: setup ## Measure the engine against stock Dramatiq, side by side
	@$(BIN)/python -m benchmarks

# One seed again: make chaos CHAOS='--seed 123'
CHAOS ?= --seeds 10 --scenario all
chaos: setup ## Kill, freeze and cut off workers and server, by ten seeds and every scenario, and account for every message
	@$(BIN)/python -m chaos $(CHAOS)

SOAK ?= --minutes 30
soak: setup ## Half an hour at 70 % load: what is used must not grow
	@$(BIN)/python -m chaos --soak $(SOAK)

simulate: setup ## Measure what a message costs, and play a million users with that
	@$(BIN)/python -m benchmarks.simulation

search: setup ## Search larger worlds of mailboxes for a broken promise, in a quarter of an hour
	@$(BIN)/python tests/exhaustive/larger.py

# An hour of work fills the charts: make screenshots SCREENSHOTS='--minutes 60'
SCREENSHOTS ?= --minutes 3
screenshots: setup ## Take the pictures of the pages, docs/images, from a system at work
	@$(BIN)/python tests/web/screenshots.py $(SCREENSHOTS)

clean: ## Remove .venv and everything that the tools left
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
