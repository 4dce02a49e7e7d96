//! From transactions to the proof of a rollup, every step as a task's prover makes it: bytes in, bytes
//! out, and what each circuit took.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use proving::context::ProveContext;
use proving::prover::Prover;
use rollup::builder::RollupPlan;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::provers::CircuitProver;
use rollup_circuits::witness_file::Witness;

use crate::measure::{Cost, measured};

/// What each circuit took, and how large its proofs are.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    costs: BTreeMap<CircuitId, (Cost, usize)>,
}

impl Ledger {
    /// Adds one proof.
    pub fn add(&mut self, circuit: CircuitId, cost: &Cost, proof_bytes: usize) {
        let entry = self.costs.entry(circuit).or_default();
        entry.0.add(cost);
        entry.1 = proof_bytes;
    }

    /// What a circuit took.
    pub fn cost(&self, circuit: CircuitId) -> Cost {
        self.costs.get(&circuit).map(|entry| entry.0).unwrap_or_default()
    }

    /// What several circuits took together.
    pub fn total(&self, circuits: &[CircuitId]) -> Cost {
        circuits.iter().fold(Cost::default(), |mut sum, circuit| {
            sum.add(&self.cost(*circuit));
            sum
        })
    }

    /// Every circuit that proved, with its cost and the bytes of a proof file.
    pub fn rows(&self) -> impl Iterator<Item = (CircuitId, Cost, usize)> + '_ {
        self.costs.iter().map(|(circuit, (cost, bytes))| (*circuit, *cost, *bytes))
    }
}

/// The circuits that run on the user's device.
pub const CLIENT: [CircuitId; 3] = [CircuitId::JoinSplit, CircuitId::Account, CircuitId::Wrap];
/// The circuits that run at the provider.
pub const PROVIDER: [CircuitId; 3] = [CircuitId::Inner, CircuitId::Outer, CircuitId::RootVerifier];

/// One proof that was made, with what it was made of.
#[derive(Debug)]
pub struct Made<'a> {
    /// Its circuit.
    pub circuit: CircuitId,
    /// The witness file; empty where there is none.
    pub input: &'a [u8],
    /// The proof file.
    pub proof: &'a [u8],
}

/// Proves with one family and keeps the ledger.
pub struct Pipeline<'a> {
    family: Arc<Family>,
    /// What everything took so far.
    pub ledger: Ledger,
    /// Sees each proof as it is made.
    watch: &'a mut dyn FnMut(&Made<'_>) -> Result<()>,
}

impl std::fmt::Debug for Pipeline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("family", &self.family).finish_non_exhaustive()
    }
}

impl<'a> Pipeline<'a> {
    /// A pipeline with an empty ledger.
    pub fn new(family: Arc<Family>, watch: &'a mut dyn FnMut(&Made<'_>) -> Result<()>) -> Self {
        Self { family, ledger: Ledger::default(), watch }
    }

    /// The circuits.
    pub fn family(&self) -> &Arc<Family> {
        &self.family
    }

    /// Proves one task.
    ///
    /// # Errors
    /// No proof was made.
    pub fn prove(&mut self, circuit: CircuitId, input: &[u8], needs: &[&[u8]]) -> Result<Vec<u8>> {
        let prover = CircuitProver::new(self.family.clone(), circuit);
        let (proved, cost) = measured(|| prover.prove(input, needs, &ProveContext::default()));
        let proof = proved.with_context(|| format!("no {circuit} proof"))?.into_bytes();
        self.ledger.add(circuit, &cost, proof.len());
        (self.watch)(&Made { circuit, input, proof: &proof })?;
        Ok(proof)
    }

    /// Proves and wraps a client transaction, as the user's device does.
    ///
    /// # Errors
    /// No proof was made.
    pub fn client(&mut self, witness: &Witness) -> Result<Vec<u8>> {
        let raw = self.prove(witness.circuit(), &witness.to_bytes(), &[])?;
        self.prove(CircuitId::Wrap, &[], &[&raw])
    }

    /// Proves the inner rollups of a plan over the wrapped proofs of its transactions, in order.
    ///
    /// # Errors
    /// No proof was made.
    pub fn inners(&mut self, plan: &RollupPlan, wrapped: &[Vec<u8>], mut step: impl FnMut()) -> Result<Vec<Vec<u8>>> {
        let mut rest = wrapped.iter();
        let mut inners = Vec::with_capacity(plan.inners.len());
        for inner in &plan.inners {
            let real = inner.slots.iter().flatten().count();
            let needs: Vec<&[u8]> = rest.by_ref().take(real).map(Vec::as_slice).collect();
            let input = Witness::Inner(Box::new(inner.clone())).to_bytes();
            inners.push(self.prove(CircuitId::Inner, &input, &needs)?);
            step();
        }
        Ok(inners)
    }

    /// Proves a rollup over its inner proofs, and once more for the verifier.
    ///
    /// # Errors
    /// No proof was made.
    pub fn root(&mut self, plan: &RollupPlan, inners: &[Vec<u8>], mut step: impl FnMut()) -> Result<Vec<u8>> {
        let needs: Vec<&[u8]> = inners.iter().map(Vec::as_slice).collect();
        let input = Witness::Outer(Box::new(plan.outer.clone())).to_bytes();
        let outer = self.prove(CircuitId::Outer, &input, &needs)?;
        step();
        let root = self.prove(CircuitId::RootVerifier, &[], &[&outer])?;
        step();
        Ok(root)
    }
}
