# Everything here sets itself up: Python 3.11+, its venv module and make are all it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Three processes for two cores, since many tests wait, and a file of tests in one of them; then, alone, those that live
# by real time.
TEST := $(BIN)/python -m pytest
define test_all
	@$(TEST) -n $$($(PYTHON) -c 'import os; print(os.cpu_count() * 3 // 2)') --dist loadfile -m "not real_time" $(1)
	@$(TEST) -m real_time $(1)
endef

.DEFAULT_GOAL := help
.PHONY: help run test fuzz chaos soak live check fix docs bench bench-peers lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pinecall-run needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once, a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY)  ## start the agents of pinecall.yaml with the embedded voice server
	@$(BIN)/pinecall-run

test: $(READY)  ## every test
	$(call test_all,)

fuzz: $(READY)  ## 100,000 broken files and some large ones; FUZZ="--count N --seed N --seconds N"
	@$(BIN)/python -m tests.fuzz $(FUZZ)

chaos: $(READY)  ## the faults of networks at full size: some minutes
	@$(BIN)/python -m tests.chaos

soak: $(READY)  ## an hour of 20 calls in real time; SOAK="--seconds N --calls N --seed N"
	@$(BIN)/python -m tests.soak $(SOAK)

live: $(READY)  ## call the real vendors whose keys are in the environment; costs some cents
	@PINECALL_LIVE=1 $(BIN)/python -m pytest -rs tests/conformance/test_real_vendors.py

check: $(READY)  ## format, lint, types, rules and tests: what every commit passes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(TEST) tests/rules
	$(call test_all,--ignore=tests/rules)

fix: $(READY)  ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(READY)  ## write the generated parts of the documentation again
	@$(BIN)/python -m tests.write_docs

bench: $(READY)  ## measure; one JSON line each
	@set -e; for script in bench/[!_]*.py; do $(BIN)/python $$script; done

# docopt is a source archive only, of Python alone.
bench-peers:  ## the engines that ours is measured beside, each in an environment of its own: 1 GB
	@$(PYTHON) -m venv --clear .peers/pipecat
	@.peers/pipecat/bin/python -m pip --disable-pip-version-check install --quiet --only-binary :all: --no-binary docopt \
	  'pipecat-ai[webrtc,silero]==1.14.0'
	@$(PYTHON) -m venv --clear .peers/livekit
	@.peers/livekit/bin/python -m pip --disable-pip-version-check install --quiet --only-binary :all: \
	  'livekit-agents==1.8.9'

lock: $(READY)  ## resolve requirements.lock again from pyproject.toml
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --custom-compile-command "make lock" \
	  --output-file requirements.lock

clean:  ## remove the environment and every cache
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
