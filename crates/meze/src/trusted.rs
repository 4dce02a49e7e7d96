//! Digests of the root-verifier keys that this version of Meze knows: a key file from anywhere is as
//! good as its digest.
//!
//! A changed circuit or parameter changes them. `meze keys digests` prints the line of a shape (set
//! `NUM_INNER_ROLLUP_TXS` and `NUM_OUTER_ROLLUP_PROOFS`); a test compares the default shape's.

use proving::statement::Mode;
use rollup_circuits::id::CircuitId;
use rollup_circuits::verification_key::VerificationKey;

/// N, M, and the digest of that shape's root-verifier key.
pub const ROOT_VERIFIERS: &[(usize, usize, &str)] = &[
    (5, 3, "b1d607a08d1ca0e75af914a257647115071c895fa692644474c67981c47ecb97"),
    (23, 27, "e7681cc756292334db042b0e621f409218b6a2c657c99e410de98cb0a8b0ce9e"),
];

/// Whether the digest of this key is compiled in.
pub fn is_trusted(key: &VerificationKey) -> bool {
    let digest = key.digest().to_string();
    let (inner, outer) = key.shape().into();
    key.circuit() == CircuitId::RootVerifier
        && key.mode() == Mode::Real
        && ROOT_VERIFIERS.contains(&(inner, outer, digest.as_str()))
}

/// The line of a key, as the table above has it.
pub fn line(key: &VerificationKey) -> String {
    format!("({}, {}, \"{}\"),", key.shape().inner(), key.shape().outer(), key.digest())
}
