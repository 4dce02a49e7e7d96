#!/bin/sh
# Runs documentation tests, but only where there are some: rustdoc takes its time to find none.
set -eu

cd "$(dirname "$0")/.."

# A fence in a doc comment that opens as Rust: bare, or with one of rustdoc's words.
# shellcheck disable=SC2016 # the dollars are awk's
opens_as_rust='
    !/^[ \t]*\/\/[\/!]/ { inside = 0 }
    /^[ \t]*\/\/[\/!] *```/ {
        fence = $0
        sub(/^[ \t]*\/\/[\/!] *```/, "", fence)
        if (!inside && fence ~ /^(rust|no_run|should_panic|compile_fail|edition[0-9]+)?([, ].*)?$/) found = 1
        inside = !inside
    }
    END { exit !found }'

if find crates -name '*.rs' -exec cat {} + | awk "$opens_as_rust"; then
    cargo test --doc --workspace
fi
