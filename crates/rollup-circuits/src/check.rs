//! Evaluates every constraint of a circuit on a real witness, without making a proof.
//!
//! The proverless mode lives on this, and so do the tests that forge witnesses. What a proof would show
//! is shown row by row: each gate's constraints are 0, wires that are connected are equal, and the
//! public inputs are those that the circuit hashes.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::witness::{PartialWitness, PartitionWitness};
use plonky2::plonk::config::{GenericConfig, Hasher};
use plonky2::plonk::vars::EvaluationVarsBaseBatch;

use crate::plonk::{C, D, Data, F};

/// Rows that are evaluated at once.
const BATCH: usize = 32;

/// What the library writes into the selectors that a row's gate does not belong to.
const UNUSED_SELECTOR: usize = u32::MAX as usize;

/// The first thing that is wrong with a witness.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    /// The generators met a conflict, or were left without a value that they need.
    #[error("the witness cannot be completed: {0}")]
    Incomplete(String),
    /// A gate's constraint is not 0.
    #[error("row {row}: constraint {constraint} of {gate} is not 0")]
    Gate {
        /// The row.
        row: usize,
        /// The gate's name.
        gate: String,
        /// Which of its constraints.
        constraint: usize,
    },
    /// A wire differs from one that it is connected to.
    #[error("row {row}: wire {column} differs from one that it is connected to")]
    Copy {
        /// The row.
        row: usize,
        /// The wire.
        column: usize,
    },
    /// A public input is not the value of its wire.
    #[error("public input {0} is not the value of its wire")]
    PublicInput(usize),
}

/// What the evaluation needs beside the circuit, recovered once for each circuit.
#[derive(Debug, Clone)]
pub(crate) struct Checker {
    /// The rows of each gate.
    rows: Vec<Vec<usize>>,
    /// Constants of each row, without the selectors.
    constants: Vec<F>,
    /// How many constants a row has.
    width: usize,
}

impl Checker {
    /// Recovers each row's gate and constants from the committed polynomials.
    pub(crate) fn new(data: &Data) -> Self {
        let common = &data.common;
        assert!(common.luts.is_empty(), "the rollup circuits have no lookups");
        let degree = common.degree();
        let columns: Vec<Vec<F>> = data.prover_only.constants_sigmas_commitment.polynomials[..common.num_constants]
            .iter()
            .map(|polynomial| PolynomialCoeffs::new(polynomial.coeffs[..degree].to_vec()).fft().values)
            .collect();
        let (selectors, constants) = columns.split_at(common.selectors_info.num_selectors());
        let mut rows = vec![Vec::new(); common.gates.len()];
        for row in 0..degree {
            let gate = selectors
                .iter()
                .map(|column| column[row].to_canonical_u64() as usize)
                .find(|&index| index != UNUSED_SELECTOR)
                .expect("each row has one gate");
            rows[gate].push(row);
        }
        let width = constants.len();
        let constants = (0..degree).flat_map(|row| constants.iter().map(move |column| column[row])).collect();
        Self { rows, constants, width }
    }

    /// Completes the witness, evaluates every constraint on it and gives the public inputs.
    pub(crate) fn check(&self, data: &Data, witness: PartialWitness<F>) -> Result<Vec<F>, Violation> {
        let complete = catch_unwind(AssertUnwindSafe(|| {
            generate_partial_witness::<F, C, D>(witness, &data.prover_only, &data.common)
        }))
        .map_err(|_| Violation::Incomplete("a generator panicked on it".to_owned()))?
        .map_err(|error| Violation::Incomplete(error.to_string()))?;
        let matrix = Matrix::of(data, &complete);
        self.check_matrix(data, &matrix)?;
        Ok(matrix.public_inputs)
    }

    /// Evaluates every constraint on a matrix of wires.
    pub(crate) fn check_matrix(&self, data: &Data, matrix: &Matrix) -> Result<(), Violation> {
        check_copies(data, matrix)?;
        let hash = <C as GenericConfig<D>>::InnerHasher::hash_no_pad(&matrix.public_inputs);
        for (gate, rows) in self.rows.iter().enumerate() {
            for batch in rows.chunks(BATCH) {
                self.check_gate(data, gate, batch, matrix, &hash)?;
            }
        }
        Ok(())
    }

    fn check_gate(
        &self,
        data: &Data,
        gate: usize,
        rows: &[usize],
        matrix: &Matrix,
        hash: &HashOut<F>,
    ) -> Result<(), Violation> {
        let columns = |width: usize, values: &[F]| -> Vec<F> {
            (0..width).flat_map(|column| rows.iter().map(move |row| values[row * width + column])).collect()
        };
        let constants = columns(self.width, &self.constants);
        let wires = columns(data.common.config.num_wires, &matrix.wires);
        let gate = &data.common.gates[gate].0;
        let vars = EvaluationVarsBaseBatch::new(rows.len(), &constants, &wires, hash);
        let values = gate.eval_unfiltered_base_batch(vars);
        match values.iter().position(|value| *value != F::ZERO) {
            None => Ok(()),
            // Constraint j of the i-th row stands at j · rows + i.
            Some(at) => {
                Err(Violation::Gate { row: rows[at % rows.len()], gate: gate.id(), constraint: at / rows.len() })
            }
        }
    }
}

/// The value of every wire, row by row, and the public inputs that are claimed with it.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    /// `wires[row · num_wires + column]`.
    pub(crate) wires: Vec<F>,
    /// In the order of the circuit.
    pub(crate) public_inputs: Vec<F>,
}

impl Matrix {
    /// All wires of a completed witness; one that nothing sets is 0, as for the prover.
    pub(crate) fn of(data: &Data, witness: &PartitionWitness<'_, F>) -> Self {
        let value = |index: usize| witness.values[witness.representative_map[index]].unwrap_or(F::ZERO);
        let (width, degree) = (data.common.config.num_wires, data.common.degree());
        let wires = (0..width * degree).map(value).collect();
        let public = &data.prover_only.public_inputs;
        let public_inputs = public.iter().map(|target| value(target.index(width, degree))).collect();
        Self { wires, public_inputs }
    }
}

/// Each set of connected wires has one value, and a public input that of its set.
fn check_copies(data: &Data, matrix: &Matrix) -> Result<(), Violation> {
    let (width, degree) = (data.common.config.num_wires, data.common.degree());
    let representatives = &data.prover_only.representative_map;
    let mut values: Vec<Option<F>> = vec![None; representatives.len()];
    for (index, wire) in matrix.wires.iter().enumerate() {
        if *values[representatives[index]].get_or_insert(*wire) != *wire {
            return Err(Violation::Copy { row: index / width, column: index % width });
        }
    }
    for (position, (target, claimed)) in data.prover_only.public_inputs.iter().zip(&matrix.public_inputs).enumerate() {
        let value = values[representatives[target.index(width, degree)]];
        if value.is_some_and(|value| value != *claimed) {
            return Err(Violation::PublicInput(position));
        }
    }
    Ok(())
}
