#!/bin/sh
# Makes the published Type 1 prover buildable with the pinned compiler: takes evm_arithmetization as cargo downloads
# it, checks its checksum, and applies three rules into evm/prepared/, which git ignores. evm/Cargo.toml patches that
# folder in. Nothing of it is in this repository.
#
# The rules:
# 1. Edition 2024: it chains `let`s, which is stable there only.
# 2. Method calls `.gen(` and `.gen::<` are written `.r#gen`, since `gen` is a word of that edition.
# 3. The key in the public inputs of a recursive proof below must be the one that the proof is checked with, at the three
#    places where the published circuits leave it open. Without it anything can be proved: docs/decisions/0012 tells the
#    attack, and a test of evm-proving makes it.
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

# insert FUNCTION PATTERN LINE: LINE behind the one line of FUNCTION that has PATTERN.
circuits=$target/src/fixed_recursive_verifier.rs
insert() {
    found=$(sed -n "/fn $1(/,/^    }/p" "$circuits" | grep -cF "$2" || true)
    [ "$found" = 1 ] || { say "$name $version: $1 has $found lines with $2, one is expected"; exit 1; }
    awk -v function_name="fn $1(" -v pattern="$2" -v line="$3" '
        index($0, function_name) { inside = 1 }
        { print }
        inside && index($0, pattern) { print "        " line }
        $0 == "    }" { inside = 0 }
    ' "$circuits" >"$circuits.new"
    mv "$circuits.new" "$circuits"
}
insert add_batch_agg_child 'let base_proof = builder.add_virtual_proof_with_pis(common);' \
    'demand_key(builder, &base_proof.public_inputs, &inner_segment_agg_vk, Some(is_agg));'
insert create_block_circuit 'let agg_verifier_data = builder.constant_verifier_data(&agg.circuit.verifier_only);' \
    'demand_key(&mut builder, &agg_root_proof.public_inputs, &agg_verifier_data, None);'
insert create_block_wrapper_circuit \
    'let block_verifier_data = builder.constant_verifier_data(&block.circuit.verifier_only);' \
    'demand_key(&mut builder, &parent_block_proof.public_inputs, &block_verifier_data, None);'
cat >>"$circuits" <<'END'

/// Names the third rule of the preparation, for what tells circuits apart.
pub const KEYS_BELOW: &str = "the keys in proofs below are demanded, 1";

/// Demands that the key at the end of a recursive proof's public inputs is `key`; where `unless` is true, nothing.
fn demand_key<F: RichField + Extendable<D>, const D: usize>(
    builder: &mut CircuitBuilder<F, D>,
    public_inputs: &[Target],
    key: &plonky2::plonk::circuit_data::VerifierCircuitTarget,
    unless: Option<BoolTarget>,
) {
    let cap = key.constants_sigmas_cap.0.iter().flat_map(|hash| hash.elements);
    let expected: Vec<Target> = key.circuit_digest.elements.into_iter().chain(cap).collect();
    let found = &public_inputs[public_inputs.len() - expected.len()..];
    let demanded = unless.map(|unless| builder.not(unless));
    for (&found, &expected) in found.iter().zip_eq(&expected) {
        match demanded {
            Some(demanded) => builder.conditional_assert_eq(demanded.target, found, expected),
            None => builder.connect(found, expected),
        }
    }
}
END
echo "$stamp" >prepared/stamp
say "$name $version: checksum as it should be, edition 2024, \`gen\` escaped in $(echo "$changed" | wc -l) files, keys below demanded"
