#!/bin/sh
# Every way of breaking it at length: RUSHES_KILLS random kills (500 unless given), a kill at each fault point the first
# and one later time it is passed, and the others; every weather before every store, with 10,000 files and 5 GB in all;
# then the report. RUSHES_SEED repeats a run. `scripts/reliability.sh clouds_` goes through one part only.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
export RUSHES_KILLS="${RUSHES_KILLS:-500}" RUSHES_ALL_POINTS=1 RUSHES_CHARACTERS="${RUSHES_CHARACTERS:-200}" RUSHES_REPORT="$rows"
# 15 weathers before three stores, 220 small files and one large under each; then 1,200 at once in a storm before each.
export RUSHES_EVERYTHING=1 RUSHES_CLOUD_KILLS="${RUSHES_CLOUD_KILLS:-40}" RUSHES_FILES=220 RUSHES_LARGE_MB=110
export RUSHES_STORM_FILES=300 RUSHES_SOON_S=600
# Five minutes of everything that can happen to several nodes, with work all the time.
export RUSHES_CHAOS_S="${RUSHES_CHAOS_S:-300}" RUSHES_JOBS="${RUSHES_JOBS:-190}"
failed=0
for part in ${1:-survives_ clouds_ finish_all_ redo_ machines_ kill_at_every_point}; do
    cargo test --locked -p rushes --test it -- --test-threads=1 --nocapture "$part" || failed=1
done
# What did not hold has no row; what held need not be gone through again.
commit=$(git rev-parse --short HEAD)
new=$(mktemp)
trap 'rm -f "$rows" "$new"' EXIT
sed "s/ |\$/ | $commit |/" "$rows" > "$new"
# One part alone leaves the rows of the others as they were.
if [ -n "${1:-}" ]; then
    kept=$(sed -n '/^|---/,$ { /^|---/d; p; }' docs/reliability.md | awk -F '|' 'NR == FNR { seen[$2] = 1; next } !($2 in seen)' "$new" -)
    printf '%s\n' "$kept" >> "$new"
fi
{
    printf '# Reliability\n\n'
    printf 'What `make reliability` last went through, each row at the commit it names. The drivers are outside of Rushes\n'
    printf '(`crates/rushes/tests/it/support/survivor.rs`, `crates/rushes/tests/it/clouds`); after each row its oracle held:\n'
    printf 'everything acknowledged is at its destination once, with equal bytes, in one record; the library shows it; no\n'
    printf 'finished step ran again; scratch is empty; no process is left; `rushes audit --deep` is clean. Of several nodes\n'
    printf '(`crates/rushes/tests/it/machines.rs`): each job ended once and well; every object is at its destination once, with\n'
    printf 'equal bytes; what was published was shown once, by the other side'\''s count; `rushes audit` is clean.\n\n'
    printf '![Each weather before each store](pictures/weathers.svg)\n\n'
    printf '| what was done | what was seen | commit |\n|---|---|---|\n'
    sort "$new"
} > docs/reliability.md.new
mv docs/reliability.md.new docs/reliability.md
cargo run --quiet --locked -p xtask -- reliability
cat docs/reliability.md
exit "$failed"
