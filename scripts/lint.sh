#!/bin/sh
# Formatting, lints and the house rules. What the tests check as well (the rules) comes last and is left out by
# `lint.sh fast`.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
[ "${1:-}" = fast ] || cargo run --quiet --locked -p xtask -- tidy
