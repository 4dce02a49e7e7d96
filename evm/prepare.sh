#!/bin/sh
# Makes the published Type 1 prover buildable with the pinned compiler: takes evm_arithmetization as cargo downloads
# it, checks its checksum, and applies two mechanical rules into evm/prepared/, which git ignores. evm/Cargo.toml
# patches that folder in. Nothing of it is in this repository.
#
# The rules: edition 2024 (it chains `let`s, which is stable there only), and method calls `.gen(` and `.gen::<`
# written `.r#gen`, since `gen` is a word of that edition.
set -eu

name=evm_arithmetization
version=0.5.1
checksum=70399e39d63ec373bf9c9fbac0ba4cba89bad50137c3db87ac6a1c1a48f64778

cd "$(dirname "$0")"
say() { echo "prepare: $*" >&2; }

target=prepared/$name
# Other rules make it anew.
stamp="$checksum $(sha256sum <prepare.sh | cut -d ' ' -f 1)"
if [ "$(cat prepared/stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

# A manifest of its own: cargo runs no command in a workspace whose patch points to a folder that is not there.
cargo fetch --quiet --locked --manifest-path download/Cargo.toml
crate=
for found in "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/$name-$version.crate; do
    if [ "$(sha256sum <"$found" 2>/dev/null | cut -d ' ' -f 1)" = "$checksum" ]; then
        crate=$found
    fi
done
[ -n "$crate" ] || { say "cargo has no $name $version with the checksum $checksum"; exit 1; }

rm -rf prepared
mkdir -p "$target"
tar -xzf "$crate" -C "$target" --strip-components 1
sed -i 's/^edition = "2021"$/edition = "2024"/' "$target/Cargo.toml"
grep -q '^edition = "2024"$' "$target/Cargo.toml" || { say "$name $version does not say its edition"; exit 1; }
changed=$(grep -rlE '\.gen(\(|::<)' --include '*.rs' "$target")
echo "$changed" | xargs sed -i -E 's/\.gen(\(|::<)/.r#gen\1/g'
echo "$stamp" >prepared/stamp
say "$name $version: checksum as it should be, edition 2024, \`gen\` escaped in $(echo "$changed" | wc -l) files"
