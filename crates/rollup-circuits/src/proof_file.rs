//! A proof, or a mock of one, as a file.
//!
//! The file names the circuit and the statement so that a reader can say what it holds; neither is
//! believed. Verification takes its key from elsewhere.

use proving::envelope::{self, EnvelopeError, FormatTag};
use proving::statement::Statement;
use rollup::field::LIMB_BYTES;
use rollup::transaction::{limbs_from_bytes, limbs_to_bytes};
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError};
use crate::id::CircuitId;
use crate::plonk::F;
use crate::recursion::ChildProof;
use crate::verification_key::{KeyMaterial, VerificationKey};

/// Format of a real proof.
pub const PROOF: FormatTag = FormatTag::new(b"PROF");
/// Format of a mock: public inputs only, made without a prover.
pub const MOCK: FormatTag = FormatTag::new(b"MOCK");
const VERSION: u16 = 1;
/// Largest body of a proof file.
pub const MAX_PROOF: u64 = 4 << 20;

/// What a proof file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofHeader {
    /// The circuit's name.
    pub circuit: String,
    /// The statement, as text.
    pub statement: String,
}

/// A proof file, taken apart but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile<'a> {
    /// What it says about itself.
    pub header: ProofHeader,
    /// Whether it is a mock.
    pub mock: bool,
    /// Its limbs.
    limbs: &'a [u8],
}

/// Why bytes are not a proof of the circuit that is asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProofFileError {
    /// The file around it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The header.
    #[error("the proof's header cannot be read")]
    Header,
    /// Another circuit's proof.
    #[error("this is a proof of {found}, not of {expected}")]
    Circuit {
        /// What was asked for.
        expected: CircuitId,
        /// What the file says.
        found: String,
    },
    /// Another key's proof.
    #[error("the proof names the statement {found}, the key is {expected}")]
    Statement {
        /// That of the key.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// A mock where a proof is needed.
    #[error("this is a mock made without a prover (PROVERLESS); it proves nothing")]
    Mock,
    /// A proof where proverless circuits need a mock.
    #[error("proverless circuits take mocks; this is a real proof")]
    Real,
    /// The limbs.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The limbs of a mock.
    #[error(transparent)]
    Limbs(#[from] rollup::transaction::PublicError),
}

/// Writes the file of a proof under `key`.
pub fn seal(proof: &ChildProof, key: &VerificationKey) -> Vec<u8> {
    let header = ProofHeader { circuit: key.circuit().name().to_owned(), statement: key.statement().to_string() };
    let mut body = postcard::to_stdvec(&header).expect("two strings serialise");
    match proof {
        ChildProof::Real(proof) => {
            body.extend(codec::encode(proof));
            envelope::seal(PROOF, VERSION, &body)
        }
        ChildProof::Mock(limbs) => {
            body.extend(limbs_to_bytes(limbs));
            envelope::seal(MOCK, VERSION, &body)
        }
    }
}

/// Takes a proof file apart.
///
/// # Errors
/// It is not a whole proof file.
pub fn open(bytes: &[u8]) -> Result<ProofFile<'_>, ProofFileError> {
    let mock = envelope::header(bytes)?.tag == MOCK;
    let body = envelope::open(bytes, if mock { MOCK } else { PROOF }, VERSION, MAX_PROOF)?;
    let (header, limbs) = postcard::take_from_bytes(body).map_err(|_| ProofFileError::Header)?;
    if names_something(&header) { Ok(ProofFile { header, mock, limbs }) } else { Err(ProofFileError::Header) }
}

/// A circuit's name and a statement, and so short and printable: both are shown to people.
fn names_something(header: &ProofHeader) -> bool {
    let circuit = header.circuit.parse::<CircuitId>();
    circuit.is_ok_and(|circuit| circuit.name() == header.circuit) && header.statement.parse::<Statement>().is_ok()
}

impl ProofFile<'_> {
    /// Reads the proof as one of `key`'s circuit; its limbs are canonical, nothing else is checked.
    ///
    /// # Errors
    /// It is of another circuit, statement or mode, or its limbs do not fit.
    pub fn read(&self, key: &VerificationKey) -> Result<ChildProof, ProofFileError> {
        let expected = key.circuit();
        if self.header.circuit != expected.name() {
            return Err(ProofFileError::Circuit { expected, found: self.header.circuit.clone() });
        }
        let real = match (key.material(), self.mock) {
            (KeyMaterial::Real(real), false) => Some(real),
            (KeyMaterial::Mock(_), true) => None,
            (KeyMaterial::Real(_), true) => return Err(ProofFileError::Mock),
            (KeyMaterial::Mock(_), false) => return Err(ProofFileError::Real),
        };
        let statement = key.statement().to_string();
        if self.header.statement != statement {
            return Err(ProofFileError::Statement { expected: statement, found: self.header.statement.clone() });
        }
        match real {
            Some(real) => Ok(ChildProof::Real(Box::new(codec::decode(self.limbs, &real.common)?))),
            None => Ok(ChildProof::Mock(limbs_from_bytes(self.limbs, expected.public_inputs())?)),
        }
    }

    /// The public inputs that the file claims, for people to look at; nothing is verified.
    ///
    /// # Errors
    /// There are too few limbs, or one is not canonical.
    pub fn claimed_public_inputs(&self) -> Result<Vec<F>, ProofFileError> {
        let circuit: CircuitId = self.header.circuit.parse().map_err(|_| ProofFileError::Header)?;
        let bytes = circuit.public_inputs() * LIMB_BYTES;
        let limbs = self.limbs.get(..bytes).ok_or(ProofFileError::Header)?;
        Ok(limbs_from_bytes(limbs, circuit.public_inputs())?)
    }

    /// Bytes of the proof itself.
    pub fn size(&self) -> usize {
        self.limbs.len()
    }
}
