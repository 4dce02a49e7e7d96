//! Witnesses as files: what a prover of each circuit takes as its input.

use proving::envelope::{self, EnvelopeError, FormatTag};
use rollup::witness::{AccountWitness, InnerWitness, JoinSplitWitness, OuterWitness};
use serde::{Deserialize, Serialize};

use crate::id::CircuitId;

/// Format of a witness file.
pub const WITNESS: FormatTag = FormatTag::new(b"WITN");
const VERSION: u16 = 1;
/// Largest body of a witness file.
pub const MAX_WITNESS: u64 = 64 << 20;

/// A witness of any circuit. Padding and root verifier have none; a wrap's is the circuit of its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Witness {
    /// Of a deposit, send or withdrawal.
    JoinSplit(Box<JoinSplitWitness>),
    /// Of an account transaction.
    Account(Box<AccountWitness>),
    /// Of an inner rollup.
    Inner(Box<InnerWitness>),
    /// Of an outer rollup.
    Outer(Box<OuterWitness>),
}

/// Why bytes are not a witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The file around it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Its fields.
    #[error("the witness cannot be read: {0}")]
    Malformed(String),
}

impl Witness {
    /// The circuit that it is a witness of.
    pub fn circuit(&self) -> CircuitId {
        match self {
            Self::JoinSplit(_) => CircuitId::JoinSplit,
            Self::Account(_) => CircuitId::Account,
            Self::Inner(_) => CircuitId::Inner,
            Self::Outer(_) => CircuitId::Outer,
        }
    }

    /// Whether it holds secrets.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::JoinSplit(_) | Self::Account(_))
    }

    /// The file that holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(self).expect("a witness of plain fields serialises");
        envelope::seal(WITNESS, VERSION, &body)
    }

    /// Reads a witness file. Every digest in it is canonical; nothing else is checked.
    ///
    /// # Errors
    /// Another format, version or length, a wrong checksum, fields that are no witness.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WitnessError> {
        let body = envelope::open(bytes, WITNESS, VERSION, MAX_WITNESS)?;
        let (witness, rest): (Self, &[u8]) =
            postcard::take_from_bytes(body).map_err(|error| WitnessError::Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(WitnessError::Malformed(format!("{} bytes follow its end", rest.len())));
        }
        if let Self::Inner(inner) = &witness
            && inner.challenge.iter().any(|limb| *limb >= rollup::field::ORDER)
        {
            return Err(WitnessError::Malformed("its challenge is not canonical".to_owned()));
        }
        if let Self::Outer(outer) = &witness
            && outer.challenge.iter().any(|limb| *limb >= rollup::field::ORDER)
        {
            return Err(WitnessError::Malformed("its challenge is not canonical".to_owned()));
        }
        Ok(witness)
    }
}
