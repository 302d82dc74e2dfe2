#!/bin/sh
# Tests setup.sh, and servers.sh which it starts, without touching this machine: every program it may start is a stub in a folder of its own.
set -eu
cd "$(dirname "$0")/.."

unset RUSHES_S3S_FS RUSHES_MOTO_SERVER RUSHES_POSTGRES_BIN
room="$(mktemp -d)"
trap 'rm -rf "$room"' EXIT
tools="sh sed find head tr dirname mktemp rm env mkdir chmod cat touch"

stub() { # stub NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$room/bin/$1"
    chmod +x "$room/bin/$1"
}

# A machine on which nothing is missing, and root is at work.
fresh() {
    rm -rf "${room:?}/bin" "$room/fonts" "$room/cargo" "$room/log" "$room/servers"
    mkdir -p "$room/bin" "$room/fonts" "$room/cargo/bin"
    for tool in $tools; do ln -s "$(command -v "$tool")" "$room/bin/$tool"; done
    touch "$room/log" "$room/fonts/LeckerliOne-Regular.ttf" "$room/fonts/DejaVuSans.ttf"
    for tool in ffmpeg ffprobe make cc cargo s3s-fs moto_server gcp-storage-emulator schemathesis postgres initdb rclone curl heif-enc heif-dec chromium; do stub "$tool" 'exit 0'; done
    mkdir -p "$room/servers/firestore" "$room/servers/restate" "$room/servers/browser" "$room/servers/webhooks-node" "$room/servers/webhooks-python/bin"
    for file in firestore/node restate/node browser/node webhooks-node/node webhooks-python/bin/python; do cp "$room/bin/cargo" "$room/servers/$file"; done
    stub rustc 'echo "rustc 9.9.0 (stub)"'
    stub id 'echo 0'
    stub apt-get "echo \"apt-get \$*\" >>'$room/log'"
}

setup() { # setup WANTED_STATUS
    status=0
    said="$(PATH="$room/bin" CARGO_HOME="$room/cargo" RUSHES_FONT_FOLDERS="$room/fonts" HOME="$room" \
        RUSHES_SERVERS_ROOM="$room/servers" RUSHES_POSTGRES_ROOM="$room/postgresql" "$room/bin/sh" scripts/setup.sh develop 2>&1)" || status=$?
    [ "$status" -eq "$1" ] || fail "ended with $status instead of $1"
}

fail() {
    printf 'test_setup: %s: %s\n%s\n' "$case" "$1" "$said" >&2
    exit 1
}

says() { case "$said" in *"$1"*) ;; *) fail "does not say: $1" ;; esac }
did() { case "$(cat "$room/log")" in *"$1"*) ;; *) fail "did not: $1" ;; esac }
did_nothing() { [ ! -s "$room/log" ] || fail "did: $(cat "$room/log")"; }

case="nothing is missing"
fresh
setup 0
did_nothing
[ -z "$said" ] || fail "is not silent"

case="ffmpeg and the fonts are missing, root"
fresh
rm "$room/bin/ffmpeg" "$room/fonts/"*
stub apt-get "echo \"apt-get \$*\" >>'$room/log'; touch '$room/bin/ffmpeg' '$room/fonts/LeckerliOne-Regular.ttf' '$room/fonts/DejaVuSans.ttf'; chmod +x '$room/bin/ffmpeg'"
setup 0
did "no-install-recommends ffmpeg fonts-leckerli-one fonts-dejavu-core"
did "no-install-recommends fonts-motoya-l-maruberi"

case="ffmpeg is missing, and there is no font with katakana to be had"
fresh
rm "$room/bin/ffmpeg"
stub apt-get "case \"\$*\" in *motoya*) exit 100 ;; *install*) touch '$room/bin/ffmpeg'; chmod +x '$room/bin/ffmpeg' ;; esac"
setup 0
says "Latin only"

case="ffprobe is missing, not root, no sudo"
fresh
rm "$room/bin/ffprobe"
stub id 'echo 1000'
setup 1
did_nothing
says "missing: ffmpeg"
says "sudo apt-get install -y ffmpeg"

case="a compiler is missing, not root, sudo asks for a password"
fresh
stub cc 'exit 1'
stub id 'echo 1000'
stub sudo 'exit 1'
setup 1
did_nothing
says "apt-get install -y build-essential"

case="a compiler is missing, not root, sudo works"
fresh
stub cc 'exit 1'
stub id 'echo 1000'
stub sudo "shift; echo \"sudo \$*\" >>'$room/log'; case \"\$*\" in *install*) printf '#!/bin/sh\n' >'$room/bin/cc' ;; esac"
setup 0
did "install -y -qq --no-install-recommends build-essential"

case="there is no network"
fresh
rm "$room/bin/ffmpeg"
stub apt-get "exit 100"
setup 1
says "missing: ffmpeg"

