# Everything a developer does here, by name; `make help` lists it.

# The first Python on the PATH that the project supports. 3.11 first: newer ones need a C compiler for some wheels.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo run sandbox test check check-kurigram fix dev secrets fuzz bench chaos soak search simulate screenshots docs clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv with the project and its development tools

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 on the PATH; install one or say make PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); the first time takes about a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[documents]' --group dev
	@touch $@

demo: setup ## Watch Okos at work for half a minute, with nothing to configure
	@$(BIN)/okos demo

run: setup ## Start the whole of Okos on this machine
	@$(BIN)/okos up

# 4430: what Okos is told of it stays right when it is started again. The state is what was said so far.
SANDBOX ?= --port 4430 --state .okos/sandbox
sandbox: setup ## Talk to the bot without an account: a Telegram data centre with a text client
	@PYTHONPATH=tests $(BIN)/python -m datacentre $(SANDBOX)

# Much of a test is waiting for processes: three files at a time, in their order. One by one: make test TESTS=
TESTS ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder
test: setup ## Run the tests
	@$(BIN)/python -m pytest $(TESTS)

check: setup ## Check format, lint, types, layers, dependencies and secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests/web/conftest.py
	MYPYPATH=tests $(BIN)/mypy tests/process/engine/conftest.py
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python .ci/find_secrets.py
	$(BIN)/python .ci/audit.py

# The fork imports as pyrogram, too. Its environment holds it alone, and takes all the rest from .venv, behind it in the
# path: so no file of Pyrogram is ever in the package that is imported (tests/telegram/test_library.py).
# Some of the tests: make check-kurigram KURIGRAM_TESTS=tests/telegram/test_intake_order.py
KURIGRAM := kurigram==2.2.26
KURIGRAM_VENV := $(VENV)/kurigram
KURIGRAM_TESTS ?= tests/telegram
check-kurigram: $(KURIGRAM_VENV)/.installed ## Run the Telegram tests with kurigram in Pyrogram's place
	@TESTED_LIBRARY=$(KURIGRAM) $(KURIGRAM_VENV)/bin/python -m pytest $(KURIGRAM_TESTS)

$(KURIGRAM_VENV)/.installed: $(INSTALLED) Makefile
	@echo "Setting up $(KURIGRAM_VENV) with $(KURIGRAM)."
	@$(BIN)/python -m venv --clear --without-pip $(KURIGRAM_VENV)
	@$(BIN)/python -m pip --python $(KURIGRAM_VENV)/bin/python install --quiet --disable-pip-version-check $(KURIGRAM)
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir({!r})".format(sysconfig.get_path("purelib")))' \
		> "$$($(KURIGRAM_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/behind.pth"
	@touch $@

fix: setup ## Format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# dramatiq's default pattern, *.py, matches nothing below the watched folder with watchdog 7: say the deep one.
dev: setup ## Run workers that reload when a source file changes
	@$(BIN)/dramatiq okos.actors --watch . --watch-include '**/*.py'

# Thirty times what `make test` tries takes some ten minutes; without end: make fuzz FUZZ=100000
FUZZ ?= 30
fuzz: setup ## Try odd updates, forms, payloads and arguments for some minutes, other ones each time
	@FUZZ_FACTOR=$(FUZZ) $(BIN)/python -m pytest -m fuzz --timeout 0

# Compose mounts them into containers, whose user is another: the folder is ours alone, the files are for all to read.
# What only you can know is left empty, which counts as not set.
SECRETS := docker/secrets
secrets: ## Make the secrets of docker/compose.yaml that are not there yet
	@install -d -m 700 $(SECRETS)
	@cd $(SECRETS) && random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } \
	&& make_secret() { [ -e "$$1" ] || { printf '%s' "$$2" > "$$1" && chmod 644 "$$1" && echo "made $(SECRETS)/$$1"; }; } \
	&& make_secret redis_url "redis://okos:$$(random)@valkey:6379/0" \
	&& make_secret operator_token "$$(random)" && make_secret grafana_password "$$(random)" \
	&& for name in viewer_token model_api_key bot_token api_hash; do make_secret $$name ''; done

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

docs: setup ## Build the documentation as a site, in build/site; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file config/mkdocs.yml
	@echo "The documentation is in build/site/index.html."

clean: ## Remove .venv and everything that the tools left
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
