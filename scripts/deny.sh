#!/bin/sh
# Checks the dependencies against deny.toml; known vulnerabilities too, where their database can be reached.
set -eu

# Both workspaces; in the second one cargo needs the prepared crate (evm/prepare.sh).
for manifest in Cargo.toml evm/Cargo.toml; do
    cargo deny --manifest-path "$manifest" --config deny.toml check --hide-inclusion-graph licenses bans sources
done

if timeout 120 cargo deny fetch db >/dev/null 2>&1; then
    for manifest in Cargo.toml evm/Cargo.toml; do
        cargo deny --manifest-path "$manifest" --config deny.toml check --hide-inclusion-graph advisories
    done
else
    echo "check: advisories NOT checked: the database github.com/RustSec/advisory-db cannot be reached" >&2
fi
