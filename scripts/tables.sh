#!/bin/sh
# Compares the manifests of both workspaces: where both name a crate they pin the same version, and they have the same
# lints. Only evm/ may have another version of something, and then under the heading that says so.
set -eu

cd "$(dirname "$0")/.."

# part FILE SECTION: the lines of one section.
part() { awk -v section="[$2]" '$0 == section { inside = 1; next } /^\[/ { inside = 0 } inside && NF && !/^#/' "$1"; }

versions() { part "$1" workspace.dependencies | sed -nE 's/^([A-Za-z0-9_-]+) = (\{.*version = )?"([^"]+)".*/\1 \3/p' | sort; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
versions Cargo.toml >"$folder/root"
# The proof system of the published prover is another crate of the same name.
versions evm/Cargo.toml | grep -vE '^(plonky2|starky) ' >"$folder/evm"
differ=$(join "$folder/root" "$folder/evm" | awk '$2 != $3 { print "  " $1 ": " $2 " and " $3 }')
if [ -n "$differ" ]; then
    echo "tables: Cargo.toml and evm/Cargo.toml pin different versions:" >&2
    echo "$differ" >&2
    exit 1
fi
for section in workspace.lints.rust workspace.lints.clippy; do
    if [ "$(part Cargo.toml $section)" != "$(part evm/Cargo.toml $section)" ]; then
        echo "tables: Cargo.toml and evm/Cargo.toml differ in [$section]" >&2
        exit 1
    fi
done
[ "$(join "$folder/root" "$folder/evm" | wc -l)" -gt 5 ] || { echo "tables: no crates in common: are the tables still read?" >&2; exit 1; }
