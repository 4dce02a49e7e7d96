#!/bin/sh
# Puts the meze that is built into the Debian packages miden-prover and miden-prover-proxy, for this machine's
# architecture, each with its checksum beside it.
#
# Usage: scripts/deb.sh [FOLDER]; without a folder, target/deb.
set -eu

cd "$(dirname "$0")/.."
folder=${1:-target/deb}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(dpkg --print-architecture)

mkdir -p "$folder"
for package in miden-prover miden-prover-proxy; do
    file=$package-v$version-$arch.deb
    cargo deb --quiet --no-build --package meze --variant "$package" --output "$folder/$file" >/dev/null
    (cd "$folder" && sha256sum "$file" >"$file.checksum")
    echo "$folder/$file"
done
