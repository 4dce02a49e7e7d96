# What can be asked of Meze from the root of the repository. `make` alone lists it.
#
# Each target first installs the tools that it is missing (scripts/setup.sh), so all of them work in a
# fresh clone on a machine that has Rust.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/meze/target
export MEZE_TOOLS ?= $(HOME)/.cache/meze/tools
export PATH := $(PATH):$(MEZE_TOOLS)/bin

# Words after the command: make demo ARGS="--transactions 12 --rollups 2"
ARGS ?=
# The long parts: make test-long PARTS=fuzz
PARTS ?= rollup-random rollup-production fuzz simulation scenarios-long miden-load miden-peers miden-browser \
	evm-long-anvil evm-long-rpc evm-long-kill evm-long-in-memory evm-long-proofs evm-long-standard

MEZE := $(CARGO_TARGET_DIR)/release/meze
# A workspace of its own; cargo reads its settings only inside the folder.
EVM := CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/evm
# Witnesses that others made, where there are some: tests that need one say so where there are none.
export MEZE_TEST_WITNESSES ?= $(abspath $(wildcard ../shared/data))

.DEFAULT_GOAL := help
.PHONY: help demo evm evm-ready install-evm evm-libraries test test-build test-long test-constraints check bench bench-evm bench-miden install install-proving-service compiler nextest deny services meze deb deb-test cargo-deb miden-peer miden-client

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

demo: meze ## build meze and run its demo: wallets, transactions, rollups, all proved
	$(MEZE) demo $(ARGS)

test: test-build ## run all tests that take minutes
	@scripts/doctests.sh
	cargo nextest run --workspace
	cd evm && $(EVM) cargo nextest run --workspace

test-build: compiler nextest services evm-ready ## build the tests without running them
	cargo nextest run --workspace --no-run
	cd evm && $(EVM) cargo nextest run --workspace --no-run

test-long: compiler nextest services evm-ready ## run the tests that take longer; results in target/long/
	@scripts/long.sh $(PARTS)

test-constraints: compiler nextest ## switch every constraint off and forge it; prints the table
	cargo nextest run -p rollup-circuits --run-ignored all --no-capture \
		-E 'test(/(^|::)constraint_tests::/)'

check: compiler deny evm-ready ## formatting, lints, documentation, licences and sources of dependencies
	@scripts/tables.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace
	cd evm && cargo fmt --all --check
	cd evm && $(EVM) cargo clippy --workspace --all-targets -- -D warnings
	cd evm && $(EVM) RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace
	@scripts/deny.sh

evm: evm-ready ## prepare the published Type 1 prover and build meze-evm: leader, worker and verifier
	cd evm && $(EVM) cargo build --locked --release -p meze-evm

bench: meze ## measure every circuit and several shapes, and the fabric
	$(MEZE) bench rollup $(ARGS)
	$(MEZE) bench dispatch

bench-evm: evm services ## measure what leader, fabric and workers add to proving Ethereum blocks; takes a quarter of an hour
	$(CARGO_TARGET_DIR)/evm/release/meze-evm bench --use-test-config --commit "$$(git describe --always --dirty)" $(ARGS)

bench-miden: meze miden-peer miden-client ## measure the Miden service beside the one that it replaces
	cargo build --locked --release -p miden-test-client
	$(MEZE) bench miden --client $(CARGO_TARGET_DIR)/release/miden-test-client \
		--peer $(MEZE_TOOLS)/bin/miden-proving-service \
		--peer-client $(CARGO_TARGET_DIR)/peers/release/miden-0-9-client $(ARGS)

install: compiler ## install meze into cargo's folder of binaries
	cargo install --locked --path crates/meze

install-proving-service: install ## and link it as miden-proving-service, beside it
	ln -sf meze "$${CARGO_HOME:-$$HOME/.cargo}/bin/miden-proving-service"

install-evm: evm-ready ## install meze-evm, and link it as leader, worker and verifier beside it
	cd evm && $(EVM) cargo install --locked --path crates/meze-evm
	for name in leader worker verifier; do ln -sf meze-evm "$${CARGO_HOME:-$$HOME/.cargo}/bin/$$name"; done

deb: meze cargo-deb ## make the Debian packages miden-prover and miden-prover-proxy, in target/deb/
	@scripts/deb.sh

deb-test: deb ## install both packages on this machine, look at them, and purge them (as root)
	@scripts/deb-test.sh

miden-client: compiler ## build Miden's own client of the line 0.9, in peers/ below the build output
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/peers cargo build --locked --release --manifest-path peers/miden-0.9/Cargo.toml

evm-ready: compiler evm-libraries
	@evm/prepare.sh

meze: compiler
	cargo build --locked --release -p meze

compiler nextest deny services cargo-deb miden-peer evm-libraries:
	@scripts/setup.sh $@
