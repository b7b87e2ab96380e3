# `make help` explains itself: the text after ## on a target's line is its help.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
CLIENTS ?= 20000
RAW ?=
WITHOUT ?=

export UV_COMPILE_BYTECODE := 1

.PHONY: help setup spark run test test-spark check bench lint lint-workflows lint-shell types contracts api dashboard api-pair screenshots lock clean

help: ## show this list
	@echo "Credit scoring, from raw tables to a decision on the screen. Two commands do it all:"
	@echo "  make run     and     make test"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables:  RAW=DIR      your own eight raw tables in place of the demonstration's (run)"
	@echo "            WITHOUT=TABLE,…  raw tables that are left out on purpose, as bureau,bureau_balance (run)"
	@echo "            CLIENTS=N    clients in the demonstration, default 20000 (run)"
	@echo "            SERVE=0      end after the export, serve nothing (run)"
	@echo "            PYTHON=...   the Python, 3.11 or later, that the environment is made from, default python3 (setup)"
	@echo "Settings:   environment variables CREDIT_..., listed in README.md"

setup: ## make or renew the environment in .venv from the lock
	@scripts/setup.sh "$(PYTHON)" "$(VENV)"

spark: setup ## add PySpark to the environment, for --engine spark (needs Java 17 or later)
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --require-hashes -r requirements-spark.txt

run: setup ## tables, features, search, model, export, API and dashboard; Ctrl-C stops both
	@$(BIN)/python scripts/run.py --clients "$(CLIENTS)" --raw "$(RAW)" --without "$(WITHOUT)" --serve "$(SERVE)"

test: setup ## the test suite, on all cores (at most four: a process takes a gigabyte); the slow tests: .ci/run
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal -m "not slow"
	$(BIN)/python -W error -m unittest discover api

test-spark: spark ## the features on Spark, all columns compared with DuckDB's; trials on Spark
	SPARK_IS_HERE=1 $(BIN)/python -m pytest -m spark tests/features/engines tests/search

check: lint types contracts ## what a commit must pass: lint, types, contracts

bench: setup ## all of benchmarks/, each against its bounds (hours; 15 GB of disk)
	@$(BIN)/python benchmarks/run_all.py

lint: setup lint-workflows lint-shell ## ruff: rules and format; workflows; shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-workflows: setup
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --persona auditor .github/workflows
	$(BIN)/python scripts/check_actions.py

# shellcheck comes with no Python package. Where CI is set, nothing may be left out.
lint-shell:
	@if command -v shellcheck >/dev/null; then \
		echo "shellcheck .ci/run scripts/*.sh"; shellcheck .ci/run scripts/*.sh; \
	else \
		echo "THE SHELL SCRIPTS WERE NOT CHECKED. shellcheck is missing: apt-get install shellcheck" >&2; \
		[[ -z "$$CI" ]]; \
	fi

types: setup ## mypy, strict in project_tools and api
	$(BIN)/mypy

contracts: setup ## import-linter: nothing flows back
	$(BIN)/lint-imports

api: setup ## serve the committed model (api/model, or CREDIT_MODEL and CREDIT_CLIENTS)
	@$(BIN)/python -m api

dashboard: setup ## the dashboard on the API at CREDIT_API_URL
	@$(BIN)/python scripts/dashboard.py

api-pair: setup ## renew the committed pair api/model + api/clients.parquet from demonstration tables
	@$(BIN)/python scripts/api_pair.py

screenshots: setup ## take the README's pictures from a real browser
	SCREENSHOT_DIR=docs/images $(BIN)/python -m pytest tests/browser

lock: setup ## lock the versions anew: requirements.txt and the projects' requirements
	@scripts/lock.sh "$(BIN)"

clean: ## remove what make run wrote (tables, features, artefact, MLflow store); ask before the state and its recorded decisions
	rm -rf pickle_files/demo_tables pickle_files/artefact pickle_files/features.* pickle_files/clients.parquet pickle_files/run.json mlflow.db mlruns
	@if [[ -e pickle_files/state ]]; then \
		read -r -p "remove pickle_files/state too, with all recorded decisions and archived models? [y/N] " answer || true; \
		if [[ $$answer == y ]]; then rm -rf pickle_files/state; else echo "kept: pickle_files/state"; fi; \
	fi
