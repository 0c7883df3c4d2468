# libckafka: everything a user or a contributor runs. `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.NOTPARALLEL:

CARGO ?= cargo
PYTHON ?= python3
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
VENV := $(CURDIR)/target/venv
BUILD ?= $(CURDIR)/build
CARGO_FLAGS := --locked
# One set of features for every test build, so that nothing is compiled twice.
TEST_FLAGS := $(CARGO_FLAGS) --features inject-panic,break-rules
EXAMPLES := $(MAKE) -C c-examples CKAFKA_INCLUDEDIR=$(CURDIR)/include

.PHONY: all help lib demo test test-all bench lint header clean venv jars soak
.PHONY: check-models check-races check-long
.PHONY: examples check-features check-examples check-hostile check-broker
.PHONY: wheel check-python check-python-slow

all: lib ## build libckafka.so and libckafka.a into build/ (the header is in include/)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# zstd without a second copy of its loops for other processors, and with its loops where they fall: 70 KB less, and as fast.
C_CODEC_FLAGS := -DDYNAMIC_BMI2=0 -fno-align-functions -fno-align-loops -fno-align-jumps

# rustc optimizes across crates only where it makes nothing but the archive. ARCHIVE is one that is there already.
lib:
ifndef ARCHIVE
	CFLAGS="$(C_CODEC_FLAGS) $(CFLAGS)" $(CARGO) rustc $(CARGO_FLAGS) --release --lib --crate-type staticlib
endif
	scripts/relink $(or $(ARCHIVE),$(TARGET_DIR)/release/libckafka.a) $(BUILD)

include packaging/install.mk

examples: lib
	$(EXAMPLES) CKAFKA_LIBDIR=$(BUILD) all

demo: examples ## append, read, query and serve real earthquakes with the C examples
	$(EXAMPLES) CKAFKA_LIBDIR=$(BUILD) run-demo

test: venv ## every test of at most 12 minutes on 2 cores
	@scripts/preflight test
	$(CARGO) test $(TEST_FLAGS)
	$(MAKE) demo
	scripts/check-header $(BUILD)
	$(MAKE) check-python
	@scripts/preflight skipped

test-all: test check-features check-examples check-abi check-broker check-models check-release check-hostile ## test, and what takes longer: brokers, sanitizers, all features, sizes

check-long: check-races check-dist check-small check-python-slow ## what takes longer still: standard libraries of our own making (ThreadSanitizer, size), an archive that builds offline

wheel: lib venv ## dist/: the Python package, as a wheel with the library inside and as sources
	PYTHON=$(VENV)/bin/python scripts/wheel $(BUILD) dist

# The Python package against the built library.
CHECK_PYTHON = CKAFKA_LIBRARY=$(BUILD)/libckafka.so $(VENV)/bin/python -B -m pytest -p no:cacheprovider \
  -c bindings/python/pyproject.toml bindings/python/tests
check-python: lib venv
	$(CHECK_PYTHON)

check-python-slow: lib venv
	CKAFKA_SLOW=1 $(CHECK_PYTHON) -m slow
	scripts/check-sanitized views

# Every choice of codecs, and the C-Kafka interface by itself: what is left out must not be missed by the rest. None and all are built.
check-features:
	$(CARGO) test $(CARGO_FLAGS) --no-default-features --lib
	for choice in {,gzip}\ {,snappy}\ {,lz4}\ {,zstd} compat; do \
	  $(CARGO) check $(CARGO_FLAGS) --no-default-features --features "$$choice" --lib || exit; \
	done
	$(CARGO) check $(CARGO_FLAGS) --all-features --all-targets

# The C programs under the compilers' own detectives, and under valgrind.
check-examples: lib
	@scripts/preflight all
	scripts/check-examples $(BUILD)

# How long threads race each other, and which allocations fail in turn: each, or every so many.
RACE_SECONDS ?= 60
ALLOCATION_STEP ?= 1

# Allocations fail, each once; then a minute of close against use, and wrong arguments, in a library that is instrumented itself.
check-hostile:
	CKAFKA_HOSTILE_STEP=$(ALLOCATION_STEP) $(CARGO) test $(TEST_FLAGS) --test hostile_memory
	scripts/check-sanitized address $(RACE_SECONDS)

