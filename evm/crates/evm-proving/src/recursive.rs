//! The proofs between tasks: a recursive proof with its level and the circuits that it was made under, as bytes.

use std::fmt;

use evm_arithmetization::{ProofWithPublicValues, PublicValues};
use plonky2::field::types::{Field64, PrimeField64};
use plonky2::recursion::cyclic_recursion::check_cyclic_proof_verifier_data;
use proving::envelope::{self, FormatTag};
use proving::error::VerifyError;
use proving::kind::Kind;
use proving::statement::KeyDigest;
use serde::{Deserialize, Serialize};

use crate::circuits::{F, PlonkProof};
use crate::error::EvmError;
use crate::guard::guard;
use crate::key::VerificationKey;

const TAG: FormatTag = FormatTag::new(b"EVMP");
const VERSION: u16 = 1;
const WHAT: &str = "this is no proof of an Ethereum block or a part of one";

/// No proof is longer.
pub const MAX_PROOF_BYTES: u64 = 8 << 20;

/// How much of a block a proof covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// One segment of a batch.
    Segment,
    /// Neighbouring segments of a batch.
    SegmentAggregation,
    /// Neighbouring batches of a block.
    BatchAggregation,
    /// A block, on top of those before it.
    Block,
}

impl Level {
    /// Every level, from below.
    pub const ALL: [Self; 4] = [Self::Segment, Self::SegmentAggregation, Self::BatchAggregation, Self::Block];

    /// The kind of its proofs.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Segment => Kind::EVM_SEGMENT,
            Self::SegmentAggregation => Kind::EVM_SEGMENT_AGGREGATION,
            Self::BatchAggregation => Kind::EVM_BATCH_AGGREGATION,
            Self::Block => Kind::EVM_BLOCK,
        }
    }

    /// The level whose proofs are of `kind`.
    pub fn of(kind: &Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.kind() == *kind)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.kind().name())
    }
}

/// A proof of a level, unchecked.
#[derive(Clone, PartialEq, Eq)]
pub struct RecursiveProof {
    pub(crate) level: Level,
    pub(crate) fingerprint: KeyDigest,
    pub(crate) proof: PlonkProof,
}

#[derive(Serialize, Deserialize)]
struct Body {
    level: Level,
    fingerprint: [u8; 32],
    proof: PlonkProof,
}

impl RecursiveProof {
    pub(crate) fn new(level: Level, fingerprint: KeyDigest, proof: PlonkProof) -> Self {
        Self { level, fingerprint, proof }
    }

    /// What it claims to be a proof of.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The configuration that it claims to be made under.
    pub fn fingerprint(&self) -> KeyDigest {
        self.fingerprint
    }

    /// The proof as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = Body { level: self.level, fingerprint: *self.fingerprint.as_bytes(), proof: self.proof.clone() };
        envelope::seal(TAG, VERSION, &postcard::to_stdvec(&body).expect("a proof is plain data"))
    }

    /// Reads a proof. Nothing of it is checked but its form.
    ///
    /// # Errors
    /// [`EvmError::Envelope`] and [`EvmError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvmError> {
        let body = envelope::open(bytes, TAG, VERSION, MAX_PROOF_BYTES).map_err(EvmError::envelope(WHAT))?;
        let (Body { level, fingerprint, proof }, rest) =
            postcard::take_from_bytes(body).map_err(|error| EvmError::malformed(WHAT, error))?;
        if !rest.is_empty() {
            return Err(EvmError::malformed(WHAT, "there is more behind its end"));
        }
        Ok(Self { level, fingerprint: KeyDigest::from_bytes(fingerprint), proof })
    }

    /// What the proof says, as far as its public inputs have the right shape: call it after [`Self::verify`], or on a
    /// proof whose falsehood would be found later.
    pub(crate) fn public_values(&self) -> Result<PublicValues, VerifyError> {
        public_values(&self.proof.public_inputs)
    }

    pub(crate) fn with_public_values(&self) -> Result<ProofWithPublicValues, VerifyError> {
        Ok(ProofWithPublicValues { public_values: self.public_values()?, intern: self.proof.clone() })
    }

    /// Checks that it is a good proof of its level under `key`; what it says is the caller's to check.
    ///
    /// # Errors
    /// One of the checks `circuits`, `public inputs`, `proof` and `cyclic key`.
    pub fn verify(&self, key: &VerificationKey) -> Result<(), VerifyError> {
        if self.fingerprint != key.fingerprint() {
            let reason = format!(
                "it was made with circuits {}, these are {}: ranges, security and version must be the same",
                self.fingerprint,
                key.fingerprint()
            );
            return Err(VerifyError::new("circuits", reason));
        }
        verify_plonk(&self.proof, self.level, key)
    }
}

/// Checks a bare proof of a level.
pub(crate) fn verify_plonk(proof: &PlonkProof, level: Level, key: &VerificationKey) -> Result<(), VerifyError> {
    let data = key.data(level);
    check_inputs(&proof.public_inputs, data.common.num_public_inputs)?;
    guard(|| data.verify(proof.clone()))
        .map_err(|reason| VerifyError::new("proof", format!("it does not hold under the key: {reason}")))?;
    // A segment carries the key of the circuit above it, all others their own.
    let cyclic = if level == Level::Segment { key.data(Level::SegmentAggregation) } else { data };
    guard(|| check_cyclic_proof_verifier_data(proof, &cyclic.verifier_only, &cyclic.common))
        .map_err(|_| VerifyError::new("cyclic key", "it stands on proofs under another key"))
}

/// One value has one spelling, and there are as many as the circuit has.
fn check_inputs(inputs: &[F], expected: usize) -> Result<(), VerifyError> {
    if inputs.len() != expected {
        let reason = format!("there are {}, the circuit has {expected}", inputs.len());
        return Err(VerifyError::new("public inputs", reason));
    }
    if inputs.iter().any(|input| input.to_noncanonical_u64() >= F::ORDER) {
        return Err(VerifyError::new("public inputs", "one of them is not smaller than the field's order"));
    }
    Ok(())
}

pub(crate) fn public_values(inputs: &[F]) -> Result<PublicValues, VerifyError> {
    guard(|| Ok::<_, String>(PublicValues::from_public_inputs(inputs)))
        .map_err(|reason| VerifyError::new("public inputs", format!("they cannot be read: {reason}")))
}

impl fmt::Debug for RecursiveProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecursiveProof({}, under {})", self.level, self.fingerprint)
    }
}
