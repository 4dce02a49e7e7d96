//! Verification keys: small, exportable, and the only thing that a verifier trusts.

mod numbers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use plonky2::util::serialization::DefaultGateSerializer;
use proving::envelope::{self, EnvelopeError, FormatTag};
use proving::statement::{KeyDigest, Mode, Statement};
use rollup::shape::Shape;
use serde::{Deserialize, Serialize};

use crate::id::CircuitId;
use crate::plonk::VerifierData;

/// Format of a verification key file.
pub const VERIFICATION_KEY: FormatTag = FormatTag::new(b"VKEY");
const VERSION: u16 = 1;
/// Largest body of a verification key file.
pub const MAX_VERIFICATION_KEY: u64 = 1 << 20;

/// What a key verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyMaterial {
    /// A real key.
    Real(Box<VerifierData>),
    /// Proverless: 32 bytes that name the circuit. Nothing can be verified with it.
    Mock([u8; 32]),
}

/// The key of one circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    circuit: CircuitId,
    shape: Shape,
    material: KeyMaterial,
    digest: KeyDigest,
}

/// Why bytes are not a verification key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file around it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The fields of the key.
    #[error("the verification key cannot be read: {0}")]
    Malformed(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Header {
    circuit: String,
    shape: Shape,
    mock: bool,
}

impl VerificationKey {
    pub(crate) fn new(circuit: CircuitId, shape: Shape, material: KeyMaterial) -> Self {
        let digest = KeyDigest::of(&body(circuit, shape, &material));
        Self { circuit, shape, material, digest }
    }

    /// The circuit that it is of.
    pub fn circuit(&self) -> CircuitId {
        self.circuit
    }

    /// The shape of the rollup that the circuit is part of, as far as the circuit depends on it: see
    /// [`Settings::key_shape`](crate::settings::Settings::key_shape).
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Digest of the whole key.
    pub fn digest(&self) -> KeyDigest {
        self.digest
    }

    /// Real or mock.
    pub fn mode(&self) -> Mode {
        match self.material {
            KeyMaterial::Real(_) => Mode::Real,
            KeyMaterial::Mock(_) => Mode::Mock,
        }
    }

    /// What proofs under it prove.
    pub fn statement(&self) -> Statement {
        Statement::of_key(self.mode(), self.digest)
    }

    pub(crate) fn material(&self) -> &KeyMaterial {
        &self.material
    }

    /// The file that holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        envelope::seal(VERIFICATION_KEY, VERSION, &body(self.circuit, self.shape, &self.material))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Another format, version or length, a wrong checksum, fields that are not a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let content = envelope::open(bytes, VERIFICATION_KEY, VERSION, MAX_VERIFICATION_KEY)?;
        let (header, rest): (Header, &[u8]) =
            postcard::take_from_bytes(content).map_err(|_| KeyError::Malformed("its header is cut off"))?;
        let circuit = header.circuit.parse().map_err(|_| KeyError::Malformed("it names no circuit"))?;
        let material = if header.mock {
            KeyMaterial::Mock(rest.try_into().map_err(|_| KeyError::Malformed("a mock key has 32 bytes"))?)
        } else {
            KeyMaterial::Real(Box::new(read_library_key(circuit, rest)?))
        };
        let key = Self::new(circuit, header.shape, material);
        // What the library reads leniently it writes in one way only.
        if body(circuit, header.shape, &key.material) != content {
            return Err(KeyError::Malformed("it is not written in the one canonical way"));
        }
        Ok(key)
    }
}

/// The library reads untrusted lengths with care, but is not trusted not to panic on the rest.
fn read_library_key(circuit: CircuitId, bytes: &[u8]) -> Result<VerifierData, KeyError> {
    let owned = bytes.to_vec();
    let read = catch_unwind(AssertUnwindSafe(|| {
        let key = VerifierData::from_bytes(owned, &DefaultGateSerializer).ok()?;
        Some((numbers::plausible(circuit, &key), key))
    }));
    match read.map_err(|_| KeyError::Malformed("the proof system cannot take it"))? {
        None => Err(KeyError::Malformed("the proof system cannot read it")),
        Some((false, _)) => Err(KeyError::Malformed("no circuit of its name has such numbers")),
        Some((true, key)) => Ok(key),
    }
}

fn body(circuit: CircuitId, shape: Shape, material: &KeyMaterial) -> Vec<u8> {
    let mock = matches!(material, KeyMaterial::Mock(_));
    let header = Header { circuit: circuit.name().to_owned(), shape, mock };
    let mut out = postcard::to_stdvec(&header).expect("a header of plain fields serialises");
    match material {
        KeyMaterial::Real(key) => out.extend(library_bytes(key)),
        KeyMaterial::Mock(name) => out.extend(name),
    }
    out
}

fn library_bytes(key: &VerifierData) -> Vec<u8> {
    key.to_bytes(&DefaultGateSerializer).expect("every gate of the circuits has a serialiser")
}
