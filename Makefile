# Every target sets up the environment itself; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo dev page test chaos bench lint format lock clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Set up .venv (does nothing when it is up to date)
	@$(PYTHON) tools/install.py

demo: install ## Run the whole platform on a sample label
	$(BIN)/analytics-platform demo

dev: install ## Start Dagster's web interface and daemons
	$(BIN)/analytics-platform dev

page: install ## Start the page for label managers
	$(BIN)/analytics-platform page

test: install ## Run the tests
	$(BIN)/python -m pytest

chaos: install ## Run the tests that kill processes and break files, and the slow ones
	$(BIN)/python -m pytest -m "chaos or slow"

bench: install ## Run the benchmarks
	$(BIN)/python -m analytics_platform_tests.benchmarks

lint: install ## Check style, imports and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/basedpyright

format: install ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: install ## Resolve the newest allowed versions into constraints.txt
	$(BIN)/python tools/lock.py

clean: ## Remove caches and, after a question (or with YES=1), data/
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache .tmp_dagster_home_* .logs_queue logs build dist *.egg-info
	@if [ -d data ]; then \
		answer="$(if $(YES),y)"; \
		[ -n "$$answer" ] || { printf 'Remove data/ with the lake and the run history? [y/N] '; read answer || true; }; \
		case "$$answer" in [yY]*) rm -rf data && echo 'data/ removed';; *) echo 'data/ kept';; esac; \
	fi

distclean: clean ## clean, and remove .venv
	rm -rf .venv
