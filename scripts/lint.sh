#!/bin/sh
# Formatting, lints and the house rules. What the tests check as well (the rules) comes last and is left out by
# `lint.sh fast`.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

cargo fmt --all --check

# Each Rust release brings lints of its own. On the version Cargo.toml names a warning is an error; on a newer one it
# is only shown, so that a release of Rust never breaks the tests of a tree that has not changed.
wanted="$(sed -n 's/^rust-version = "\([0-9.]*\)"/\1/p' Cargo.toml)"
case "$(rustc --version)" in
"rustc $wanted."*) cargo clippy --workspace --all-targets --locked -- -D warnings ;;
*) cargo clippy --workspace --all-targets --locked ;;
esac

[ "${1:-}" = fast ] || cargo run --quiet --locked -p xtask -- tidy
