#!/bin/sh
# Every way of breaking it at length: RUSHES_KILLS random kills (500 unless given), a kill at each fault point the first
# and one later time it is passed, and the others; then the report. RUSHES_SEED repeats a run.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
export RUSHES_KILLS="${RUSHES_KILLS:-500}" RUSHES_ALL_POINTS=1 RUSHES_REPORT="$rows"
cargo test --locked -p rushes --test it -- --test-threads=1 --nocapture survives_
{
    printf '# Reliability\n\n'
    printf 'What `make reliability` last went through, at commit %s. The driver is a program outside of Rushes\n' "$(git rev-parse --short HEAD)"
    printf '(`crates/rushes/tests/it/support/survivor.rs`); after each row its oracle held: everything acknowledged is at its\n'
    printf 'destination once, with equal bytes, in one record; the library shows it; no finished step ran again; scratch is\n'
    printf 'empty; no process is left; `rushes audit --deep` is clean.\n\n'
    printf '| what was done | what was seen |\n|---|---|\n'
    sort "$rows"
} > docs/reliability.md
cat docs/reliability.md
