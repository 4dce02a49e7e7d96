#!/bin/sh
# Installs what a fresh Debian machine with Rust is missing, and says in one line what it cannot.
#
# Usage: scripts/setup.sh [compiler] [nextest] [deny] [services] [evm-libraries]; without words, these five. Four more
# are installed only when they are named: chromium, anvil, miden-peer and cargo-deb.
# Tools of cargo go to $MEZE_TOOLS (default ~/.cache/meze/tools), and only if they are not on the PATH.
set -eu

tools=${MEZE_TOOLS:-$HOME/.cache/meze/tools}
PATH=$PATH:$tools/bin

say() { echo "setup: $*" >&2; }
give_up() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        give_up "cannot run '$*': neither root nor sudo here; run it as root"
    fi
}

# The C compiler links every Rust program, and some crates bring C or assembly.
compiler() {
    have cargo || give_up "cargo is missing: install Rust from https://rustup.rs"
    if have cc && have make; then
        return
    fi
    have apt-get || give_up "cc or make is missing and there is no apt-get: install a C compiler and make"
    say "installing gcc, libc6-dev and make with apt-get: Rust needs a C compiler to link"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        gcc libc6-dev make >&2
}

# cargo_tool NAME VERSION WHY [OPTION...]
cargo_tool() {
    name=$1 version=$2 why=$3
    shift 3
    if have "$name"; then
        return
    fi
    say "installing $name $version into $tools: $why"
    # A folder of its own for the build, since the tool shares nothing with the workspace; and a quick
    # build, since it runs for seconds.
    CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --root "$tools" --version "$version" "$@" "$name" >&2 ||
        give_up "cannot install $name $version from crates.io"
    rm -rf "$tools/build"
}

# service COMMAND PACKAGE WHY: programs of Debian that tests start themselves, in folders of their own.
service() {
    if have "$1" || [ -n "$(ls /usr/sbin/"$1" /usr/lib/*/*/bin/"$1" 2>/dev/null)" ]; then
        return
    fi
    if ! have apt-get; then
        say "$2 is missing and there is no apt-get: the tests that need it will say so"
        return
    fi
    say "installing $2 with apt-get: $3"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2" >&2
}

services() {
    service rabbitmq-server rabbitmq-server "tests hand tasks out through a real broker"
    service initdb postgresql "tests keep decisions in a real server"
    service promtool prometheus "promtool checks the metrics"
}

# A development node of Ethereum, for following and reorgs. Its package holds the program; it is linked to, so that a
# test which starts it can also end it.
anvil_node() {
    if have anvil; then
        return
    fi
    if ! have npm; then
        say "npm is missing, and anvil comes with it: the tests that need anvil will say so"
        return
    fi
    say "installing anvil 1.7.1 into $tools with npm: tests follow a real node"
    mkdir -p "$tools/anvil" "$tools/bin"
    npm install --prefix "$tools/anvil" --no-audit --no-fund --silent @foundry-rs/anvil@1.7.1 >&2 ||
        give_up "cannot install @foundry-rs/anvil 1.7.1 from npm"
    for program in "$tools"/anvil/node_modules/@foundry-rs/anvil-*/bin/anvil; do
        [ -x "$program" ] || give_up "@foundry-rs/anvil 1.7.1 has no program for this machine"
        ln -sf "$program" "$tools/bin/anvil"
    done
}

# A browser, to be a wallet's page.
browser() {
    service chromium chromium "a page asks for a proof"
}

# libraries WHAT PACKAGE...: what WHAT is built with.
libraries() {
    what=$1 missing=
    shift
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    have apt-get || give_up "$what is built with$missing, and there is no apt-get: install them"
    say "installing$missing with apt-get: $what is built with them"
    as_root apt-get update -q >&2
    # shellcheck disable=SC2086 # the names are words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
}

# The published Type 1 prover brings an HTTP client over OpenSSL.
evm_libraries() { compiler; libraries "the prover of Ethereum blocks" pkg-config libssl-dev; }

# The service that Meze stands in for, to test beside it: its proxy brings zlib-ng and OpenSSL, so C.
miden_peer() {
    compiler
    have miden-proving-service || libraries miden-proving-service cmake pkg-config libssl-dev
    cargo_tool miden-proving-service 0.9.4 "tests hold Meze against it; this takes a quarter of an hour"
}

nextest() { compiler; cargo_tool cargo-nextest 0.9.143 "it runs the tests" --no-default-features; }
deny() { compiler; cargo_tool cargo-deny 0.20.2 "it checks licences and sources of dependencies"; }
cargo_deb() { compiler; cargo_tool cargo-deb 3.8.0 "it makes Debian packages"; }

[ $# -gt 0 ] || set -- compiler nextest deny services evm-libraries
for part in "$@"; do
    case $part in
        compiler | nextest | deny | services) "$part" ;;
        evm-libraries) evm_libraries ;;
        miden-peer) miden_peer ;;
        cargo-deb) cargo_deb ;;
        chromium) browser ;;
        anvil) anvil_node ;;
        *) give_up "'$part' is unknown: compiler, nextest, deny, services, evm-libraries, chromium, anvil, miden-peer or cargo-deb" ;;
    esac
done
