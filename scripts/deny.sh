#!/bin/sh
# Checks the dependencies against deny.toml; known vulnerabilities too, where their database can be reached.
set -eu

cargo deny check --hide-inclusion-graph licenses bans sources

if timeout 120 cargo deny fetch db >/dev/null 2>&1; then
    cargo deny check --hide-inclusion-graph advisories
else
    echo "check: advisories NOT checked: the database github.com/RustSec/advisory-db cannot be reached" >&2
fi
