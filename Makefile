# One habit, one command. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find src/tidegate -name '*.py')
PIP_OPTIONS := --quiet --disable-pip-version-check
BUILD_FILES := pyproject.toml setup.py
ARGS ?=
SIM_SEEDS ?= 150
# One more than there are processors: many tests wait for a process, or for time to pass.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))

define INSTALL_EXTRA
$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['$(1)'], sep='\n')" > $(VENV)/$(1).txt
$(BIN)/python -m pip install $(PIP_OPTIONS) -r $(VENV)/$(1).txt
endef

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.PHONY: install
install: $(VENV)/.run ## set up .venv with everything to run the venue

.PHONY: up
up: $(VENV)/.run ## run a venue; ARGS="--port-offset 100" passes options on
	$(BIN)/tidegate up $(ARGS)

.PHONY: demo
demo: $(VENV)/.run ## play the life of a few orders
	$(BIN)/tidegate demo

.PHONY: test
test: $(VENV)/.dev ## run the tests with the installed core (compiled where there is a compiler)
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

.PHONY: test-pure
test-pure: $(VENV)/.dev ## run the tests with the interpreted core
	TIDEGATE_PURE=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: flow
flow: $(VENV)/.dev ## send a real order flow through the FIX port, kill the venue on the way, reconcile
	$(BIN)/python -m tests.flow.run_flow $(ARGS)

.PHONY: flow-books
flow-books: $(VENV)/.dev ## the same flow, every message of market data compared with the engine; ARGS="--events 20000"
	$(BIN)/python -m tests.flow.run_books $(ARGS)

.PHONY: torture
torture: $(VENV)/.dev ## kill and freeze venues under load, audit after each; ARGS="--kills 500 --seed 7"
	$(BIN)/python -m tests.torture.run_torture $(ARGS)

.PHONY: overload
overload: $(VENV)/.dev ## round trips of 448 sessions, alone and beside 52 that misbehave
	$(BIN)/python -m tests.overload.run_overload $(ARGS)

.PHONY: sim
sim: $(VENV)/.run ## a batch of simulated worlds; SEED=42 runs one and shrinks it where it fails
ifdef SEED
	$(BIN)/tidegate sim --seed $(SEED) --shrink $(ARGS)
else
	$(BIN)/tidegate sim --seeds $(SIM_SEEDS) --coverage $(ARGS)
endif

.PHONY: sabotage
sabotage: $(VENV)/.dev ## break a copy of the source on purpose, see the simulation notice; writes docs/sabotages.md
	$(BIN)/python -m tests.sabotage.hunt $(ARGS)

.PHONY: rejects
rejects: $(VENV)/.dev ## write docs/rejects.md: every refusal, with an order that provokes it
	$(BIN)/python -m tests.scenario.rejects_document

.PHONY: bench
bench: $(VENV)/.bench ## measure the running venue against two peers in the same run
	$(BIN)/python -m benchmarks.run $(ARGS)

.PHONY: clean
clean: ## remove what was built; data directories stay
	rm -rf $(VENV) build dist benchmarks/build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find src -name '*.so' -delete
	rm -rf src/*.egg-info

# Debian splits the venv module from Python: say which package is missing rather than how it fails.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; set PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "Install the venv module: apt-get install python3-venv" >&2; exit 2; }

# The core is compiled while the package is installed, so its sources are prerequisites. Whether it
# runs compiled is for TIDEGATE_PURE to say at run time, not when it is built.
$(VENV)/.run: $(BIN)/python $(BUILD_FILES) $(SOURCES)
	find src -name '*.so' -delete
	env -u TIDEGATE_PURE $(BIN)/python -m pip install $(PIP_OPTIONS) --editable '.[parquet]'
	$(BIN)/tidegate version
	touch $@

# Only what the extra names: installing the package again would compile it again.
$(VENV)/.dev: $(VENV)/.run
	$(call INSTALL_EXTRA,dev)
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(call INSTALL_EXTRA,bench)
	touch $@
