//! Verification keys: as tasks, from files, and over a worker's HTTP.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use proving::context::ProveContext;
use proving::envelope::OVERHEAD;
use proving::error::ProveError;
use proving::kind::Kind;
use proving::prover::{Proof, Prover};
use proving::statement::{Mode, Statement};
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;
use rollup_circuits::verification_key::{MAX_VERIFICATION_KEY, VerificationKey};
use terminal::files;

/// Gives the verification key of one circuit, as the answer to a task without input.
#[derive(Debug)]
pub struct KeyProver {
    family: Arc<Family>,
    circuit: CircuitId,
}

impl KeyProver {
    /// For `circuit`.
    pub fn new(family: Arc<Family>, circuit: CircuitId) -> Self {
        Self { family, circuit }
    }
}

/// The statement under which a circuit's key is asked for: its name and shape, since the key's digest is what one
/// does not know yet.
pub fn key_statement(settings: &Settings, circuit: CircuitId) -> Statement {
    let (inner, outer) = settings.shape.into();
    let line = format!("{}-{inner}x{outer}", circuit.name());
    let line = line.parse().expect("a circuit's name and two numbers make a line");
    Statement::of_line(if settings.mode == Mode::Mock { Mode::Mock } else { Mode::Real }, line)
}

impl Prover for KeyProver {
    fn kind(&self) -> Kind {
        Kind::ROLLUP_VERIFICATION_KEY
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(key_statement(self.family.settings(), self.circuit))
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        if !input.is_empty() || !needs.is_empty() {
            return Err(ProveError::invalid_input("a verification key takes no input and no proofs"));
        }
        context.step("key", 0, 1)?;
        let key = self.family.verification_key(self.circuit)?;
        Ok(Proof::new(self.kind(), key.to_bytes()))
    }
}

/// Reads every `.vk` file of a folder, or one file.
///
/// # Errors
/// One cannot be read, or there is none.
pub fn load(path: &Path) -> Result<Vec<VerificationKey>> {
    let limit = MAX_VERIFICATION_KEY + OVERHEAD as u64;
    let read = |path: &Path| -> Result<VerificationKey> {
        let bytes = files::read(path, limit)?;
        VerificationKey::from_bytes(&bytes).with_context(|| format!("no key in {}", path.display()))
    };
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut keys = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "vk") {
            keys.push(read(&path)?);
        }
    }
    if keys.is_empty() {
        bail!("there is no .vk file in {}: write some with `meze keys export`", path.display());
    }
    Ok(keys)
}

/// The keys that a worker shows over HTTP, built when they are first asked for.
#[derive(Debug)]
pub struct ShownKeys {
    family: Arc<Family>,
}

impl ShownKeys {
    /// Of this family.
    pub fn new(family: Arc<Family>) -> Self {
        Self { family }
    }
}

impl worker::http::Keys for ShownKeys {
    fn kinds(&self) -> Vec<Kind> {
        CircuitId::ALL.map(CircuitId::kind).to_vec()
    }

    fn key(&self, kind: &Kind) -> Option<Bytes> {
        let circuit = CircuitId::ALL.into_iter().find(|circuit| circuit.kind() == *kind)?;
        let key = self.family.verification_key(circuit).ok()?;
        // Only the key is kept: building it may have built the circuit too.
        CircuitId::ALL.into_iter().for_each(|circuit| self.family.release(circuit));
        Some(key.to_bytes().into())
    }
}
