# shellcheck shell=sh
# Where rustup puts its programs, first: a system's own cargo is often too old. Sourced by the other scripts.
PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
export PATH
