#!/bin/sh
# Installs what the bench compares itself with, into target/peers and nowhere else, and runs the parts that compare.
#
#   scripts/peers.sh           MoviePy and face_recognition, by pip: in an environment of its own where python3 has venv,
#                              else in a folder
#
# Nothing of it is needed to build, run or test.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

moviepy="moviepy==2.2.1"
# dlib built by somebody else; face_recognition itself asks for one that is built here, for a quarter of an hour.
dlib="dlib-bin==20.0.1.post1 numpy pillow click setuptools<81"
faces="face_recognition==1.3.0 face_recognition_models==0.3.0"
peers="target/peers"

say() { printf 'peers: %s\n' "$*" >&2; }

# Whether that python finds it, looking also where pip was told to put it.
has() { [ -x "$1" ] && PYTHONPATH="$peers/packages" "$1" -W ignore -c "import $2" 2>/dev/null; }

python="$(command -v python3 || true)"
[ -n "$python" ] || { say "missing: python3; on Debian: sudo apt-get install -y python3 python3-venv"; exit 1; }

# Installs what is named.
install() {
    say "installing $* into $peers"
    mkdir -p "$peers"
    if [ -x "$peers/bin/pip" ] || "$python" -m venv "$peers" >/dev/null 2>&1; then
        "$peers/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
    elif "$python" -m pip --version >/dev/null 2>&1; then
        # What a half-made environment left would be taken for one.
        rm -rf "${peers:?}/bin"
        "$python" -m pip install --quiet --disable-pip-version-check --target "$peers/packages" "$@" >&2
    else
        say "missing: pip; on Debian: sudo apt-get install -y python3-venv"
        exit 1
    fi
}

if ! has "$peers/bin/python" moviepy && ! has "$python" moviepy; then
    install "$moviepy"
fi
if ! has "$peers/bin/python" face_recognition && ! has "$python" face_recognition; then
    # shellcheck disable=SC2086  # these are lists
    install $dlib
    # shellcheck disable=SC2086
    install --no-deps $faces
fi

cargo bench --locked -p rushes --bench house -- outputs
cargo run --quiet --locked --release -p rushes-faces --example measure peer
