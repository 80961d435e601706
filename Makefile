# Ledgerwire: one command, one meaning. `make help` lists them.
# Needs make and Python 3.11 or newer; everything else goes into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

BIN := .venv/bin
# Arguments of demo, serve, test and bench: make test ARGS="-k embedded"
ARGS ?=
# Processes that share the tests; 0 runs them in one.
TEST_PROCESSES ?= 2
# Where recorded answers of QuickBooks lie, if you have some.
RECORDED_DIR ?= ../shared/recorded
# Modules that only compute, so that nothing excuses an untested line.
PURE := \
	app/accounting/records.py \
	app/billing/arithmetic.py \
	app/jobs/counting.py \
	app/journal/components.py \
	app/journal/deltas.py \
	app/journal/lines.py \
	app/journal/periods.py \
	app/kit/money.py \
	app/ledger/identity.py \
	app/ledger/states.py \
	app/providers/quickbooks/compare.py \
	app/providers/quickbooks/compose.py \
	app/providers/quickbooks/faults.py \
	app/providers/quickbooks/kinds.py \
	app/providers/quickbooks/query.py \
	app/providers/quickbooks/text.py \
	app/providers/quickbooks/translate.py \
	$(wildcard app/exports/plan*.py app/exports/tax*.py app/exports/us.py app/imports/plan*.py)
COVERAGE_FLOOR ?= 95
COMPILE := --quiet --universal --no-annotate --no-header --no-emit-index-url --no-emit-find-links

export MAKE_GOAL = $(firstword $(MAKECMDGOALS))

.PHONY: help
help:  ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: runtime  ## Run the main job end to end against a simulated QuickBooks
	@$(BIN)/ledgerwire demo $(ARGS)

.PHONY: serve
serve: runtime  ## Serve API and worker with embedded Postgres and Valkey
	@$(BIN)/ledgerwire serve $(ARGS)

.PHONY: test
test: dev  ## Run the tests, all but the slow ones
	@$(BIN)/python -m pytest -m "not slow" \
		$(if $(filter-out 0,$(TEST_PROCESSES)),-n $(TEST_PROCESSES) --dist loadfile) $(ARGS)

.PHONY: faults
faults: dev  ## Kill workers, lose answers, commits and Redis, and count what stands in the books
	@$(BIN)/python -m pytest tests/faults $(ARGS)

.PHONY: test-slow
test-slow: dev  ## Run the slow tests, the faults included
	@$(BIN)/python -m pytest -m slow $(ARGS)

.PHONY: property
property: dev  ## Search 500 sequences of what may happen (SEQUENCES=…) for one that breaks the books
	@HYPOTHESIS=search $(BIN)/python -m pytest -m slow tests/journeys/test_sequences.py $(ARGS)

.PHONY: check
check: dev  ## Run every check that is not a test: style, types, direction, schema, contract
	@$(BIN)/python scripts/check.py $(ARGS)

.PHONY: format
format: dev  ## Rewrite the code in its one style
	@$(BIN)/ruff check --quiet --fix --select I . && $(BIN)/ruff format --quiet .

.PHONY: openapi
openapi: dev  ## Write openapi/openapi.json from the code
	@$(BIN)/ledgerwire openapi --write

.PHONY: prove-checks
prove-checks: dev  ## Break each check in a copy, and show that it is caught
	@$(BIN)/python scripts/prove_checks.py $(ARGS)

.PHONY: recorded
recorded: dev  ## Hold code and simulator against recorded answers (RECORDED_DIR=…)
	@RECORDED_DIR="$(RECORDED_DIR)" scripts/recorded $(BIN)/python $(ARGS)

.PHONY: coverage
coverage: dev  ## Measure the coverage of the modules that only compute
	@scripts/coverage $(BIN)/python $(COVERAGE_FLOOR) $(PURE)

.PHONY: measure
measure: dev  ## Measure install size, time to first result and memory, into README.md
	@$(BIN)/python scripts/measure.py $(ARGS)

.PHONY: fuzz
fuzz: dev  ## Call every operation with what is allowed and what is not, for long (ARGS=seconds)
	@PYTHONPATH=. $(BIN)/python scripts/fuzz.py $(ARGS)

.PHONY: audit
audit:  ## Look the pinned dependencies up among known vulnerabilities (needs the network and uv)
	@uvx pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

.PHONY: bench
bench: dev  ## Run the benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-export
bench-export: dev  ## Measure exporting within QuickBooks' limits
	@$(BIN)/python -m benchmarks.export $(ARGS)

.PHONY: lock
lock:  ## Resolve constraints.txt and the hashes of the image's packages anew (needs uv)
	@uv pip compile $(COMPILE) --all-extras --upgrade pyproject.toml -o constraints.txt
	@uv pip compile $(COMPILE) --generate-hashes -c constraints.txt pyproject.toml \
		-o requirements.lock
	@echo 'setuptools>=77' | uv pip compile $(COMPILE) --generate-hashes --upgrade - \
		-o requirements-build.lock

.PHONY: clean
clean:  ## Remove .venv and all caches; data in .ledgerwire stays
	@rm -rf .venv build dist *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: runtime
runtime:
	@scripts/environment runtime

.PHONY: dev
dev:
	@scripts/environment dev
