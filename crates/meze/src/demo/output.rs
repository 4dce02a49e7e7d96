//! The files of the demo: proofs, blocks, what the proofs say, and keys.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::witness_file::Witness;
use terminal::files;

use crate::pipeline::Made;
use crate::verify::PublicFile;

/// A folder for results; without one nothing is written.
#[derive(Debug)]
pub(crate) struct Output {
    folder: Option<PathBuf>,
    tasks: bool,
    count: usize,
}

impl Output {
    pub(crate) fn new(folder: Option<&Path>, tasks: bool) -> Self {
        Self { folder: folder.map(Path::to_owned), tasks, count: 0 }
    }

    /// A verified rollup.
    pub(crate) fn rollup(&self, id: u32, proof: &[u8], block: &[u8], public: &PublicFile) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        files::write(&folder.join(format!("rollup-{id}.proof")), proof, false)?;
        files::write(&folder.join(format!("rollup-{id}.block")), block, false)?;
        let mut text = serde_json::to_vec_pretty(public)?;
        text.push(b'\n');
        Ok(files::write(&folder.join(format!("rollup-{id}.public.json")), &text, false)?)
    }

    /// Every verification key.
    pub(crate) fn keys(&self, family: &Family) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        for circuit in CircuitId::ALL {
            let key = family.verification_key(circuit)?;
            files::write(&folder.join("keys").join(format!("{circuit}.vk")), &key.to_bytes(), false)?;
        }
        Ok(())
    }

    /// One task, if tasks are kept: what went in and the proof that came out.
    pub(crate) fn task(&mut self, made: &Made<'_>) -> Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.tasks) else { return Ok(()) };
        let stem = format!("{:04}-{}", self.count, made.circuit);
        self.count += 1;
        if !made.input.is_empty() {
            let secret = Witness::from_bytes(made.input).map_or(true, |witness| witness.is_secret());
            files::write(&folder.join("tasks").join(format!("{stem}.witness")), made.input, secret)?;
        }
        Ok(files::write(&folder.join("tasks").join(format!("{stem}.proof")), made.proof, false)?)
    }
}
