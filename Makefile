# GammaHub: `make run` serves it, `make test` tests it. Both set up all they need.
#
# HOST, PORT          where `make run` listens; by default 127.0.0.1 and 8000
# GAMMAHUB_HOME       state and lake; by default the user's data folder
# GAMMAHUB_DL3        a folder of DL3 collections, loaded where the lake is empty (and used by the tests)
# PYTHON              the Python to use; by default the first python3 >= 3.11
SETUP := bash deploy/setup.sh
BIN := .venv/bin

# conda and some shells export HOST as the name of the machine: from there, only an address is meant for us.
ADDRESS := $(if $(findstring environment,$(origin HOST)),$(filter 0% 1% 2% 3% 4% 5% 6% 7% 8% 9% :% localhost,$(HOST)),$(HOST))
ifneq ($(ADDRESS),)
export GAMMAHUB_HOST := $(ADDRESS)
endif
ifneq ($(PORT),)
export GAMMAHUB_PORT := $(PORT)
endif

# Far quicker to ask than `gammahub demo`, which imports the whole ingest to say that there is nothing to do.
HAS_DATA := import sys; from app.config import Config; sys.exit(not (Config().lake / "current").exists())

.DEFAULT_GOAL := help
.PHONY: help run test lint bench lock clean

help: ## Tell the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1@/p' Makefile | column -t -s @ 2>/dev/null || grep '## ' Makefile

run: ## Serve GammaHub on http://HOST:PORT, after loading data where there is none
	@$(SETUP) run
	@$(BIN)/python -c '$(HAS_DATA)' 2>/dev/null || $(BIN)/gammahub demo
	@exec $(BIN)/gammahub serve

test: ## Format, lint, types, import contracts and the whole test suite
	@$(SETUP) test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest || { status=$$?; [ $$status -ne 5 ] || echo "error: no test was found" >&2; exit $$status; }

lint: ## Format, lint, types and import contracts
	@$(SETUP) test-python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: ## Measure: tests/benchmarks, results as a table and as JSON in bench/
	@$(SETUP) test-python
	@mkdir -p bench
	@$(BIN)/python -m tests.benchmarks --json bench/results.json

lock: ## Pin the newest dependencies that pyproject.toml allows: versions only, no addresses
	@$(SETUP) test-python
	@$(SETUP) lock

clean: ## Remove the environment and everything made here; data under GAMMAHUB_HOME stays
	rm -rf .venv build dist bench *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
