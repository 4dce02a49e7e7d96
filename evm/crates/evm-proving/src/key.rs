//! What verifiers need: the verifier data of the circuits, in a small file. It never comes with a proof.

use std::fmt;
use std::path::Path;

use evm_arithmetization::AllRecursiveCircuits;
use plonky2::util::serialization::gate_serialization::default::DefaultGateSerializer;
use proving::envelope::{self, FormatTag};
use proving::statement::{KeyDigest, Statement};
use serde::{Deserialize, Serialize};

use crate::circuits::VerifierData;
use crate::config::CircuitConfig;
use crate::error::EvmError;
use crate::guard::guard;
use crate::recursive::Level;

const TAG: FormatTag = FormatTag::new(b"EVMK");
const VERSION: u16 = 1;
const WHAT: &str = "this is no verification key of Ethereum blocks";

/// No key is longer.
pub const MAX_KEY_BYTES: u64 = 4 << 20;

/// Checks proofs of every level that were made under one configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationKey {
    config: CircuitConfig,
    fingerprint: KeyDigest,
    segment: VerifierData,
    segment_aggregation: VerifierData,
    batch_aggregation: VerifierData,
    block: VerifierData,
    wrapper: VerifierData,
}

/// The body of a key file.
#[derive(Serialize, Deserialize)]
struct Body {
    config: CircuitConfig,
    fingerprint: [u8; 32],
    circuits: [Vec<u8>; 5],
}

impl VerificationKey {
    pub(crate) fn of(config: &CircuitConfig, circuits: &AllRecursiveCircuits) -> Self {
        Self {
            config: config.clone(),
            fingerprint: config.fingerprint(),
            segment: circuits.root.circuit.verifier_data(),
            segment_aggregation: circuits.segment_aggregation.circuit.verifier_data(),
            batch_aggregation: circuits.batch_aggregation.circuit.verifier_data(),
            block: circuits.block.circuit.verifier_data(),
            wrapper: circuits.block_wrapper.circuit.verifier_data(),
        }
    }

    /// The key as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let circuits = [&self.segment, &self.segment_aggregation, &self.batch_aggregation, &self.block, &self.wrapper];
        let circuits = circuits
            .map(|data| data.to_bytes(&DefaultGateSerializer).expect("the circuits have no gates but the library's"));
        let body = Body { config: self.config.clone(), fingerprint: *self.fingerprint.as_bytes(), circuits };
        envelope::seal(TAG, VERSION, &postcard::to_stdvec(&body).expect("a key is plain data"))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`EvmError::Envelope`], [`EvmError::Malformed`], and [`EvmError::OtherCircuits`] where the key was made by
    /// another version of the proof system.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvmError> {
        let body = envelope::open(bytes, TAG, VERSION, MAX_KEY_BYTES).map_err(EvmError::envelope(WHAT))?;
        let body: Body = postcard::from_bytes(body).map_err(|error| EvmError::malformed(WHAT, error))?;
        let (found, expected) = (KeyDigest::from_bytes(body.fingerprint), body.config.fingerprint());
        if found != expected {
            return Err(EvmError::OtherCircuits { expected: expected.to_string(), found: found.to_string() });
        }
        let read = |bytes| guard(|| VerifierData::from_bytes(bytes, &DefaultGateSerializer).map_err(|_| "cut short"));
        let [segment, segment_aggregation, batch_aggregation, block, wrapper] =
            body.circuits.map(|bytes| read(bytes).map_err(|reason| EvmError::malformed(WHAT, reason)));
        Ok(Self {
            config: body.config,
            fingerprint: found,
            segment: segment?,
            segment_aggregation: segment_aggregation?,
            batch_aggregation: batch_aggregation?,
            block: block?,
            wrapper: wrapper?,
        })
    }

    /// Reads the key in the file at `path`.
    ///
    /// # Errors
    /// [`EvmError::Io`], [`EvmError::TooLarge`], and those of [`Self::from_bytes`].
    pub fn read(path: &Path) -> Result<Self, EvmError> {
        let io = || EvmError::io("cannot read the verification key", path);
        let length = std::fs::metadata(path).map_err(io())?.len();
        let limit = MAX_KEY_BYTES + envelope::OVERHEAD as u64;
        if length > limit {
            return Err(EvmError::TooLarge { what: "a verification key", bytes: length, limit });
        }
        Self::from_bytes(&std::fs::read(path).map_err(io())?)
    }

    /// The digest of the whole key: who has compiled this in, or was told it, may take the key from anywhere.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.to_bytes())
    }

    /// What its circuits were built for.
    pub fn config(&self) -> &CircuitConfig {
        &self.config
    }

    /// The fingerprint of the configuration.
    pub fn fingerprint(&self) -> KeyDigest {
        self.fingerprint
    }

    /// The statement of the proofs that it checks.
    pub fn statement(&self) -> Statement {
        Statement::of_key(self.config.security.mode(), self.fingerprint)
    }

    /// What checks proofs of this level.
    pub(crate) fn data(&self, level: Level) -> &VerifierData {
        match level {
            Level::Segment => &self.segment,
            Level::SegmentAggregation => &self.segment_aggregation,
            Level::BatchAggregation => &self.batch_aggregation,
            Level::Block => &self.block,
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("config", &self.config)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
