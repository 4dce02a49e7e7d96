//! Proofs of a long run, kept as files so that a run that was killed goes on where it was.

use std::path::PathBuf;

use anyhow::Result;
use proving::envelope::OVERHEAD;
use rollup_circuits::id::CircuitId;
use rollup_circuits::plonk::F;
use rollup_circuits::proof_file::{self, MAX_PROOF};
use rollup_circuits::verification_key::VerificationKey;
use serde::{Deserialize, Serialize};
use terminal::files;

use crate::measure::Cost;
use crate::pipeline::Ledger;

/// Largest file of figures.
const MAX_FIGURES: u64 = 1 << 16;

/// A folder of proofs with their figures.
#[derive(Debug)]
pub(super) struct Cached {
    folder: PathBuf,
    /// What all proofs took, those of earlier runs too.
    pub(super) ledger: Ledger,
    /// How many were there already.
    pub(super) reused: usize,
}

/// What one circuit took for one file.
#[derive(Debug, Serialize, Deserialize)]
struct Figure {
    circuit: String,
    cost: Cost,
    proof_bytes: usize,
}

impl Cached {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, ledger: Ledger::default(), reused: 0 }
    }

    /// The proof of this name, if it is there with its figures and is under `key` and of `public`;
    /// otherwise it is made, and kept.
    pub(super) fn proof(
        &mut self,
        name: &str,
        key: &VerificationKey,
        public: &[F],
        make: impl FnOnce() -> Result<(Vec<u8>, Ledger)>,
    ) -> Result<Vec<u8>> {
        let proof_path = self.folder.join(format!("{name}.proof"));
        let figures_path = self.folder.join(format!("{name}.json"));
        let stored =
            files::read(&proof_path, MAX_PROOF + OVERHEAD as u64).ok().filter(|proof| fits(proof, key, public));
        let figures = files::read(&figures_path, MAX_FIGURES).ok();
        let figures = figures.and_then(|bytes| serde_json::from_slice::<Vec<Figure>>(&bytes).ok());
        if let (Some(proof), Some(figures)) = (stored, figures) {
            self.enter(&figures);
            self.reused += 1;
            return Ok(proof);
        }
        let (proof, ledger) = make()?;
        let figures: Vec<Figure> = ledger
            .rows()
            .map(|(circuit, cost, proof_bytes)| Figure { circuit: circuit.name().to_owned(), cost, proof_bytes })
            .collect();
        // The figures first: a proof without them would be made again.
        files::write(&figures_path, &serde_json::to_vec(&figures)?, false)?;
        files::write(&proof_path, &proof, false)?;
        self.enter(&figures);
        Ok(proof)
    }

    fn enter(&mut self, figures: &[Figure]) {
        for figure in figures {
            if let Ok(circuit) = figure.circuit.parse::<CircuitId>() {
                self.ledger.add(circuit, &figure.cost, figure.proof_bytes);
            }
        }
    }
}

/// Whether the bytes are a proof under this key's statement of these public inputs. Whoever uses it
/// verifies it.
fn fits(proof: &[u8], key: &VerificationKey, public: &[F]) -> bool {
    let read = proof_file::open(proof).and_then(|file| file.read(key));
    read.is_ok_and(|proof| proof.public_inputs() == public)
}
