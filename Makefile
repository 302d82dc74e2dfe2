# The two commands a user needs are `make run` and `make test`; both first install what is missing.
.DEFAULT_GOAL := run
.PHONY: run test lint bench bench-peers weigh reliability docs pictures setup help

run: ## Make one production, from nothing to delivered files (the default)
	@./scripts/setup.sh
	@./scripts/run.sh

test: ## Check formatting and lints, then run every test
	@./scripts/setup.sh develop
	@./scripts/test.sh

lint: ## Formatting, lints and the house rules, without the tests
	@./scripts/setup.sh develop
	@./scripts/lint.sh

bench: ## Measure everything, beside rclone where it is, and write docs/performance.md
	@./scripts/setup.sh
	@./scripts/bench.sh

bench-peers: ## Install MoviePy and face_recognition into target/peers, and measure beside them
	@./scripts/setup.sh
	@./scripts/peers.sh

weigh: ## Count crates, and measure size, start and an idle server
	@./scripts/setup.sh
	@./scripts/weigh.sh

reliability: ## Break it in every way the tests know, at length, and write docs/reliability.md
	@./scripts/setup.sh develop
	@./scripts/reliability.sh

docs: ## Write the documents that are made from tables
	@./scripts/setup.sh
	@. ./scripts/path.sh && cargo run --quiet --locked -p xtask -- docs

pictures: ## Draw the pictures the documents show
	@./scripts/setup.sh
	@. ./scripts/path.sh && cargo run --quiet --locked --release -p rushes-media --example look docs/pictures pictures

setup: ## Install what building and running needs and this machine lacks
	@./scripts/setup.sh develop

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
