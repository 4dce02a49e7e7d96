//! Inputs of a chain that exists only in this process: wallets that consume a note each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use miden_objects::MIN_PROOF_SECURITY_LEVEL;
use miden_objects::note::NoteType;
use miden_objects::transaction::TransactionWitness;
use miden_objects::utils::Serializable;
use miden_testing::{Auth, MockChain};
use miden_tx::{LocalTransactionProver, TransactionProver};
use miden_tx_batch_prover::LocalBatchProver;

/// What to write.
#[derive(Args)]
pub(crate) struct Plan {
    /// The folder to write to; made if it is missing.
    #[arg(long)]
    output: PathBuf,
    /// How many transactions, each of a wallet of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    transactions: u8,
    /// Among how many batches of the block to share the transactions out. With more than one, the files of
    /// batches are called batch-<i>.bin.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    batches: u8,
    /// Prove the transactions too, which batches and the block need.
    #[arg(long)]
    prove: bool,
    /// Another number makes other wallets.
    #[arg(long, default_value_t = 0)]
    seed: u8,
}

/// Writes what the plan says.
pub(crate) async fn write(plan: &Plan) -> Result<()> {
    let folder = &plan.output;
    ensure!(
        plan.batches <= plan.transactions,
        "--batches {} is too much for {} transactions: a batch needs one",
        plan.batches,
        plan.transactions
    );
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let mut chain = MockChain::new();
    chain.set_rng_seed([plan.seed; 32]);
    let faucet = chain.add_pending_existing_faucet(Auth::NoAuth, "MEZE", 1_000_000, None);
    let mut notes = Vec::new();
    for index in 0..plan.transactions {
        let wallet = chain.add_pending_existing_wallet(Auth::BasicAuth, vec![]);
        let asset = faucet.mint(100 + u64::from(index));
        let note = chain.add_pending_p2id_note(faucet.id(), wallet.id(), &[asset], NoteType::Public, None)?;
        notes.push((wallet.id(), note.id()));
    }
    chain.prove_next_block();

    let mut proven = Vec::new();
    for (index, (wallet, note)) in notes.into_iter().enumerate() {
        let executed = chain.build_tx_context(wallet, &[note], &[]).build().execute().await?;
        let witness = TransactionWitness::from(executed);
        save(folder, &format!("transaction-{index}.bin"), &witness)?;
        if plan.prove {
            let proof = LocalTransactionProver::default().prove(witness).await?;
            save(folder, &format!("transaction-{index}.proof"), &proof)?;
            proven.push(proof);
        }
    }
    if !plan.prove {
        return Ok(());
    }

    let mut batches = Vec::new();
    let count = usize::from(plan.batches);
    for index in 0..count {
        let share = proven.len() * index / count..proven.len() * (index + 1) / count;
        let batch = chain.propose_transaction_batch(proven[share].to_vec())?;
        let name = if count == 1 { "batch.bin".to_owned() } else { format!("batch-{index}.bin") };
        save(folder, &name, &batch)?;
        batches.push(LocalBatchProver::new(MIN_PROOF_SECURITY_LEVEL).prove(batch)?);
    }
    save(folder, "block.bin", &chain.propose_block(batches)?)
}

fn save(folder: &Path, name: &str, what: &impl Serializable) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, what.to_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
