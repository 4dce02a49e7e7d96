//! What a rollup publishes, and how the bytes are bound to the proof without hashing in a circuit.
//!
//! The circuits absorb the published limbs into `C`; the verifier draws the point `r` from `C` and
//! the bytes, and both sides evaluate the limbs there as one polynomial.

use plonky2_core::field::extension::quadratic::QuadraticExtension;
use plonky2_core::field::types::{Field, PrimeField64};
use sha3::{Digest as _, Keccak256};

use crate::field::{Digest, F};
use crate::hash::{Tag, hash};
use crate::shape::Shape;
use crate::transaction::{ClientPublic, PublicError, layout, limbs_from_bytes, limbs_to_bytes};

/// An element of the quadratic extension: the constant part first.
pub type Extension = QuadraticExtension<F>;

/// What the challenge's hash starts with.
pub const CHALLENGE_TAG: &[u8; 32] = b"meze rollup published challenge1";

/// The 28·N limbs of one inner rollup: its slots in order, then zeros.
pub fn inner_limbs(inner: usize, slots: &[ClientPublic]) -> Vec<F> {
    let mut out: Vec<F> = slots.iter().flat_map(ClientPublic::published).collect();
    out.resize(inner * layout::PUBLISHED, F::ZERO);
    out
}

/// `C_i = H(INNER_PUBLISHED, 28·N limbs)` of a real inner rollup.
pub fn inner_commitment(limbs: &[F]) -> Digest {
    hash(Tag::InnerPublished, limbs)
}

/// `C = H(PUBLISHED, C_1 … C_M)`; the inner rollups that are missing count as [`Digest::ZERO`].
pub fn commitment(shape: Shape, inners: &[Digest]) -> Digest {
    let mut limbs: Vec<F> = inners.iter().flat_map(|inner| inner.0).collect();
    limbs.resize(4 * shape.outer(), F::ZERO);
    hash(Tag::Published, &limbs)
}

/// The evaluation point: the first 16 bytes of
/// `Keccak-256(tag ‖ C ‖ N ‖ M ‖ Keccak-256(published bytes))` as two big-endian words, each
/// reduced into the field. N and M are 64-bit big-endian words.
pub fn challenge(commitment: &Digest, shape: Shape, published: &[u8]) -> [u64; 2] {
    let mut hasher = Keccak256::new();
    hasher.update(CHALLENGE_TAG);
    hasher.update(commitment.to_bytes());
    hasher.update((shape.inner() as u64).to_be_bytes());
    hasher.update((shape.outer() as u64).to_be_bytes());
    hasher.update(Keccak256::digest(published));
    let reduced = Digest::from_reduced_bytes(&hasher.finalize().into());
    let [first, second, ..] = reduced.limbs();
    [first, second]
}

/// `Σ limbs[k] · r^(start + k)` in the quadratic extension.
///
/// Inner rollup i takes its own 28·N limbs with `start` = 28·N·i; a whole rollup takes all limbs
/// with `start` = 0, so that the parts of the inner rollups add up to it.
pub fn evaluate(limbs: &[F], start: u64, challenge: [u64; 2]) -> [u64; 2] {
    let point = extension(challenge);
    let horner = limbs.iter().rev().fold(Extension::ZERO, |sum, limb| sum * point + Extension::from(*limb));
    words(horner * point.exp_u64(start))
}

/// Two words as an element of the extension.
pub fn extension(words: [u64; 2]) -> Extension {
    QuadraticExtension(words.map(F::from_noncanonical_u64))
}

/// An element of the extension as two canonical words.
pub fn words(element: Extension) -> [u64; 2] {
    element.0.map(|limb| limb.to_canonical_u64())
}

/// The sum of two elements of the extension.
pub fn add(left: [u64; 2], right: [u64; 2]) -> [u64; 2] {
    words(extension(left) + extension(right))
}

/// The bytes of a rollup and everything that follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// N and M.
    pub shape: Shape,
    /// Exactly 8·28·N·M bytes.
    pub bytes: Vec<u8>,
    /// `C_i` of the real inner rollups.
    pub inner_commitments: Vec<Digest>,
    /// `C`.
    pub commitment: Digest,
    /// `r`.
    pub challenge: [u64; 2],
    /// `e_i` of the real inner rollups.
    pub inner_evaluations: Vec<[u64; 2]>,
    /// `e`.
    pub evaluation: [u64; 2],
}

impl Published {
    /// What `slots` publish in order; they fill inner rollup after inner rollup, and an inner
    /// rollup is real while slots remain.
    pub fn new(shape: Shape, slots: &[ClientPublic]) -> Result<Self, PublicError> {
        if slots.len() > shape.slots() {
            return Err(PublicError::Length { expected: shape.slots(), found: slots.len() });
        }
        let parts: Vec<Vec<F>> = slots.chunks(shape.inner()).map(|chunk| inner_limbs(shape.inner(), chunk)).collect();
        let mut bytes: Vec<u8> = parts.iter().flat_map(|limbs| limbs_to_bytes(limbs)).collect();
        bytes.resize(shape.published_bytes(), 0);

        let inner_commitments: Vec<Digest> = parts.iter().map(|limbs| inner_commitment(limbs)).collect();
        let commitment = commitment(shape, &inner_commitments);
        let challenge = challenge(&commitment, shape, &bytes);
        let starts = (0u64..).step_by(shape.inner_limbs());
        let inner_evaluations: Vec<[u64; 2]> =
            parts.iter().zip(starts).map(|(limbs, start)| evaluate(limbs, start, challenge)).collect();
        let evaluation = inner_evaluations.iter().fold([0; 2], |sum, part| add(sum, *part));
        Ok(Self { shape, bytes, inner_commitments, commitment, challenge, inner_evaluations, evaluation })
    }
}

/// Evaluates published bytes at the point drawn for `commitment`, as a verifier does: the length
/// is exact and every limb canonical. Gives `r` and `e`.
pub fn open(commitment: &Digest, shape: Shape, published: &[u8]) -> Result<([u64; 2], [u64; 2]), PublicError> {
    let limbs = limbs_from_bytes(published, layout::PUBLISHED * shape.slots())?;
    let challenge = challenge(commitment, shape, published);
    Ok((challenge, evaluate(&limbs, 0, challenge)))
}
