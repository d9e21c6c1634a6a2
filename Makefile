# The commands that people and CI run. `make help` lists them.
#
# Each target makes its own virtual environment in .venv and installs what it needs with plain pip;
# nothing outside .venv is touched. PYTHON chooses the interpreter, WORKERS the test processes.

PYTHON ?= python3
WORKERS ?= 2
EXAMPLES ?= 100000
MINUTES ?= 60
SEED := $(or $(SEED),$(shell date +%s))
OUT ?= demo-out

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test lint format docs fuzz fuzz-schedule bench-schedule bench-spine bench-gemm bench-passes clean
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed-demo ## compile a trained classifier and run it on real images
	@$(BIN)/pellucid demo --out $(OUT)

test: $(VENV)/.installed-dev ## run the test-suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests

lint: $(VENV)/.installed-dev ## check style, formatting, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## put every file in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.installed-dev ## build the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

fuzz-schedule: $(VENV)/.installed-dev ## run the laws of schedules for MINUTES=n minutes (default 60)
	@echo "MINUTES=$(MINUTES) SEED=$(SEED)"
	@$(BIN)/python -m pytest tests/fuzz/test_schedule_laws.py --law-minutes $(MINUTES) \
		--law-seed $(SEED)

bench-schedule: $(VENV)/.installed-dev ## measure the cost of each primitive of schedules
	@$(BIN)/python -m bench.schedule

fuzz: $(VENV)/.installed-dev ## run the same laws with EXAMPLES=n programs each (default 100000)
	@echo "EXAMPLES=$(EXAMPLES) SEED=$(SEED)"
	@$(BIN)/python -m pytest tests/fuzz -n $(WORKERS) --dist loadfile --law-examples $(EXAMPLES) \
		--hypothesis-seed $(SEED)

bench-spine: $(VENV)/.installed-dev ## measure import, build, node and call costs
	@$(BIN)/python -m bench.spine

bench-passes: $(VENV)/.installed-dev ## measure the passes over a graph of a thousand operators
	@$(BIN)/python -m bench.passes

bench-gemm: $(VENV)/.installed-dev ## measure a scheduled matrix product against torch and the peak
	@$(BIN)/python -m bench.gemm

clean: ## remove the environment and everything generated
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pellucid needs Python 3.11 or newer; set PYTHON=...")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed-demo: pyproject.toml | $(VENV)/.made
	@echo "installing Pellucid and what it runs on into $(VENV)"
	@$(PIP) --editable '.[viz]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.made
	@echo "installing Pellucid and its test tools into $(VENV) (torch is the largest of them)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed-demo
