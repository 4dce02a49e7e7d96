//! Checking proofs, and checking that a rollup's proof and block say what is expected.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proving::error::VerifyError;
use rollup::block::Block;
use rollup::field::Digest;
use rollup::public::RollupPublic;
use rollup::published;
use rollup::transaction::Address;

use crate::id::CircuitId;
use crate::proof_file;
use crate::recursion::ChildProof;
use crate::verification_key::{KeyMaterial, VerificationKey};

/// Verifies a proof under a key. A mock counts only where `mocks_count`, that is inside a proverless
/// family: it says that whoever made it checked the constraints, and nothing more.
pub(crate) fn check_proof(key: &VerificationKey, proof: &ChildProof, mocks_count: bool) -> Result<(), VerifyError> {
    match (key.material(), proof) {
        (KeyMaterial::Real(data), ChildProof::Real(proof)) => {
            if proof.public_inputs.len() != data.common.num_public_inputs {
                return Err(VerifyError::new("proof", "the number of public inputs is not the circuit's"));
            }
            let proof = proof.as_ref().clone();
            // The library returns its refusals; a panic on hostile numbers would be one more.
            match catch_unwind(AssertUnwindSafe(|| data.verify(proof))) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(VerifyError::new("proof", error.to_string())),
                Err(_) => Err(VerifyError::new("proof", "the proof system cannot take it")),
            }
        }
        (KeyMaterial::Mock(_), ChildProof::Mock(limbs)) if mocks_count => {
            if limbs.len() == key.circuit().public_inputs() {
                Ok(())
            } else {
                Err(VerifyError::new("proof", "the number of public inputs is not the circuit's"))
            }
        }
        (_, ChildProof::Mock(_)) => Err(VerifyError::new("mode", proof_file::ProofFileError::Mock.to_string())),
        (KeyMaterial::Mock(_), ChildProof::Real(_)) => {
            Err(VerifyError::new("mode", "the key is a mock key; it verifies nothing"))
        }
    }
}

/// Verifies a proof file of any circuit under `key`, and gives the proof.
///
/// # Errors
/// The check that fails, by name.
pub fn verify_file(bytes: &[u8], key: &VerificationKey) -> Result<ChildProof, VerifyError> {
    let file = proof_file::open(bytes).map_err(|error| VerifyError::new("file", error.to_string()))?;
    let proof = file.read(key).map_err(named)?;
    check_proof(key, &proof, false)?;
    Ok(proof)
}

fn named(error: proof_file::ProofFileError) -> VerifyError {
    use proof_file::ProofFileError as Is;
    let check = match &error {
        Is::Mock | Is::Real => "mode",
        Is::Circuit { .. } => "circuit",
        Is::Statement { .. } => "key",
        Is::Codec(_) | Is::Limbs(_) => "limbs",
        Is::Envelope(_) | Is::Header => "file",
    };
    VerifyError::new(check, error.to_string())
}

/// What whoever verifies a rollup expects of it; what is `None` is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The id of the rollup.
    pub rollup_id: Option<u32>,
    /// Digest of the state before it.
    pub old_state: Option<Digest>,
    /// Digest of the state after it.
    pub new_state: Option<Digest>,
    /// Who gets the fees.
    pub beneficiary: Option<Address>,
}

/// Verifies a rollup: its root verifier proof under `key`, its published data and payloads against the
/// proof, and what is expected of it.
///
/// # Errors
/// The check that fails, by name: `file`, `circuit`, `mode`, `key`, `limbs`, `proof`, `public`, `shape`,
/// `rollup-id`, `old-state`, `new-state`, `beneficiary`, `published` or `block`.
pub fn verify_rollup(
    proof: &[u8],
    key: &VerificationKey,
    block: Option<&Block>,
    expected: &Expected,
) -> Result<RollupPublic, VerifyError> {
    if key.circuit() != CircuitId::RootVerifier {
        return Err(VerifyError::new(
            "key",
            format!("a rollup takes the root-verifier key, this is {}'s", key.circuit()),
        ));
    }
    let proof = verify_file(proof, key)?;
    let public = RollupPublic::from_limbs(proof.public_inputs())
        .map_err(|error| VerifyError::new("public", error.to_string()))?;
    if public.shape != key.shape() {
        return Err(VerifyError::new(
            "shape",
            format!("the proof is of shape {:?}, the key of {:?}", public.shape, key.shape()),
        ));
    }
    expect("rollup-id", expected.rollup_id.as_ref(), &public.rollup_id)?;
    expect("old-state", expected.old_state.as_ref(), &public.old_state)?;
    expect("new-state", expected.new_state.as_ref(), &public.new_state)?;
    expect("beneficiary", expected.beneficiary.as_ref(), &public.beneficiary)?;
    if let Some(block) = block {
        check_published(&public, block.header().shape, &block.published_bytes())?;
        block.check(&public).map_err(|error| VerifyError::new("block", error.to_string()))?;
    }
    Ok(public)
}

/// Checks published bytes against a verified proof: exact length, canonical limbs, the point drawn for
/// them and the evaluation there.
///
/// # Errors
/// `published`.
pub fn check_published(public: &RollupPublic, shape: rollup::shape::Shape, bytes: &[u8]) -> Result<(), VerifyError> {
    let refuse = |reason: String| Err(VerifyError::new("published", reason));
    if shape != public.shape {
        return refuse(format!("the block is of shape {shape:?}, the proof of {:?}", public.shape));
    }
    match published::open(&public.commitment, shape, bytes) {
        Err(error) => refuse(error.to_string()),
        Ok((challenge, _)) if challenge != public.challenge => {
            refuse("the point that the published bytes give is not the proof's".to_owned())
        }
        Ok((_, evaluation)) if evaluation != public.evaluation => {
            refuse("the published bytes are not the ones that were proved".to_owned())
        }
        Ok(_) => Ok(()),
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(
    check: &'static str,
    expected: Option<&T>,
    found: &T,
) -> Result<(), VerifyError> {
    match expected {
        Some(expected) if expected != found => {
            Err(VerifyError::new(check, format!("expected {expected:?}, the proof says {found:?}")))
        }
        _ => Ok(()),
    }
}