# A real broker takes our directories over, what many writers left in them too, and is kept out while we are there.
check-broker:
	@scripts/preflight all
	@if scripts/preflight has-jvm; then $(CARGO) test $(TEST_FLAGS) --test oracle_golden --test kafka_tools \
	  --test kafka_beside --test kafka_writers -- --ignored; fi

# The sharing rules in small, in every order of their steps, with and without each rule.
check-models:
	CARGO_TARGET_DIR=$(TARGET_DIR)/models $(CARGO) test $(CARGO_FLAGS) --manifest-path tests/models/Cargo.toml

# Threads of one process under ThreadSanitizer, the standard library with them: what it orders counts.
HOST = $(shell rustc -vV | awk '/^host:/ { print $$2 }')
RACES = env RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR=$(TARGET_DIR)/races \
  $(CARGO) test $(CARGO_FLAGS) -Zbuild-std --target $(HOST)
check-races:
	@scripts/preflight races
	$(RACES) --no-run --lib --test engine_threads --test read_wait --test read_live --test compat_races
	timeout 300 $(RACES) --lib -- ffi::handle ffi::message two_threads
	timeout 300 $(RACES) --test engine_threads --test read_wait --test read_live --test compat_races
	scripts/check-sanitized thread $(RACE_SECONDS)

# Sums the counts that each test of the kill harness ends with; the last line is the sum.
SUM_SOAK := awk '{ print; fflush() } /^soak: / { for (n = 2; n < NF; n += 2) { sum[n] += $$n; word[n] = $$(n + 1) } fields = NF } \
  END { line = "soak:"; for (n = 2; n < fields; n += 2) line = line " " sum[n] " " word[n]; print line }'
MINUTES ?= 10

soak: ## kill processes at random for MINUTES=10, then between any two instructions for about as long
	set -o pipefail; { \
	  CKAFKA_KILL_SECONDS=$$(($(MINUTES) * 60)) $(CARGO) test $(TEST_FLAGS) --test kill_random -- --nocapture --test-threads=1 && \
	  CKAFKA_STEP_ALL=1 CKAFKA_STEP_SECONDS=$$(($(MINUTES) * 10)) $(CARGO) test $(TEST_FLAGS) --test kill_steps -- --nocapture; \
	} 2>&1 | $(SUM_SOAK)

bench: lib venv ## each benchmark beside its reference loop, into docs/bench/; fails below a floor
	benches/run --record

lint: venv ## formatting, clippy, docs, the tidy rules, the header, shell and Python
	@scripts/preflight lint
	$(CARGO) fmt --check
	$(CARGO) clippy $(TEST_FLAGS) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(TEST_FLAGS) --no-deps --document-private-items
	$(CARGO) test $(TEST_FLAGS) --test tidy --test c_header
	shellcheck --severity=warning $$(git grep -lE '^#!.*[/ ](ba)?sh$$' -- .ci scripts tests c-examples benches packaging bindings)
	$(VENV)/bin/ruff check --no-cache --select E9,F $$(git ls-files '*.py') $$(git grep -lE '^#!.*python3$$' -- scripts benches packaging)

header: ## write include/ckafka.h anew from src/
	CKAFKA_WRITE_HEADER=1 $(CARGO) build $(CARGO_FLAGS) --lib

clean: ## remove what was built; fetched jars and the virtual environment too
	$(CARGO) clean
	rm -rf $(BUILD) $(CURDIR)/target
	@if [ -f c-examples/Makefile ]; then $(EXAMPLES) clean; fi

venv: $(VENV)/.complete ## the Python that tests use, in target/venv

$(VENV)/.complete: $(wildcard tests/python/requirements*.txt)
	@scripts/preflight venv
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$^)
	@touch $@

jars: ## Kafka's own tools and a broker, into target/oracle
	@. tests/oracle/jars.sh && \
	  fetch_jars tests/oracle/dump-log/pom.xml "$$KAFKA_VERSION" "$$ORACLE/dump-log-$$KAFKA_VERSION" kafka-tools && \
	  fetch_jars tests/oracle/pom.xml "$$KAFKA_VERSION" "$$ORACLE/broker-$$KAFKA_VERSION" kafka-clients
