#!/bin/sh
# Goes through the steps of the Dockerfile's last stage without Docker: a Debian by debootstrap, the same RUN lines in it,
# the program of target/release, then a start as the image's user, a look at its health, and one production. Needs root.
#
#   scripts/image.sh           in a folder below target, which is removed in the end; KEEP=1 leaves it
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

say() { printf 'image: %s\n' "$*" >&2; }
stage="$PWD/target/image"
program="${RUSHES:-target/release/rushes}"
[ "$(id -u)" -eq 0 ] || { say "needs root, for chroot"; exit 1; }
command -v debootstrap >/dev/null || { say "missing: debootstrap; on Debian: sudo apt-get install -y debootstrap"; exit 1; }
[ -x "$program" ] || { say "missing: $program; cargo build --release --locked --bin rushes"; exit 1; }

clear_up() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
    umount "$stage/proc" 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$stage"
}
trap clear_up EXIT
rm -rf "$stage"
suite="$(sed -n 's/^FROM debian:\([a-z]*\)-slim$/\1/p' Dockerfile)"
say "debootstrap $suite"
debootstrap --variant=minbase "$suite" "$stage" >"$stage.log" 2>&1 || { tail -5 "$stage.log" >&2; exit 1; }
# What chooses a mirror on this machine chooses it there.
cp /etc/resolv.conf "$stage/etc/" 2>/dev/null || true
cp -r /etc/apt/. "$stage/etc/apt/"
mount -t proc proc "$stage/proc"

# Every RUN of the last stage, its continued lines joined.
sed -n '/^FROM debian/,$p' Dockerfile | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | sed -n 's/^RUN //p' >"$stage.runs"
while IFS= read -r line; do
    say "RUN $line"
    chroot "$stage" /bin/sh -ec "$line" >>"$stage.log" 2>&1 || { tail -20 "$stage.log" >&2; exit 1; }
done <"$stage.runs"
cp "$program" "$stage/usr/local/bin/rushes"

# ENV, USER, WORKDIR and CMD as the Dockerfile has them.
settings="$(sed -n 's/^ENV //p' Dockerfile | sed 's/0\.0\.0\.0:8787/127.0.0.1:18787/')"
user="$(sed -n 's/^USER //p' Dockerfile)"
inside() {
    # Split on purpose: a list of settings.
    # shellcheck disable=SC2086
    chroot --userspec="$user" "$stage" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin $settings \
        RUSHES_MEDIA__WIDTH=180 RUSHES_MEDIA__HEIGHT=320 RUSHES_MEDIA__FPS=15 RUSHES_MEDIA__DANCE_MAX_S=3 \
        /bin/sh -c "cd /etc/rushes && exec $1"
}
inside "rushes doctor"
inside "rushes serve" >"$stage.serve" 2>&1 &
server=$!
tries=0
until inside "rushes health --listen 127.0.0.1:18787" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { say "it does not answer"; tail -5 "$stage.serve" >&2; exit 1; }
    sleep 0.2
done
inside "rushes run production --seed 7 --no-variants --json" | tail -3
inside "rushes audit"
say "well: built, started as $user, healthy, one production made and clean"
