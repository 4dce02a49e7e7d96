//! What the circuits are built for, as the environment of the seed names it.

use std::path::PathBuf;

use proving::statement::Mode;
use rollup::shape::Shape;

use crate::circuit::TooLarge;
use crate::config::Parameters;
use crate::id::CircuitId;

/// Digest of the sources of every circuit: part of the name of a stored key.
const SOURCES: &str = env!("MEZE_CIRCUIT_SOURCES");
/// Hex digits of a fingerprint in a file name; the whole of it stands inside.
const NAME_DIGITS: usize = 16;
/// The proof system, with its version.
const PROOF_SYSTEM: &str = "qp-plonky2 1.6.0";

/// How circuits are built and where keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `NUM_INNER_ROLLUP_TXS` × `NUM_OUTER_ROLLUP_PROOFS`.
    pub shape: Shape,
    /// `PROVERLESS`: mock instead of real.
    pub mode: Mode,
    /// `MAX_CIRCUIT_SIZE`: most rows of a circuit, a power of two.
    pub max_circuit_size: usize,
    /// `PERSIST` and `DATA_DIR`: where keys and the padding proof are kept, if anywhere.
    pub store: Option<PathBuf>,
    /// Parameters of the proofs.
    pub parameters: Parameters,
}

impl Settings {
    /// Real proofs of `shape`, nothing stored, no limit below the field's own.
    pub fn new(shape: Shape) -> Self {
        Self { shape, mode: Mode::Real, max_circuit_size: 1 << 25, store: None, parameters: Parameters::DEFAULT }
    }

    /// The same, proverless.
    pub fn proverless(shape: Shape) -> Self {
        Self { mode: Mode::Mock, ..Self::new(shape) }
    }

    pub(crate) fn is_mock(&self) -> bool {
        self.mode == Mode::Mock
    }

    /// Names everything that a circuit's key depends on.
    pub fn fingerprint(&self, circuit: CircuitId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("meze rollup circuit key 1");
        let (inner, outer) = self.key_shape(circuit).into();
        let text = format!(
            "{SOURCES}\n{PROOF_SYSTEM}\n{circuit}\n{}\n{inner}\n{outer}\n{:?}",
            self.mode.name(),
            self.parameters
        );
        hasher.update(text.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The part of the shape that a circuit's key depends on; what it does not depend on is 1, so that one
    /// wrap key, say, has one statement whatever rollup its proofs go into.
    pub fn key_shape(&self, circuit: CircuitId) -> Shape {
        let inner = if circuit.depends_on_inner() { self.shape.inner() } else { 1 };
        let outer = if circuit.depends_on_outer() { self.shape.outer() } else { 1 };
        Shape::new(inner, outer).expect("a part of a shape is a shape")
    }

    /// The name of a circuit's stored files, without the extension.
    pub fn key_name(&self, circuit: CircuitId) -> String {
        let digest = blake3::Hash::from_bytes(self.fingerprint(circuit)).to_hex();
        format!("{circuit}-{}", &digest[..NAME_DIGITS])
    }

    /// Rows that a circuit takes before padding, known without building anything. `None` for parameters
    /// or a mode that were not measured.
    pub fn expected_rows(&self, circuit: CircuitId) -> Option<usize> {
        if self.is_mock() || self.parameters != Parameters::DEFAULT {
            return None;
        }
        let rows = match circuit {
            CircuitId::JoinSplit | CircuitId::Account | CircuitId::Padding => Parameters::CLIENT_ROWS,
            CircuitId::Wrap => Parameters::WRAP_ROWS,
            CircuitId::Inner => Parameters::INNER_ROWS_BASE + Parameters::INNER_ROWS_EACH * self.shape.inner(),
            CircuitId::Outer => {
                let inner = degree_bits(self.expected_rows(CircuitId::Inner)?);
                Parameters::OUTER_ROWS_BASE + Parameters::verifier_rows(inner) * self.shape.outer()
            }
            CircuitId::RootVerifier => Parameters::verifier_rows(degree_bits(self.expected_rows(CircuitId::Outer)?)),
        };
        Some(rows)
    }

    /// Refuses a circuit that is known to be too large, before any work.
    ///
    /// # Errors
    /// It needs more rows than `max_circuit_size`.
    pub fn check_size(&self, circuit: CircuitId) -> Result<(), TooLarge> {
        match self.expected_rows(circuit).map(usize::next_power_of_two) {
            Some(needed) if needed > self.max_circuit_size => {
                Err(TooLarge { circuit, needed, limit: self.max_circuit_size })
            }
            _ => Ok(()),
        }
    }
}

/// Rows are padded to two to this.
fn degree_bits(rows: usize) -> usize {
    rows.next_power_of_two().trailing_zeros() as usize
}
