//! The proof that the first block is on top of: from a file, or from an earlier run.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use block_witness::Previous;
use chain_source::BlockId;
use dispatch::model::JobState;
use dispatcher::Dispatcher;
use evm_proving::check::check;
use evm_proving::recursive::RecursiveProof;
use evm_proving::{BlockProof, Expectations, VerificationKey};

use super::failure::bytes;
use super::graph::number_of;
use super::inputs::Before;
use super::proofs::path;

/// A proof in a file, checked; of several the last one.
///
/// # Errors
/// It cannot be read, or is no good proof under this key.
pub fn from_file(path: &Path, key: &VerificationKey) -> Result<(Previous, Before)> {
    let context = || format!("the previous proof {} cannot be used", path.display());
    let proofs = BlockProof::read_list(path).with_context(context)?;
    let last = proofs.last().with_context(context)?;
    let previous = checked(last, key).with_context(context)?;
    Ok((previous, Before::Proof(Arc::new(last.to_recursive(key)))))
}

/// The proof of a block that an earlier run proved: kept by the dispatcher, or written into the folder of proofs.
///
/// # Errors
/// It is in neither.
pub async fn earlier(
    dispatcher: &Dispatcher,
    block: BlockId,
    folder: Option<&Path>,
    key: &VerificationKey,
) -> Result<(Previous, Before)> {
    let BlockId { number, hash, .. } = block;
    let kept = move |state: &dispatch::state::State| {
        let durable = state.durable();
        let jobs = durable.jobs.values().filter(|job| job.state == JobState::Done);
        let of_block = jobs.filter(|job| number_of(&job.name) == Some(number)).filter_map(|job| job.root);
        let proved = of_block.filter_map(|root| Some((root, durable.tasks.get(&root)?.accepted()?.output.clone())));
        proved.collect::<Vec<_>>()
    };
    for (root, output) in dispatcher.look(kept).await? {
        let proof = RecursiveProof::from_bytes(&bytes(dispatcher, &output).await?);
        if let Ok(proof) = proof.and_then(|proof| BlockProof::of(&proof, key))
            && let Ok(previous) = checked(&proof, key)
            && previous.block_hash == hash
        {
            return Ok((previous, Before::Task(root)));
        }
    }
    if let Some(folder) = folder
        && let Ok((previous, before)) = from_file(&path(folder, number), key)
        && previous.block_hash == hash
    {
        return Ok((previous, before));
    }
    bail!(
        "block {number} was proved in an earlier run, but its proof is kept neither in the data folder nor in the folder \
         of proofs: start again from the beginning, with another --data-dir"
    )
}

fn checked(proof: &BlockProof, key: &VerificationKey) -> Result<Previous> {
    // The key is of the flags' own circuits, so what it takes is what was asked for.
    let expected = Expectations { allow_insecure: true, ..Expectations::default() };
    let report = check(proof, key, &expected)?;
    Ok(Previous {
        number: report.block,
        chain_id: report.chain_id,
        block_hash: report.block_hash,
        state_root: report.state_root,
        checkpoint_state_root: report.checkpoint_state_root,
        checkpoint_consolidated_hash: report.checkpoint_consolidated_hash,
    })
}
