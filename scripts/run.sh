#!/bin/sh
# Builds Rushes and makes one production in ./rushes-home (or $RUSHES_HOME).
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

cargo build --release --locked -p rushes
exec "${CARGO_TARGET_DIR:-target}/release/rushes" run production --count 1 --seed 7 "$@"
