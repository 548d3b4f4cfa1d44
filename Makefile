# Everything here also works without make: see the commands behind the targets.
PYTHON ?= python3
V := .venv/bin
# Tools that only read the settings need them to be there, not to be true.
PRETEND := env DATABASE_URL=postgresql://localhost/none REDIS_URL=redis://localhost SECRET_KEY=not-used-by-anything \
	DLR_SIGNING_SECRETS=not-used

.DEFAULT_GOAL := help
.PHONY: help run test faults bench demo manage lint format types check schema publish lock

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: ## start the whole service; needs Python 3.11 and nothing else (another port: PORT=8081 make run)
	@$(PYTHON) -m devstack run

test: ## run the tests with private servers of their own (some of them: make test ARGS="tests/sms -x")
	@$(PYTHON) -m devstack test $(ARGS)

demo: ## send messages through the running service and follow them
	@$(PYTHON) -m devstack demo $(ARGS)

manage: ## run a command of manage.py beside the running service (make manage ARGS="accounts list")
	@$(PYTHON) -m devstack manage $(ARGS)

faults: .installed ## strike the service with every fault, many seeds, and print the figures (ARGS="--seeds 2")
	@$(V)/python -m tests.faults $(ARGS)

bench: ## measure the service beside its references; about 20 minutes (ARGS="--quick", or names of some)
	@$(PYTHON) -m devstack install bench
	@$(V)/python -m benchmarks $(ARGS)

lint: .installed ## look for mistakes
	$(V)/ruff check .

format: .installed ## lay the code out
	$(V)/ruff format .

types: .installed ## check the types
	$(PRETEND) $(V)/mypy

check: .installed ## check layout, mistakes, types, and who imports whom
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(PRETEND) $(V)/mypy
	$(V)/lint-imports --no-cache

schema: .installed ## print schema.graphql from the code
	$(PRETEND) $(V)/python -m graphql_api.print_schema > .dev/schema.graphql
	mv .dev/schema.graphql schema.graphql

publish: ## promise today's schema to clients: with a release, see docs/api-policy.md
	cp schema.graphql docs/schema.published.graphql

COMPILE := uv pip compile pyproject.toml
OPTIONS := --generate-hashes --universal --python-version 3.11 --quiet --no-annotate --no-emit-index-url
lock: ## resolve the dependencies of pyproject.toml into the four lock files; needs uv
	$(COMPILE) $(OPTIONS) -o requirements.lock
	$(COMPILE) --group dev $(OPTIONS) -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group dev --group test $(OPTIONS) -c requirements-dev.lock -o requirements-test.lock
	$(COMPILE) --group dev --group test --group bench $(OPTIONS) -c requirements-test.lock -o requirements-bench.lock

.PHONY: .installed
.installed:
	@$(PYTHON) -m devstack install
