# Ridgeline's daily commands. `make serve` and `make test` need make and Python 3.11 or newer, nothing else.
# Everything is safe to run in parallel (make -j) and needs no network when nothing changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

PORT ?= 50051
OPS_PORT ?= 9464
MODELS ?= models

PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
PIP_INSTALL := -m pip install --quiet --no-input --disable-pip-version-check
LOCKED := --require-hashes --no-deps --only-binary=:all: -r

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

PROTOS := $(patsubst proto/%,%,$(wildcard proto/ridgeline/v1/*.proto))
BASELINE := proto/ridgeline_v1.binpb
GOOGLEAPIS := .build/googleapis/google/rpc
PROTO_DEPS := $(GOOGLEAPIS)/status.proto $(GOOGLEAPIS)/error_details.proto
PROTOC := .build/protoc/.installed
STUBS := .build/stubs
FUZZ := .build/fuzz
SUPPLY := .build/supply
FUZZ_RUN = $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(or $(SECONDS),60)) .build/fuzzing/corpus .build/fuzzing/seeds

UV_VERSION := 0.13.9
UV := .build/uv/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)
CLIENT_LOCKS := tests/compat/protobuf-6.33.lock tests/compat/protobuf-7.lock

# $(call create-venv,FOLDER): a virtual environment made with the first Python that is new enough.
define create-venv
	@if ! $(1)/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  found=; \
	  for python in $(PYTHONS); do \
	    if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Ridgeline needs Python 3.11 or newer with venv and pip; none among: $(PYTHONS)." >&2; \
	    echo "Install one (Debian, Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  $$found -m venv --clear $(1); \
	fi
endef

##@ Every day

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: serve
serve: default-model ## Start a price server here; PORT=50051 OPS_PORT=9464 MODELS=models
	@echo "Try it, in another terminal:  $(BIN)/ridgeline predict --demo$(if $(filter-out 50051,$(PORT)), --target localhost:$(PORT))"
	@exec $(BIN)/ridgeline-server serve --models $(MODELS) --address 127.0.0.1:$(PORT) --ops-address 127.0.0.1:$(OPS_PORT)

.PHONY: test
test: $(INSTALLED) compat ## Run every test; PROCESSES=2 at a time
	@$(BIN)/pytest -n $(or $(PROCESSES),2) --dist loadfile --no-loadscope-reorder

.PHONY: check
check: check-format check-lint check-types check-imports check-proto check-breaking check-stubs check-habits ## Run every static check
	@echo "All checks passed."

.PHONY: format
format: $(INSTALLED) ## Format the code and fix what can be fixed safely
	@$(BIN)/ruff check --fix --quiet --exit-zero
	@$(BIN)/ruff format
	@$(BIN)/buf format --write --path proto/ridgeline

.PHONY: generate
generate: $(PROTOC) $(PROTO_DEPS) ## Write the Python stubs of the contract
	@$(call generate-into,proto)

.PHONY: docs
docs: $(INSTALLED) ## Write the pages that are made from the code: docs/configuration.md
	@$(BIN)/python docs/settings.py > docs/configuration.md

.PHONY: docs-check
docs-check: $(INSTALLED) $(PROTOC) $(PROTO_DEPS) ## Run every command and sample of the pages; PAGES="README.md docs/scoring.md" for some
	@PYTHONPATH=tests $(BIN)/python docs/check.py $(PAGES)

.PHONY: baseline
baseline: $(INSTALLED) $(PROTO_DEPS) ## Accept the contract as it stands: later breaking changes are measured against it
	@$(call build-image,$(BASELINE)) --exclude-source-info

.PHONY: lock
lock: $(UV) ## Pin the dependencies anew after a change of pyproject.toml; UPGRADE=1 for newer versions
	@$(COMPILE) pyproject.toml --extra dev --output-file requirements.lock
	@echo 'protobuf>=6.33,<6.34' | $(COMPILE) pyproject.toml --extra client --constraint - --output-file tests/compat/protobuf-6.33.lock
	@$(COMPILE) pyproject.toml --extra client --constraint requirements.lock --output-file tests/compat/protobuf-7.lock
	@$(COMPILE) pyproject.toml --extra server --extra signing --constraint requirements.lock --output-file deploy/server.lock
	@echo 'hatchling>=1.27' | $(COMPILE) - --constraint requirements.lock --output-file deploy/build.lock
	@echo 'grpcio-tools==1.71.2' | $(COMPILE) - --output-file proto/requirements-protoc.lock
	@printf '%s\n' 'cyclonedx-bom>=6' 'pip-audit>=2.9' | $(COMPILE) - --output-file deploy/supply/requirements.lock
	@# 3.1 has no wheel for Python 3.11 and its metadata do not say so
	@printf '%s\n' 'atheris<3.1; python_version < "3.12"' 'atheris; python_version >= "3.12"' \
	  | $(COMPILE) - --output-file tests/fuzz/requirements.lock

.PHONY: clean
clean: ## Remove what was built; the models, the data and .venv stay
	@rm -rf .build gen .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist examples/node/node_modules

.PHONY: audit
audit: $(INSTALLED) $(SUPPLY)/.installed ## Ask the Python package index about known vulnerabilities of every package of every lock; needs the network
	@PYTHONPATH=tests $(BIN)/python deploy/supply/audit.py $(SUPPLY)/bin/pip-audit

##@ Long proofs

.PHONY: score-parts
score-parts: default-model ## Where the time of a 1,000,000-row score goes; ROWS=1000000 FORMAT=csv ROUNDS=3
	@$(BIN)/python loadtests/score_parts.py --rows $(or $(ROWS),1000000) --format $(or $(FORMAT),csv) --rounds $(or $(ROUNDS),3) --models $(MODELS)

.PHONY: score-matrix
score-matrix: $(INSTALLED) ## Kill, drain, change everything while ROWS=1000000 rows are scored, and compare bytes
	@MATRIX_ROWS=$(or $(ROWS),1000000) $(BIN)/pytest tests/e2e/test_score_matrix.py

.PHONY: drains
drains: $(INSTALLED) ## Stop a server in the middle of traffic DRAINS=100 times: no call may be lost
	@PYTHONPATH=tests $(BIN)/python loadtests/drains.py --drains $(or $(DRAINS),100)

.PHONY: chaos
chaos: $(INSTALLED) ## Kill, stop, hang, drain and restart a server under load and score, fill the disk; ROUNDS=10 SECONDS=600 SEED=0
	@PYTHONPATH=tests $(BIN)/python loadtests/chaos.py --rounds $(or $(ROUNDS),10) --seconds $(or $(SECONDS),600) --seed $(or $(SEED),0) \
	  $(if $(ROWS),--rows $(ROWS))

.PHONY: soak
soak: $(INSTALLED) ## CALLS=300000 good, wrong, cancelled and late calls: memory, threads and descriptors must not grow; WARMUP=50000
	@PYTHONPATH=tests $(BIN)/python loadtests/soak.py --calls $(or $(CALLS),300000) --warmup $(or $(WARMUP),50000)

.PHONY: fuzz
fuzz: $(INSTALLED) $(FUZZ)/.installed ## Fuzz all that becomes of a request's bytes, guided by coverage; SECONDS=60 or RUNS=16384, INPUT=FILE
	@mkdir -p .build/fuzzing/corpus .build/fuzzing/found
	@PYTHONPATH=tests $(BIN)/python tests/fuzz/prepare.py .build/fuzzing
	@PYTHONPATH=proto:server:client:tests $(FUZZ)/bin/python tests/fuzz/run.py .build/fuzzing $(or $(INPUT),$(FUZZ_RUN))

.PHONY: fuzz-wire
fuzz-wire: $(INSTALLED) ## Send INPUTS=20000 hostile inputs to each method over a real channel; SEED=0
	@FUZZ_INPUTS=$(or $(INPUTS),20000) FUZZ_SEED=$(or $(SEED),0) $(BIN)/pytest -q -s tests/integration/test_hostile_input.py

.PHONY: proxy-test
proxy-test: $(INSTALLED) ## Call a server through HAProxy with deploy/haproxy.cfg, over TLS; needs haproxy 2.6 or newer and openssl
	@PATH="$$PATH:/usr/sbin"; for program in haproxy openssl; do \
	  command -v $$program >/dev/null || { echo "No $$program here. Debian: apt-get install haproxy openssl" >&2; exit 1; }; \
	done
	@$(BIN)/pytest -q tests/proxy/through_haproxy.py

##@ Load and speed

.PHONY: loadtest
loadtest: $(if $(TARGET),$(INSTALLED),default-model) ## The load gate: 1,000 predictions/s, p95 < 200 ms; SHAPE=steady|step|spike|soak USERS SECONDS TARGET TLS="--tls-ca FILE" JSON=1
	@$(BIN)/python loadtests/gate.py --shape $(or $(SHAPE),steady) $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(TARGET),--target $(TARGET) $(TLS)) $(if $(JSON),--json) --models $(MODELS)

.PHONY: locust
locust: $(INSTALLED) ## Locust's web UI, closed-loop load on TARGET=localhost:50051; WEB_PORT=8089 SHAPE=step
	@SHAPE=$(SHAPE) $(BIN)/locust -f loadtests/locustfile.py --host $(or $(TARGET),localhost:50051) \
	  --web-host 127.0.0.1 --web-port $(or $(WEB_PORT),8089)

.PHONY: openloop
openloop: $(if $(TARGET),$(INSTALLED),default-model) ## Open-loop load; RATE=1000 SECONDS=30 ARRIVALS=poisson CONNECTIONS=4 BATCH_ROWS TARGET TLS
	@$(BIN)/python loadtests/openloop.py --rate $(or $(RATE),1000) --seconds $(or $(SECONDS),30) --arrivals $(or $(ARRIVALS),poisson) \
	  --connections $(or $(CONNECTIONS),4) $(if $(BATCH_ROWS),--rows $(BATCH_ROWS)) $(if $(TARGET),--target $(TARGET) $(TLS)) --models $(MODELS)

.PHONY: callers
callers: $(if $(TARGET),$(INSTALLED),default-model) ## Throughput and latency with 1 to CALLERS=256 callers, closed loop; SECONDS=4 TARGET TLS WORKERS=2 FLAGS=--unpinned
	@$(BIN)/python loadtests/callers.py --most $(or $(CALLERS),256) --seconds $(or $(SECONDS),4) $(if $(WORKERS),--workers $(WORKERS)) \
	  $(FLAGS) $(if $(TARGET),--target $(TARGET) $(TLS)) --models $(MODELS)

.PHONY: neighbours
neighbours: default-model ## Single prices alone and beside a stream that sends as fast as it can; ROUNDS=5 SECONDS=4 ROWS=10000 FLAGS=--check
	@$(BIN)/python loadtests/neighbours.py --rounds $(or $(ROUNDS),5) --seconds $(or $(SECONDS),4) --chunk-rows $(or $(ROWS),10000) --models $(MODELS) $(FLAGS)

.PHONY: bench
bench: default-model ## CPU of a price beside a bare echo and beside onnxruntime alone; ROUNDS=7 SECONDS=2 ONLY=unary FLAGS=--features
	@$(BIN)/python loadtests/bench.py --rounds $(or $(ROUNDS),7) --seconds $(or $(SECONDS),2) $(if $(ONLY),--only $(ONLY)) \
	  $(FLAGS) --models $(MODELS)

.PHONY: stream-rate
stream-rate: default-model ## Rows a second through PredictStream and the Python client; ROWS=500000 ROUNDS=5
	@$(BIN)/python loadtests/stream_rate.py --rows $(or $(ROWS),500000) --rounds $(or $(ROUNDS),5) --models $(MODELS)

.PHONY: startup
startup: default-model ## Start to the first healthy answer, memory idle and after CALLS=20000 calls; STARTS=5
	@$(BIN)/python loadtests/startup.py --starts $(or $(STARTS),5) --calls $(or $(CALLS),20000) --models $(MODELS)

##@ The image

.PHONY: image
image: ## Build the image with docker, podman or buildah; IMAGE=ridgeline-server BASE=debian:bookworm-slim ENGINE BUILD_FLAGS
	@engine="$(ENGINE)"; \
	for program in docker podman buildah; do \
	  if [ -z "$$engine" ] && $$program info >/dev/null 2>&1; then engine=$$program; fi; \
	done; \
	if [ -z "$$engine" ]; then echo "No docker, podman or buildah answers here: start one, or name it: ENGINE=..." >&2; exit 1; fi; \
	BUILDAH_FORMAT=docker $$engine build --tag $(or $(IMAGE),ridgeline-server) $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) $(BUILD_FLAGS) .

.PHONY: image-test
image-test: default-model .build/image/wheels/.complete ## Build the image and prove it in a container: Debian, root, podman, runc, debootstrap; no Docker
	@PYTHONPATH=tests $(BIN)/python tests/image/check.py --models $(MODELS)

.PHONY: sbom
sbom: $(INSTALLED) $(SUPPLY)/.installed ## List what the image installs, as CycloneDX with hashes, in .build/sbom.json
	@PYTHONPATH=tests $(BIN)/python deploy/supply/sbom.py $(SUPPLY)/bin/cyclonedx-py .build/sbom.json

.build/image/wheels/.complete: deploy/build.lock deploy/server.lock | $(INSTALLED)
	@rm -rf $(@D) && mkdir -p $(@D)
	@for lock in deploy/build.lock deploy/server.lock; do \
	  $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
	    --require-hashes --dest $(@D) -r $$lock || exit 1; \
	done
	@touch $@

##@ Building blocks

.PHONY: install
install: $(INSTALLED) ## Create .venv with the pinned dependencies and this project

$(INSTALLED): requirements.lock pyproject.toml
	$(call create-venv,$(VENV))
	@echo "Installing the pinned dependencies into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) $(LOCKED) requirements.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.PHONY: default-model
default-model: $(INSTALLED) ## Simulate TechMart and train its model, unless models/ has one
	@if ! ls $(MODELS)/*/*/manifest.json >/dev/null 2>&1; then \
	  echo "No model in $(MODELS)/ yet: simulating the TechMart shop and training its model"; \
	  $(BIN)/ridgeline-export simulate --out data/techmart && \
	  $(BIN)/ridgeline-export train data/techmart/training.csv --schema data/techmart/schema.toml --out $(MODELS); \
	fi

.PHONY: proto-deps
proto-deps: $(PROTO_DEPS) ## Put the google.rpc .proto files that the contract imports into .build/googleapis

$(PROTO_DEPS): $(INSTALLED)
	@mkdir -p $(@D)
	@cp "$$($(BIN)/python -c 'import google.rpc; print(*google.rpc.__path__)')/$(@F)" $@

$(PROTOC): proto/requirements-protoc.lock
	$(call create-venv,.build/protoc)
	@.build/protoc/bin/python $(PIP_INSTALL) $(LOCKED) $<
	@touch $@

$(FUZZ)/.installed: tests/fuzz/requirements.lock deploy/server.lock
	$(call create-venv,$(FUZZ))
	@$(FUZZ)/bin/python $(PIP_INSTALL) $(LOCKED) $< -r deploy/server.lock || { \
	  echo "Fuzzing needs atheris, which has wheels for CPython 3.11 to 3.14 on Linux with glibc on x86-64 only." >&2; \
	  $(FUZZ)/bin/python -c 'import platform, sysconfig; print("This is", platform.python_version(), sysconfig.get_platform())' >&2; \
	  exit 1; }
	@touch $@

$(SUPPLY)/.installed: deploy/supply/requirements.lock
	$(call create-venv,$(SUPPLY))
	@$(SUPPLY)/bin/python $(PIP_INSTALL) $(LOCKED) $<
	@touch $@

.PHONY: environments
environments: $(INSTALLED) $(PROTOC) $(FUZZ)/.installed $(SUPPLY)/.installed $(CLIENT_LOCKS:tests/compat/%.lock=.build/compat-%/.installed) ## Create every virtual environment that .ci/run needs

$(UV):
	$(call create-venv,.build/uv)
	@.build/uv/bin/python $(PIP_INSTALL) uv==$(UV_VERSION)

# $(call generate-into,FOLDER)
generate-into = .build/protoc/bin/python -m grpc_tools.protoc -Iproto -I.build/googleapis \
	--python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) $(PROTOS)

# $(call build-image,FILE): the contract as one descriptor image, with what it imports.
build-image = $(BIN)/buf build --path proto/ridgeline --output $(1)

.PHONY: check-format
check-format: $(INSTALLED) $(PROTO_DEPS) ## Formatting: ruff, buf
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/buf format --diff --exit-code --path proto/ridgeline

.PHONY: check-lint
check-lint: $(INSTALLED) ## Lint: ruff
	@$(BIN)/ruff check --quiet

.PHONY: check-types
check-types: $(INSTALLED) ## Types: mypy, strict
	@$(BIN)/mypy

.PHONY: check-imports
check-imports: $(INSTALLED) ## Who may import whom: import-linter
	@$(BIN)/lint-imports --no-logo

.PHONY: check-proto
check-proto: $(INSTALLED) $(PROTO_DEPS) ## Contract style: buf lint
	@$(BIN)/buf lint

.PHONY: check-breaking
check-breaking: $(INSTALLED) $(PROTO_DEPS) ## The contract still serves yesterday's callers: buf breaking
	@$(call build-image,.build/contract.binpb)
	@$(BIN)/buf breaking .build/contract.binpb --against $(BASELINE) --exclude-imports

.PHONY: check-stubs
check-stubs: $(PROTOC) $(PROTO_DEPS) ## The committed stubs are those of the contract
	@rm -rf $(STUBS) && mkdir -p $(STUBS)
	@$(call generate-into,$(STUBS))
	@for stub in $(STUBS)/ridgeline/v1/*; do \
	  cmp "$$stub" "proto/$${stub#$(STUBS)/}" || { echo "The stubs are not those of the contract. Run: make generate" >&2; exit 1; }; \
	done

.PHONY: check-habits
check-habits: $(INSTALLED) ## House rules: lock in step, no stray packages, nothing of one machine in the files
	@$(BIN)/pytest --quiet tests/unit/habits

.PHONY: compat
compat: $(CLIENT_LOCKS:tests/compat/%.lock=compat-%) ## The client library on the oldest and the newest protobuf it allows

compat-%: .build/compat-%/.installed
	@PYTHONPATH=proto:client .build/compat-$*/bin/python tests/compat/round_trip.py $*

.build/compat-%/.installed: tests/compat/%.lock
	$(call create-venv,$(@D))
	@$(@D)/bin/python $(PIP_INSTALL) $(LOCKED) $<
	@touch $@

.PHONY: node-check
node-check: $(INSTALLED) $(PROTO_DEPS) examples/node/node_modules/.package-lock.json default-model ## The Node client gets the Python client's answer
	@$(BIN)/python examples/node/check.py

examples/node/node_modules/.package-lock.json: examples/node/package-lock.json
	@cd examples/node && npm ci --no-audit --no-fund
	@touch $@