case="no Debian"
for system in dnf pacman brew; do
    fresh
    rm "$room/bin/ffmpeg" "$room/bin/apt-get"
    stub "$system" "echo called >>'$room/log'"
    setup 1
    did_nothing
    says "$system"
    says "ffmpeg"
done

case="Rust is too old and rustup brings a new one"
fresh
stub rustc 'echo "rustc 1.63.0 (stub)"'
stub rustup "echo \"rustup \$*\" >>'$room/log'; printf '#!/bin/sh\necho rustc 9.9.0\n' >'$room/bin/rustc'"
setup 0
did "rustup toolchain install stable"

case="Rust is too old and stays so"
fresh
stub rustc 'echo "rustc 1.63.0 (stub)"'
stub rustup 'exit 0'
setup 1
says "rustup default stable"

case="there is no Rust"
fresh
rm "$room/bin/cargo" "$room/bin/rustc"
cat >"$room/rustup-init" <<END
#!/bin/sh
echo "rustup-init \$*" >>'$room/log'
for tool in cargo rustc; do printf '#!/bin/sh\necho rustc 9.9.0\n' >'$room/cargo/bin/'\$tool; chmod +x '$room/cargo/bin/'\$tool; done
END
stub curl "while [ \"\$1\" != -o ]; do shift; done; cat '$room/rustup-init' >\"\$2\""
setup 0
did "rustup-init -y --no-modify-path"

case="there is no Rust and no network"
fresh
rm "$room/bin/cargo" "$room/bin/rustc"
stub curl 'exit 6'
setup 1
says "sh.rustup.rs"

case="real servers are missing, root"
fresh
rm -rf "$room/servers"
stub node 'echo 20'
stub npm "echo \"npm \$*\" >>'$room/log'"
rm "$room/bin/s3s-fs" "$room/bin/moto_server" "$room/bin/gcp-storage-emulator" "$room/bin/postgres" "$room/bin/rclone" "$room/bin/curl" "$room/bin/heif-enc" "$room/bin/chromium"
stub cargo "case \"\$1\" in install) echo \"cargo \$*\" >>'$room/log' ;; esac"
stub python3 "echo \"python3 \$*\" >>'$room/log'; [ \"\$2\" != venv ] || { mkdir -p \"\$3/bin\" && ln -s '$room/bin/python3' \"\$3/bin/python\"; }"
ln -s "$(command -v ln)" "$room/bin/ln"
setup 0
did "cargo install s3s-fs --version 0.14.1 --features binary --locked --root $room/servers --target-dir $room/servers/build"
did "python3 -m venv $room/servers/moto"
did "pip install --quiet --disable-pip-version-check moto[server]"
did "pip install --quiet --disable-pip-version-check gcp-storage-emulator"
did "pip install --quiet --disable-pip-version-check standardwebhooks"
did "no-install-recommends postgresql"
did "npm install --silent --ignore-scripts --no-audit --no-fund --prefix $room/servers/firestore @firestore-emulator/server@"
did "npm install --silent --ignore-scripts --no-audit --no-fund --prefix $room/servers/restate @restatedev/restate-server@"
did "npm install --silent --ignore-scripts --no-audit --no-fund --prefix $room/servers/webhooks-node standardwebhooks@"
[ -x "$room/servers/firestore/node" ] || fail "the mark that the emulator is there is missing"
did "no-install-recommends rclone"
did "no-install-recommends libheif-examples"
did "no-install-recommends curl"
did "no-install-recommends chromium"
did "npm install --silent --ignore-scripts --no-audit --no-fund --prefix $room/servers/browser playwright-core@"

case="real servers are missing and cannot be had"
fresh
rm -rf "$room/servers"
rm "$room/bin/s3s-fs" "$room/bin/moto_server" "$room/bin/gcp-storage-emulator" "$room/bin/postgres" "$room/bin/rclone" "$room/bin/curl" "$room/bin/heif-enc" "$room/bin/chromium"
stub cargo "case \"\$1\" in install) exit 101 ;; esac"
stub python3 'exit 1'
stub apt-get 'exit 100'
setup 0
for name in s3s-fs moto gcp-storage-emulator Postgres firestore-emulator Restate "the Python verifier of webhooks" "the JavaScript verifier of webhooks" rclone curl libheif-examples chromium playwright-core; do says "without $name its tests are skipped"; done

case="real servers lie where they were installed"
fresh
rm "$room/bin/s3s-fs" "$room/bin/moto_server" "$room/bin/gcp-storage-emulator" "$room/bin/postgres"
mkdir -p "$room/servers/bin" "$room/servers/moto/bin" "$room/servers/gcs/bin" "$room/postgresql/15/bin"
for file in servers/bin/s3s-fs servers/moto/bin/moto_server servers/gcs/bin/gcp-storage-emulator postgresql/15/bin/initdb; do
    touch "$room/$file"
    chmod +x "$room/$file"
done
setup 0
did_nothing
rm -rf "$room/postgresql"
[ -z "$said" ] || fail "is not silent"

echo "setup.sh: all cases hold"
