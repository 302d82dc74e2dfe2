#!/bin/sh
# Measures. Without arguments everything is, and docs/performance.md is written with its plots; names of parts measure
# those only: `scripts/bench.sh steps delivery`. `scripts/bench.sh --write machines` measures one part and writes its section
# of the document, and its plots, anew. The part `faces` is a program of its own, beside the crate it measures, and not
# measured with others.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

house() { cargo bench --locked -p rushes --bench house -- "$@"; }
faces() { cargo run --quiet --locked --release -p rushes-faces --example measure; }

part=""
if [ "${1:-}" = --write ]; then
    part="${2:?name the part whose section is to be written}"
elif [ "$*" = faces ]; then
    faces
    exit
elif [ $# -gt 0 ]; then
    house "$@"
    exit
fi
printed=$(mktemp)
RUSHES_FIGURES=$(mktemp)
export RUSHES_FIGURES RUSHES_BENCH_5GB="${RUSHES_BENCH_5GB:-1}"
trap 'rm -f "$printed" "$RUSHES_FIGURES"' EXIT
{
    [ "$part" = faces ] || house ${part:+"$part"}
    case "$part" in "" | faces) faces ;; esac
} | tee "$printed"
cargo run --quiet --locked -p xtask -- performance "$printed" "$RUSHES_FIGURES" "$(git rev-parse --short HEAD)" ${part:+"$part"}
