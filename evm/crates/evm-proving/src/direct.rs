//! A block proved by the library's own calls in a row, in one process: what a leader, workers and all between them are
//! measured against. Nothing is checked here that the library does not check by itself.

use std::error::Error;

use evm_arithmetization::fixed_recursive_verifier::ProverOutputData;
use evm_arithmetization::{GenerationInputs, SegmentDataIterator};
use plonky2::util::timing::TimingTree;
use proving::error::{ProveError, with_sources};

use crate::block_proof::BlockProof;
use crate::circuits::{C, Circuits, D, F, PlonkProof};
use crate::guard::guard;
use crate::recursive::{Level, RecursiveProof};

type Failed = Box<dyn Error + Send + Sync>;

/// Proves a block of these batches, on top of `previous` or of its checkpoint. The circuits must be all there.
///
/// # Errors
/// [`ProveError`] with the library's reason.
pub fn prove_block(
    circuits: &Circuits,
    batches: &[GenerationInputs],
    max_cpu_len_log: u8,
    previous: Option<&BlockProof>,
) -> Result<BlockProof, ProveError> {
    let failed = |reason: String| ProveError::worker(format!("the block could not be proved: {reason}"));
    let proof = guard(|| block(circuits, batches, max_cpu_len_log, previous)).map_err(failed)?;
    let proof = RecursiveProof::new(Level::Block, circuits.key().fingerprint(), proof);
    BlockProof::of(&proof, circuits.key()).map_err(|error| failed(with_sources(&error)))
}

fn block(
    circuits: &Circuits,
    batches: &[GenerationInputs],
    max_cpu_len_log: u8,
    previous: Option<&BlockProof>,
) -> Result<PlonkProof, Failed> {
    let all = &circuits.all;
    let mut whole: Option<(bool, _)> = None;
    for inputs in batches {
        let next = batch(circuits, inputs, max_cpu_len_log)?.proof_with_pvs;
        whole = Some(match whole {
            None => (false, next),
            Some((is_agg, left)) => (true, all.prove_batch_aggregation(is_agg, &left, false, &next)?),
        });
    }
    let (_, whole) = whole.ok_or("it has no batches")?;
    Ok(all.prove_block(previous.map(BlockProof::plonk), &whole)?.intern)
}

/// The aggregation of all segments of a batch; of a single one, with a dummy.
fn batch(
    circuits: &Circuits,
    inputs: &GenerationInputs,
    max_cpu_len_log: u8,
) -> Result<ProverOutputData<F, C, D>, Failed> {
    let all = &circuits.all;
    let mut whole: Option<ProverOutputData<F, C, D>> = None;
    for segment in SegmentDataIterator::<F>::new(inputs, Some(usize::from(max_cpu_len_log))) {
        let (inputs, mut data) = segment.map_err(|error| error.to_string())?;
        let mut timing = TimingTree::default();
        let next =
            all.prove_segment(&circuits.stark, &circuits.config.stark(), inputs, &mut data, &mut timing, None)?;
        whole = Some(match whole {
            None => next,
            Some(left) => all.prove_segment_aggregation(&left, &next)?,
        });
    }
    let whole = whole.ok_or("a batch has no segments")?;
    if whole.is_agg {
        return Ok(whole);
    }
    let dummy = ProverOutputData { is_dummy: true, ..whole.clone() };
    Ok(all.prove_segment_aggregation(&whole, &dummy)?)
}
