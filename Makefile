# Everything one needs to build, try and check Portagent. `make` alone explains itself.

TARGET := x86_64-unknown-linux-musl
RELEASE = $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release/portagent

.DEFAULT_GOAL := help
.PHONY: help run test crash bench lint fmt check dist tools

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools ## start a server here, with its data in ./run/agentx; without a key, on the demo provider
	@cargo build --locked
	@settings=$$(cargo run --quiet --locked -- config) || exit $$?; demo=; \
	if echo "$$settings" | grep -q '^LLM_PROVIDER_KEY *not set' && echo "$$settings" | grep -q '^LLM_PROVIDER .*default$$'; then \
		demo="--provider demo"; echo "LLM_PROVIDER_KEY is not set: answers come from the built-in demo provider"; \
	fi; \
	exec cargo run --quiet --locked -- serve --data-dir run/agentx $$demo

test: ## every check and test; the last line is their sum
	@tests/run.sh

crash: tools ## `kill -9` in the middle of 100 answers, and at many moments of what touches the data
	CRASH_ROUNDS=100 cargo test --locked --test it -- crash:: restore::stale_log::

bench: dist ## the figures of the README, on this machine; nginx and wrk for the comparison
	PORTAGENT_BIN=$(abspath $(RELEASE)) CARGO_PROFILE_BENCH_LTO=off cargo bench --locked --bench bench

lint: tools ## what the compiler's friends find
	cargo clippy --locked --all-targets -- -D warnings

fmt: tools ## put the source into its form
	cargo fmt

check: tools ## does it compile?
	cargo check --locked --all-targets

dist: tools ## the static binary and its checksum, in ./dist
	@command -v musl-gcc >/dev/null || { echo "error: musl-gcc is missing"; echo "hint:  apt-get install musl-tools"; exit 1; } >&2
	@if command -v rustup >/dev/null; then rustup target add $(TARGET); fi
	cargo build --locked --release --target $(TARGET)
	@mkdir -p dist
	cp $(RELEASE) dist/portagent-$(TARGET)
	cd dist && sha256sum portagent-$(TARGET) | tee portagent-$(TARGET).sha256

tools:
	@tests/install.sh --check-build
