#!/bin/sh
# Installs what building and running Rushes needs and this machine lacks; instant when nothing is missing.
#
#   scripts/setup.sh           what building and running needs
#   scripts/setup.sh develop   and what checks and tests need (servers.sh adds real servers, as far as they can be had)
#
# On Debian and Ubuntu, as root or with sudo that asks for no password, it installs packages. Rust comes by rustup,
# for this user only. Where it may not or cannot, it names what is missing and the command that installs it, and ends
# with 1.
set -eu
cd "$(dirname "$0")/.."
. ./scripts/path.sh

purpose="${1:-run}"
wanted_rust="$(sed -n 's/^rust-version = "\([0-9.]*\)"/\1/p' Cargo.toml)"
font_folders="${RUSHES_FONT_FOLDERS:-/usr/share/fonts /usr/local/share/fonts ${HOME:-}/.local/share/fonts ${HOME:-}/.fonts ${HOME:-}/Library/Fonts /Library/Fonts}"

kana_font=fonts-motoya-l-maruberi

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

have_font() {
    # Split on purpose: a list of folders.
    # shellcheck disable=SC2086
    [ -n "$(find $font_folders -iname "$1*" 2>/dev/null | head -n 1)" ]
}

have_compiler() {
    # Without the headers of the C library a compiler builds nothing. make comes with it.
    have make && have cc && printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1
}

# Whether the cargo and rustc that would be used are at least the version Cargo.toml asks for.
have_rust() {
    have cargo && have rustc && cargo --version >/dev/null 2>&1 || return 1
    found="$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')"
    [ -n "$found" ] || return 1
    [ "$((${found% *} * 1000 + ${found#* }))" -ge "$((${wanted_rust%%.*} * 1000 + ${wanted_rust#*.}))" ]
}

have_rust_tools() { cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; }

# One word for each thing that is missing and that packages bring.
missing() {
    have ffmpeg && have ffprobe || echo ffmpeg
    # The lettering's first choice is packaged by Debian; elsewhere DejaVu serves.
    if have apt-get; then have_font leckerlione || echo leckerli; fi
    have_font dejavusans || echo dejavu
    have_compiler || echo compiler
    if ! have_rust && ! have rustup; then
        have curl || echo curl
        [ -e /etc/ssl/certs/ca-certificates.crt ] || [ ! -d /etc/apt ] || echo certificates
    fi
}

# The package that brings a thing: package_for <apt|dnf|pacman|brew> <thing>
package_for() {
    case "$1 $2" in
    *" ffmpeg" | *" curl") echo "$2" ;;
    "apt leckerli") echo fonts-leckerli-one ;;
    "apt dejavu") echo fonts-dejavu-core ;;
    "dnf dejavu") echo dejavu-sans-fonts ;;
    "brew dejavu") echo font-dejavu ;;
    "pacman dejavu") echo ttf-dejavu ;;
    "apt compiler") echo build-essential ;;
    "dnf compiler") echo gcc make ;;
    "pacman compiler") echo base-devel ;;
    *" certificates") echo ca-certificates ;;
    esac
}

packages_for() {
    for thing in $2; do package_for "$1" "$thing"; done | tr '\n' ' ' | sed 's/ $//'
}

# Names what is missing and how to get it, for the system at hand, and ends.
give_up() {
    say "missing: $(echo "$1" | tr '\n' ' ' | sed 's/ $//')"
    for system in apt-get dnf pacman brew none; do
        if have "$system"; then break; fi
    done
    case "$system" in
    apt-get) say "install it with: sudo apt-get update && sudo apt-get install -y $(packages_for apt "$1")" ;;
    dnf) say "install it with: sudo dnf install -y $(packages_for dnf "$1")  (ffmpeg: RPM Fusion's, or ffmpeg-free)" ;;
    pacman) say "install it with: sudo pacman -S --needed $(packages_for pacman "$1")" ;;
    brew) say "install it with: brew install $(packages_for brew "$1")  (a C compiler: xcode-select --install)" ;;
    none) say "install it with this system's package manager; on Debian: $(packages_for apt "$1")" ;;
    esac
    exit 1
}

# Runs apt-get as root, or not at all.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    have apt-get || give_up "$1"
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo || ! sudo -n true 2>/dev/null; then give_up "$1"; fi
    fi
    packages="$(packages_for apt "$1")"
    say "installing $packages"
    # Stale lists can still be good enough, so a failed update is no reason to stop.
    as_root apt-get -o Acquire::Retries=2 -o Acquire::http::Timeout=20 update -qq >&2 || say "the package lists could not be renewed"
    # Split on purpose: a list of packages.
    # shellcheck disable=SC2086
    apt_install $packages || say "apt-get could not install them"
    # The second line of name stickers: welcome where something is installed anyway (1.4 MB), no reason to fail.
    have_font MTLmr3m || apt_install "$kana_font" || say "without $kana_font names are lettered in Latin only"
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
        -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >&2
}

install_rust() {
    if have rustup; then
        say "Rust $wanted_rust or newer is needed; updating the stable toolchain"
        rustup toolchain install stable --profile minimal --component clippy,rustfmt >&2 || true
        rustup default >/dev/null 2>&1 || rustup default stable >&2 || true
    else
        say "installing Rust by rustup, for this user"
        fetched="$(mktemp)"
        # The same script twice; some networks let only the second host through.
        for from in https://sh.rustup.rs https://static.rust-lang.org/rustup/rustup-init.sh; do
            curl --proto '=https' --tlsv1.2 --retry 2 -sSfL "$from" -o "$fetched" || continue
            # The PATH check would refuse to stand beside a system's older Rust. These scripts look in ~/.cargo/bin first.
            RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$fetched" -y --no-modify-path --profile minimal -c clippy -c rustfmt >&2 || true
            break
        done
        rm -f "$fetched"
    fi
    have_rust && return
    if have rustup; then
        say "missing: Rust $wanted_rust or newer; in use here is: $(rustc --version 2>/dev/null || echo none)"
        say "get it with: rustup update stable && rustup default stable"
    else
        say "missing: Rust $wanted_rust or newer"
        say "get it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    fi
    exit 1
}

install_rust_tools() {
    if have rustup; then rustup component add clippy rustfmt >&2 || true; fi
    have_rust_tools && return
    say "missing: clippy and rustfmt"
    say "get them with: rustup component add clippy rustfmt, or this system's packages of those names"
    exit 1
}

lacking="$(missing)"
if [ -n "$lacking" ]; then
    install_packages "$lacking"
    lacking="$(missing)"
    [ -z "$lacking" ] || give_up "$lacking"
fi
have_rust || install_rust
[ "$purpose" = run ] || have_rust_tools || install_rust_tools
[ "$purpose" = run ] || ./scripts/servers.sh
