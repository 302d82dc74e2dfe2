#!/bin/sh
# Everything a change must pass. CARGO_BUILD_JOBS and the like are obeyed; cargo uses all processors otherwise.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

./scripts/test_setup.sh
./scripts/lint.sh fast
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --profile whole --workspace --locked --no-fail-fast
    # nextest leaves out the examples in documentation.
    cargo test --workspace --doc --locked --quiet
else
    cargo test --workspace --locked --no-fail-fast
fi
