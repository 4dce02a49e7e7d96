//! The four kinds of proof behind the vocabulary that all proof families share.

use std::fmt;
use std::sync::Arc;

use evm_arithmetization::fixed_recursive_verifier::ProverOutputData;
use evm_arithmetization::prover::prove;
use evm_arithmetization::{AllProof, NUM_TABLES, ProofWithPublicValues};
use plonky2::util::timing::TimingTree;
use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover};
use proving::statement::Statement;

use crate::asked;
use crate::circuits::{C, Circuits, D, F, PlonkProof};
use crate::guard::guard;
use crate::recursive::{Level, RecursiveProof};
use crate::segment;
use crate::task::{SegmentInput, TaskInput};

/// Proves one of the four kinds.
pub struct EvmProver {
    level: Level,
    circuits: Arc<Circuits>,
}

/// Provers of the kinds that these circuits have the part for.
pub fn provers(circuits: &Arc<Circuits>) -> Vec<EvmProver> {
    let kinds = circuits.part().kinds().iter();
    kinds.filter_map(Level::of).map(|level| EvmProver { level, circuits: Arc::clone(circuits) }).collect()
}

impl Prover for EvmProver {
    fn kind(&self) -> Kind {
        self.level.kind()
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(self.circuits.key().statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        context.step("reading", 0, 1)?;
        let input = TaskInput::from_bytes(input)
            .map_err(|error| ProveError::invalid_input(proving::error::with_sources(&error)))?;
        if input.kind() != self.level.kind() {
            let reason = format!("this is the input of {}, not of {}", input.kind(), self.level.kind());
            return Err(ProveError::invalid_input(reason));
        }
        let proof = match input {
            TaskInput::Segment(segment) => {
                self.needs(needs, &[])?;
                self.segment(&segment, context)?
            }
            TaskInput::SegmentAggregation { dummy: true } => {
                let [only] = self.all_needs(needs, [&[Level::Segment]], context)?;
                self.segments(&only, None, context)?
            }
            TaskInput::SegmentAggregation { dummy: false } => {
                let part: &[Level] = &[Level::Segment, Level::SegmentAggregation];
                let [left, right] = self.all_needs(needs, [part, part], context)?;
                self.segments(&left, Some(&right), context)?
            }
            TaskInput::BatchAggregation => {
                let part: &[Level] = &[Level::SegmentAggregation, Level::BatchAggregation];
                let [left, right] = self.all_needs(needs, [part, part], context)?;
                self.batches(&left, &right, context)?
            }
            TaskInput::Block { previous } => {
                let whole: &[Level] = &[Level::BatchAggregation];
                let (whole, previous) = match (needs.len(), previous) {
                    (2, None) => {
                        let [whole, previous] = self.all_needs(needs, [whole, &[Level::Block]], context)?;
                        (whole, Some(previous))
                    }
                    (2, Some(_)) => {
                        return Err(ProveError::invalid_input(
                            "the block before it is given twice: in the input and as a need",
                        ));
                    }
                    (_, previous) => {
                        let [whole] = self.all_needs(needs, [whole], context)?;
                        (whole, previous.map(|previous| *previous))
                    }
                };
                self.block(&whole, previous.as_ref(), context)?
            }
        };
        context.step("done", 1, 1)?;
        let proof = RecursiveProof::new(self.level, self.circuits.key().fingerprint(), proof);
        Ok(Proof::new(self.level.kind(), proof.to_bytes()))
    }
}

impl EvmProver {
    fn needs(&self, needs: &[&[u8]], levels: &[&[Level]]) -> Result<Vec<RecursiveProof>, ProveError> {
        if needs.len() != levels.len() {
            let reason = format!("{} takes {} proofs here, there are {}", self.level, levels.len(), needs.len());
            return Err(ProveError::invalid_input(reason));
        }
        let read = |(bytes, levels): (&&[u8], &&[Level])| {
            let proof = RecursiveProof::from_bytes(bytes).map_err(|error| invalid_need(&error))?;
            if levels.contains(&proof.level()) {
                return Ok(proof);
            }
            Err(ProveError::invalid_input(format!("a proof of {} is no need of {}", proof.level(), self.level)))
        };
        needs.iter().zip(levels).map(read).collect()
    }

    /// All needs, each a good proof: to check them costs little, and tells a bad need from a bad worker.
    fn all_needs<const N: usize>(
        &self,
        needs: &[&[u8]],
        levels: [&[Level]; N],
        context: &ProveContext,
    ) -> Result<[RecursiveProof; N], ProveError> {
        let proofs = self.needs(needs, &levels)?;
        for (at, proof) in proofs.iter().enumerate() {
            context.step("checking what it stands on", at as u64, N as u64)?;
            proof.verify(self.circuits.key()).map_err(|error| invalid_need(&error))?;
        }
        Ok(proofs.try_into().expect("there are as many proofs as levels: needs() saw to it"))
    }

