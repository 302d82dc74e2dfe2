#!/bin/sh
# Weighs the house: crates in the graph, the program's size, how soon it starts, and what an idle server uses.
# The built program is weighed; `cargo build --release --locked` builds it.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

cargo build --release --quiet --locked -p rushes
rushes=$PWD/target/release/rushes
graph() { cargo tree --locked -e "$1" -p rushes --prefix none | sed 's/ (.*//' | sort -u | wc -l; }
echo "crates        $(graph normal) in the program, $(graph normal,build) with what builds them"
echo "program       $(($(stat -c %s "$rushes") / 1000000)) MB"

runs=50
"$rushes" --version > /dev/null
from=$(date +%s%N)
for _ in $(seq $runs); do "$rushes" --version > /dev/null; done
awk -v took="$(($(date +%s%N) - from))" -v runs="$runs" 'BEGIN { printf "--version     %.2f ms, the mean of %d\n", took / runs / 1e6, runs }'

home=$(mktemp -d)
"$rushes" --home "$home/home" serve --listen 127.0.0.1:0 > "$home/said" 2>&1 &
server=$!
trap 'kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; rm -rf "$home"' EXIT
until grep -q http:// "$home/said"; do kill -0 "$server"; sleep 0.1; done
ticks() { sed 's/.*) //' "/proc/$server/stat" | awk '{ print $12 + $13 }'; }
# What starting costs is over.
sleep 10
before=$(ticks)
sleep 60
used=$(($(ticks) - before))
awk '/^VmRSS/ { printf "idle serve    %.1f MB of memory, at most ", $2 / 1000 } /^VmHWM/ { high = $2 } END { printf "%.1f MB\n", high / 1000 }' \
    "/proc/$server/status"
awk -v used="$used" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "idle serve    %.2f %% of a core over a minute\n", used / hz / 60 * 100 }'
