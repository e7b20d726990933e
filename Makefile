# `make demo` shows it, `make test` proves it. Needed: a Rust toolchain, Python 3.10 or newer, make.

PYTHON ?= python3
VENV := .local/venv/bin
ROWS ?= 1000000 10000000
TARGET = $(or $(CARGO_TARGET_DIR),target)
export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= us-east-1

.PHONY: help demo test lint unit local e2e bench bench-delivery picture tools format build deny clean

help: ## What there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

demo: tools ## A segment file through everything, on this machine (SEGMENT=FILE, KEEP=1)
	@$(VENV)/python -m segue_local.demo "$(SEGMENT)"

test: lint unit local e2e ## Every check and every test

tools: ## The pinned Python tools, into .local/venv
	@$(PYTHON) infra/local/tools.py

format: ## Formats the code
	cargo fmt --all

lint: tools ## Formatting, lints as errors, the template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(VENV)/cfn-lint template.yaml
	$(VENV)/sam validate --lint

unit: ## Pure functions, and each destination against a scripted server
	cargo build --workspace --bins
	cargo test --workspace --no-fail-fast

local: tools ## The promises of template and schemas, and that the local stack always ends
	$(VENV)/python -m pytest tests/template tests/schemas infra/local/tests

e2e: tools ## The whole way, on the local stack
	$(VENV)/python -m pytest tests/e2e -n 2 --durations=10

bench: tools ## How fast files are read, beside a program in Python (ROWS="1000000 10000000", BENCH="--help")
	cargo bench -p segue-segment -p segue-source --bench rows --bench reading
	cargo build --release -p segue
	@for rows in $(ROWS); do \
		$(VENV)/python tests/bench/compare.py $(TARGET)/release/segue .local/bench --rows $$rows $(BENCH) || exit 1; \
	done

bench-delivery: ## How long and how costly a million profiles are (BENCH="--help" for what can be chosen)
	cargo build --config tests/bench/delivery/optimised.toml -p sandbox -p bench-delivery
	@$(TARGET)/debug/bench-delivery $(BENCH)

picture: tools ## The README's picture of `segue run watch`, of real runs on the local stack
	@$(VENV)/python -m segue_local.picture

build: tools ## What is deployed to AWS: the same as `sam build`
	. $(VENV)/activate && sam build

deny: ## Licences, bans and sources of what is linked (needs cargo-deny)
	cargo deny check licenses bans sources

clean: ## What was built and installed here
	rm -rf .local .aws-sam target