    fn segment(&self, input: &SegmentInput, context: &ProveContext) -> Result<PlonkProof, ProveError> {
        let (inputs, mut data) = segment::cut(input, context)?;
        context.step("tables", 0, 1)?;
        let circuits = &*self.circuits;
        let (stark, flag) = (circuits.config.stark(), Some(context.cancel_token().flag()));
        let tables = || {
            let mut timing = TimingTree::default();
            prove::<F, C, D>(&circuits.stark, &stark, inputs, &mut data, &mut timing, flag.clone())
        };
        let tables = guard(tables).map_err(|reason| failed("the tables of the segment", reason, context))?;
        self.check_sizes(&tables)?;
        let values = &tables.public_values;
        if (&values.registers_before, &values.registers_after) != (&input.ends.before, &input.ends.after) {
            let reason =
                format!("segment {} of the batch runs between other registers than are asked for", input.index);
            return Err(ProveError::invalid_input(reason));
        }
        context.step("recursion", 0, 1)?;
        let proof = guard(|| circuits.all.prove_segment_with_all_proofs(&tables, &stark, flag))
            .map_err(|reason| failed("the segment", reason, context))?;
        Ok(proof.proof_with_pvs.intern)
    }

    /// Every table must be as long as a circuit was built for; the leader's simulation finds this earlier.
    fn check_sizes(&self, tables: &AllProof) -> Result<(), ProveError> {
        let logs = tables.degree_bits(&self.circuits.config.stark());
        let misfit = |table: usize| {
            let range = &self.circuits.config.ranges.as_array()[table];
            let log = logs[table].filter(|log| tables.table_in_use[table] && !range.contains(log))?;
            Some(format!("{} 2^{log} (circuits: {}..{})", asked::table_name(table), range.start, range.end))
        };
        let misfits: Vec<String> = (0..NUM_TABLES).filter_map(misfit).collect();
        if misfits.is_empty() {
            return Ok(());
        }
        Err(ProveError::invalid_input(format!(
            "these tables of it do not fit, by their rows: {}; wider ranges, shorter segments or smaller batches help",
            misfits.join(", ")
        )))
    }

    fn segments(
        &self,
        left: &RecursiveProof,
        right: Option<&RecursiveProof>,
        context: &ProveContext,
    ) -> Result<PlonkProof, ProveError> {
        let part = |proof: &RecursiveProof, is_dummy| {
            let is_agg = proof.level() == Level::SegmentAggregation;
            let proof_with_pvs = proof.with_public_values().map_err(|error| invalid_need(&error))?;
            Ok::<_, ProveError>(ProverOutputData { is_agg, is_dummy, proof_with_pvs })
        };
        let (left, right) = (part(left, false)?, part(right.unwrap_or(left), right.is_none())?);
        if !right.is_dummy {
            let values = |part: &ProverOutputData<F, C, D>| part.proof_with_pvs.public_values.clone();
            asked::join_segments(&values(&left), &values(&right)).map_err(|error| no_neighbours(&error))?;
        }
        context.step("recursion", 0, 1)?;
        let proof = guard(|| self.circuits.all.prove_segment_aggregation(&left, &right))
            .map_err(|reason| failed("the aggregation", reason, context))?;
        Ok(proof.proof_with_pvs.intern)
    }

    fn batches(
        &self,
        left: &RecursiveProof,
        right: &RecursiveProof,
        context: &ProveContext,
    ) -> Result<PlonkProof, ProveError> {
        let part = |proof: &RecursiveProof| {
            let is_agg = proof.level() == Level::BatchAggregation;
            let proof = proof.with_public_values().map_err(|error| invalid_need(&error))?;
            if !is_agg {
                asked::is_whole(&proof.public_values).map_err(|error| invalid_need(&error))?;
            }
            Ok::<(bool, ProofWithPublicValues), ProveError>((is_agg, proof))
        };
        let (left, right) = (part(left)?, part(right)?);
        asked::join_batches(&left.1.public_values, &right.1.public_values).map_err(|error| no_neighbours(&error))?;
        context.step("recursion", 0, 1)?;
        let proof = guard(|| self.circuits.all.prove_batch_aggregation(left.0, &left.1, right.0, &right.1))
            .map_err(|reason| failed("the aggregation", reason, context))?;
        Ok(proof.intern)
    }

    fn block(
        &self,
        whole: &RecursiveProof,
        previous: Option<&RecursiveProof>,
        context: &ProveContext,
    ) -> Result<PlonkProof, ProveError> {
        let whole = whole.with_public_values().map_err(|error| invalid_need(&error))?;
        let before = match previous {
            None => None,
            Some(proof) => {
                // Where it comes from the input, nobody has checked it yet.
                proof.verify(self.circuits.key()).map_err(|error| invalid_need(&error))?;
                Some(proof.public_values().map_err(|error| invalid_need(&error))?)
            }
        };
        asked::block(&whole.public_values, before.as_ref()).map_err(|error| no_neighbours(&error))?;
        context.step("recursion", 0, 1)?;
        let previous = previous.map(|previous| &previous.proof);
        let proof = guard(|| self.circuits.all.prove_block(previous, &whole))
            .map_err(|reason| failed("the block", reason, context))?;
        Ok(proof.intern)
    }
}

fn invalid_need(error: &dyn std::error::Error) -> ProveError {
    ProveError::invalid_input(format!("what it stands on is not good: {}", proving::error::with_sources(error)))
}

fn no_neighbours(error: &VerifyError) -> ProveError {
    ProveError::invalid_input(format!("what it joins does not join: {error}"))
}

/// The input was good as far as it can be checked without proving, so another worker may do better.
fn failed(what: &str, reason: String, context: &ProveContext) -> ProveError {
    if context.cancel_token().is_cancelled() {
        return ProveError::cancelled(format!("stopped while proving {what}"));
    }
    ProveError::worker(format!("{what} could not be proved: {reason}"))
}

impl fmt::Debug for EvmProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvmProver({}, {:?})", self.level, self.circuits)
    }
}
