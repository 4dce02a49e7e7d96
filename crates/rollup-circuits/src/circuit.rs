//! Building circuits and proving with them, whatever the statement.

use plonky2::iop::witness::PartialWitness;
use plonky2::plonk::circuit_data::CircuitConfig;

use crate::gadgets::Cx;
use crate::id::CircuitId;
use crate::plonk::{Builder, C, Data, F, PlonkProof};
use crate::switches::Switches;

/// A built circuit with the wires that take its witness.
#[derive(Debug)]
pub(crate) struct Circuit<T> {
    pub(crate) data: Data,
    pub(crate) targets: T,
    /// Rows that the statement takes, before blinding and padding.
    pub(crate) rows: usize,
}

/// A circuit needs more rows than `MAX_CIRCUIT_SIZE` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {circuit} circuit needs {needed} rows and MAX_CIRCUIT_SIZE is {limit}")]
pub struct TooLarge {
    /// Which circuit.
    pub circuit: CircuitId,
    /// Rows that it needs, a power of two.
    pub needed: usize,
    /// Rows that it may take.
    pub limit: usize,
}

/// Defines and builds a circuit of at most `limit` rows.
pub(crate) fn build<T>(
    circuit: CircuitId,
    config: CircuitConfig,
    switches: &Switches,
    limit: usize,
    define: impl FnOnce(&mut Cx<'_>) -> T,
) -> Result<Circuit<T>, TooLarge> {
    let mut builder = Builder::new(config);
    let targets = define(&mut Cx { b: &mut builder, switches });
    let rows = builder.num_gates();
    let needed = rows.next_power_of_two();
    if needed > limit {
        return Err(TooLarge { circuit, needed, limit });
    }
    let data = builder.build::<C>();
    let needed = data.common.degree();
    if needed > limit {
        return Err(TooLarge { circuit, needed, limit });
    }
    Ok(Circuit { data, targets, rows })
}

impl<T> Circuit<T> {
    /// Proves with the witness that `assign` sets; one that does not satisfy the circuit is an error.
    pub(crate) fn prove(
        &self,
        assign: impl FnOnce(&T, &mut PartialWitness<F>) -> anyhow::Result<()>,
    ) -> anyhow::Result<PlonkProof> {
        let mut witness = PartialWitness::new();
        assign(&self.targets, &mut witness)?;
        Ok(fast_prover::prove(&self.data.prover_only, &self.data.common, witness)?)
    }
}
