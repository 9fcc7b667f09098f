# Everything one needs to build, try and check Portagent. `make` alone explains itself.

RELEASE = $(or $(CARGO_TARGET_DIR),target)/x86_64-unknown-linux-musl/release/portagent

.DEFAULT_GOAL := help
.PHONY: import ledger help run test test-packages test-sdks test-litellm test-all spec crash abuse bench page-bench lint fmt check dist tools test-tools tools-load

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools ## start a server here, with its data in ./run/agentx; without a key, on the demo provider
	@cargo build --locked
	@settings=$$(cargo run --quiet --locked -- config) || exit $$?; demo=; \
	if echo "$$settings" | grep -q '^LLM_PROVIDER_KEY *not set' && echo "$$settings" | grep -q '^LLM_PROVIDER .*default$$'; then \
		demo="--provider demo"; echo "LLM_PROVIDER_KEY is not set: answers come from the built-in demo provider"; \
	fi; \
	exec cargo run --quiet --locked -- serve --data-dir run/agentx $$demo

test: ## every check and test; the last line is their sum
	@tests/run.sh

test-packages: tools ## the image and the packages: built, installed, upgraded and removed, as root on Debian
	@tests/run.sh packages

test-sdks: tools ## the tests' own model server, judged by the official clients of Anthropic, OpenAI and Ollama from PyPI
	@tests/sdk/run.sh

test-litellm: tools ## the program behind a real gateway: LiteLLM's proxy from PyPI in front of the tests' own model server
	@tests/sdk/litellm.sh

test-tools: tools ## real tool servers from npm and PyPI, and the protocol's own test of clients
	@cargo build --locked
	sh tests/tools/real.sh $(or $(CARGO_TARGET_DIR),target)/debug/portagent
	sh tests/tools/conformance.sh $(or $(CARGO_TARGET_DIR),target)/debug/portagent

tools-load: tools ## 100 turns that use a tool at the same moment, and what they take of memory
	TOOL_TURNS=100 cargo test --locked --test it -- tools::many --nocapture

test-all: tools ## `make test` and `make test-packages`, with one sum
	@tests/run.sh all

# Those of GitHub's extensions come with the parser, which cargo has fetched.
PARSER = $(shell cargo metadata --locked --format-version 1 | python3 -c 'import json, os, sys; print(*(os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "pulldown-cmark"))')
spec: tools ## the examples of the specifications of CommonMark and GitHub's Markdown through the renderer, from the registries
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && (cd "$$folder" && npm pack --silent commonmark-spec@0.31.2 | xargs tar xzf) \
		&& MARKDOWN_SPECS=$$(echo $$folder/package/spec.txt $(PARSER)/tests/suite/gfm_*.rs | tr ' ' :) cargo test --locked --lib -- render::corpus::examples --nocapture

crash: tools ## `kill -9` in the middle of 100 answers, and at many moments of what touches the data
	CRASH_ROUNDS=100 cargo test --locked --test it -- crash:: restore:: killed migration

abuse: tools ## what an ordinary account can do against the machine and everyone else, half a minute each
	ABUSE_SECONDS=30 cargo test --locked --test it -- abuse:: --nocapture --test-threads 2

ledger: tools ## the ledger and the budgets against what a provider sent, after 1,000 turns of 20 people
	LEDGER_TURNS=1000 cargo test --locked --test it -- ledger::many

import: tools ## 20,000 conversations by the command, in bounded memory
	IMPORT_CONVERSATIONS=20000 cargo test --locked --test it -- transfer::command

bench: tools ## the figures of the README, on this machine; nginx and wrk for the comparison; PARTS=abuse: only these
	packaging/static.sh x86_64-unknown-linux-musl
	PORTAGENT_BIN=$(abspath $(RELEASE)) CARGO_PROFILE_BENCH_LTO=off cargo bench --locked --bench bench -- $(PARTS)

page-bench: ## times of the page, as a table; BEFORE=program measures another one in the same run
	cargo build --locked
	cd tests/browser && npm ci --no-audit --no-fund --loglevel=error && node bench.js $(if $(BEFORE),before=$(abspath $(BEFORE))) now=$(abspath target/debug/portagent)

lint: tools ## what the compiler's friends find
	cargo clippy --locked --all-targets -- -D warnings

fmt: tools ## put the source into its form
	cargo fmt

check: tools ## does it compile?
	cargo check --locked --all-targets

dist: tools ## static binaries, Debian and npm packages, bill of materials and checksums, in ./dist
	@packaging/dist.sh

tools:
	@tests/install.sh --check-build
