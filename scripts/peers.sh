#!/bin/sh
# Installs what the bench compares itself with, into target/peers and nowhere else, and runs the parts that compare.
#
#   scripts/peers.sh           MoviePy, by pip: in an environment of its own where python3 has venv, else in a folder
#
# Nothing of it is needed to build, run or test.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

moviepy="moviepy==2.2.1"
peers="target/peers"

say() { printf 'peers: %s\n' "$*" >&2; }

# Whether that python finds MoviePy, looking also where pip was told to put it.
has_moviepy() { [ -x "$1" ] && PYTHONPATH="$peers/packages" "$1" -c 'import moviepy' 2>/dev/null; }

python="$(command -v python3 || true)"
[ -n "$python" ] || { say "missing: python3; on Debian: sudo apt-get install -y python3 python3-venv"; exit 1; }

if ! has_moviepy "$peers/bin/python" && ! has_moviepy "$python"; then
    say "installing $moviepy into $peers"
    mkdir -p "$peers"
    if "$python" -m venv "$peers" >/dev/null 2>&1; then
        "$peers/bin/python" -m pip install --quiet --disable-pip-version-check "$moviepy" >&2
    elif "$python" -m pip --version >/dev/null 2>&1; then
        # What a half-made environment left would be taken for one.
        rm -rf "${peers:?}/bin"
        "$python" -m pip install --quiet --disable-pip-version-check --target "$peers/packages" "$moviepy" >&2
    else
        say "missing: pip; on Debian: sudo apt-get install -y python3-venv"
        exit 1
    fi
fi

cargo bench --locked -p rushes --bench house -- outputs
