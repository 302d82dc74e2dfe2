#!/bin/sh
# Takes docs/pictures/dashboard.jpg: the newest job of a home, as the dashboard shows it. Wants Chromium and what
# servers.sh installs beside it.
#
#   scripts/dashboard_picture.sh [HOME]      the home; ./rushes-home unless given
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

home="${1:-rushes-home}"
chromium="${RUSHES_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}"
[ -n "${RUSHES_PROGRAM:-}" ] || cargo build --quiet --locked --release -p rushes
said="$(mktemp)"
"${RUSHES_PROGRAM:-target/release/rushes}" --home "$home" serve --listen 127.0.0.1:0 >"$said" &
server=$!
trap 'kill "$server"; rm -f "$said"' EXIT
until grep -q '^Listening on ' "$said"; do
    kill -0 "$server"
    sleep 0.2
done
url="$(sed -n 's/^Listening on //p' "$said")"
node crates/rushes/tests/browser/picture.mjs "$url" target/servers/browser/node_modules "$chromium" docs/pictures/dashboard.jpg
