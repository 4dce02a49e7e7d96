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
use proving::statement::Statement;

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
        let proved = of_block.filter_map(|root| {
            let task = durable.tasks.get(&root)?;
            Some((root, task.spec.class.statement.clone(), task.accepted()?.output.clone()))
        });
        proved.collect::<Vec<_>>()
    };
    let ours = key.statement();
    // Why what is there is of no use.
    let mut why = Vec::new();
    for (root, theirs, output) in dispatcher.look(kept).await? {
        if theirs != ours {
            why.push(other_circuits(&theirs, &ours));
            continue;
        }
        let proof = RecursiveProof::from_bytes(&bytes(dispatcher, &output).await?);
        if let Ok(proof) = proof.and_then(|proof| BlockProof::of(&proof, key))
            && let Ok(previous) = checked(&proof, key)
            && previous.block_hash == hash
        {
            return Ok((previous, Before::Task(root)));
        }
    }
    if let Some(folder) = folder {
        let path = path(folder, number);
        match from_file(&path, key) {
            Ok((previous, before)) if previous.block_hash == hash => return Ok((previous, before)),
            Ok(_) => why.push(format!("{} is of another block of that number", path.display())),
            Err(error) => why.push(format!("{error:#}")),
        }
    }
    bail!("{}", of_no_use(number, &why))
}

fn other_circuits(theirs: &Statement, ours: &Statement) -> String {
    format!(
        "it was proved with other circuits ({theirs}) than these flags say ({ours}): give the same table ranges and \
         --use-test-config as then"
    )
}

/// What to do where an earlier proof cannot be gone on from.
fn of_no_use(number: u64, why: &[String]) -> String {
    let why = if why.is_empty() { "it is not kept any more".to_owned() } else { why.join("; ") };
    format!(
        "block {number} was proved in an earlier run, but there is no going on from its proof: {why}; put the proof's file \
         back into the folder of proofs, or begin anew with another --data-dir"
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

#[cfg(test)]
mod tests {
    use proving::statement::{KeyDigest, Mode};

    use super::*;

    #[test]
    fn an_earlier_proof_of_other_circuits_is_called_so() {
        let statement = |byte| Statement::of_key(Mode::Test, KeyDigest::from_bytes([byte; 32]));
        let text = of_no_use(4, &[other_circuits(&statement(1), &statement(2))]);
        assert!(text.contains("other circuits") && text.contains("same table ranges"), "{text}");
        assert!(of_no_use(4, &[]).contains("not kept any more"));
    }
}
