//! Requests of every kind over a small chain that lives in memory: wallets that each consume a note sent to them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use miden_protocol::MIN_PROOF_SECURITY_LEVEL;
use miden_protocol::account::AccountId;
use miden_protocol::account::auth::AuthScheme;
use miden_protocol::asset::FungibleAsset;
use miden_protocol::batch::{OrderedBatches, ProposedBatch, ProvenBatch};
use miden_protocol::block::{BlockHeader, BlockInputs, ProposedBlock};
use miden_protocol::note::{NoteId, NoteType};
use miden_protocol::transaction::{ExecutedTransaction, ProvenTransaction, TransactionInputs};
use miden_protocol::utils::serde::{Deserializable, Serializable};
use miden_testing::{Auth, MockChain};
use miden_tx::LocalTransactionProver;
use miden_tx_batch_prover::LocalBatchProver;
use proving::context::ProveContext;
use proving::kind::Kind;

/// How many different batches, or transactions, one chain gives at most.
pub const MOST: usize = 64;

/// A chain of one block, with as many wallets as asked for and a note waiting for each.
pub struct Chain {
    chain: MockChain,
    waiting: Vec<(AccountId, NoteId)>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("wallets", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// A block to be proved, in both of the encodings in which it is asked for.
#[derive(Debug, Clone)]
pub struct Block {
    /// What the published client sends.
    pub proposed: ProposedBlock,
    /// What upstream's server reads, beside the header and the inputs.
    pub batches: OrderedBatches,
    /// The header that follows from the block.
    pub header: BlockHeader,
    /// What the block was proposed from.
    pub inputs: BlockInputs,
}

impl Block {
    /// The request as the published client writes it.
    pub fn proposed_bytes(&self) -> Vec<u8> {
        self.proposed.to_bytes()
    }

    /// The request as upstream's server reads it: its `BlockProofRequest`.
    pub fn request_bytes(&self) -> Vec<u8> {
        let mut bytes = self.batches.to_bytes();
        bytes.extend(self.header.to_bytes());
        bytes.extend(self.inputs.to_bytes());
        bytes
    }
}

impl Chain {
    /// A chain with `wallets` wallets, each with the key of Miden's basic wallet and a public pay-to-id note.
    ///
    /// # Errors
    /// No wallets, more than [`MOST`], or what the chain says.
    pub fn new(wallets: usize) -> Result<Self> {
        ensure!((1..=MOST).contains(&wallets), "a chain has 1 to {MOST} wallets, and {wallets} were asked for");
        let mut builder = MockChain::builder();
        let auth = Auth::BasicAuth { auth_scheme: AuthScheme::Falcon512Poseidon2 };
        let sender = builder.create_new_wallet(auth.clone())?;
        let mut waiting = Vec::with_capacity(wallets);
        for wallet in 0..wallets {
            let account = builder.add_existing_wallet(auth.clone())?;
            let asset = FungibleAsset::mock(100 + wallet as u64);
            let note = builder.add_p2id_note(sender.id(), account.id(), &[asset], NoteType::Public)?;
            waiting.push((account.id(), note.id()));
        }
        let accounts: BTreeSet<_> = waiting.iter().map(|(account, _)| *account).collect();
        ensure!(accounts.len() == wallets, "two wallets of the chain are one");
        Ok(Self { chain: builder.build()?, waiting })
    }

    /// The witness of the transaction in which wallet `index` consumes its note, executed and ready to be proved.
    ///
    /// # Errors
    /// There is no such wallet, or the transaction does not execute.
    pub fn transaction(&self, index: usize) -> Result<TransactionInputs> {
        Ok(self.execute(index)?.tx_inputs().clone())
    }

    /// The same transaction with a dummy in place of its proof: of the right form, and no proof of anything.
    ///
    /// # Errors
    /// There is no such wallet, or the transaction does not execute.
    pub fn unproven(&self, index: usize) -> Result<ProvenTransaction> {
        Ok(LocalTransactionProver::default().prove_dummy(self.execute(index)?)?)
    }

    fn execute(&self, index: usize) -> Result<ExecutedTransaction> {
        let (account, note) = *self.waiting.get(index).context("there is no such wallet")?;
        let context = self.chain.build_tx_context(account, &[note], &[])?.build()?;
        Ok(context.execute().now_or_never().context("the executor waits for something")??)
    }

    /// A batch of `transactions` on the chain as it is now.
    ///
    /// # Errors
    /// What the batch says.
    pub fn batch(&self, transactions: &[ProvenTransaction]) -> Result<ProposedBatch> {
        self.chain.propose_transaction_batch(transactions.to_vec())
    }

    /// Grows the chain by an empty block, so that whatever is proposed next refers to another block.
    ///
    /// # Errors
    /// What the chain says.
    pub fn grow(&mut self) -> Result<()> {
        self.chain.prove_next_block().map(drop)
    }

    /// A proposed batch taken for proven, whatever the proofs in it are.
    ///
    /// # Errors
    /// What the batch says.
    pub fn unproven_batch(&self, batch: ProposedBatch) -> Result<ProvenBatch> {
        self.chain.prove_transaction_batch(batch)
    }

    /// The block of `proven` alone, on the chain as it is now.
    ///
    /// # Errors
    /// What the block says.
    pub fn block(&self, proven: ProvenBatch) -> Result<Block> {
        let inputs = self.chain.get_block_inputs([&proven])?;
        let proposed = self.chain.propose_block([proven])?;
        let (header, _) = proposed.clone().into_header_and_body()?;
        Ok(Block { batches: proposed.batches().clone(), proposed, header, inputs })
    }
}

/// Proves a transaction here: about 13 seconds of a processor.
///
/// # Errors
/// What Miden's prover says.
pub fn prove(inputs: &TransactionInputs) -> Result<ProvenTransaction> {
    let prover = miden_proving::prover(&Kind::MIDEN_TRANSACTION).context("there is no prover of transactions")?;
    let proof = prover.prove(&inputs.to_bytes(), &[], &ProveContext::default())?;
    Ok(ProvenTransaction::read_from_bytes(proof.bytes())?)
}

/// Proves a batch here: a few milliseconds for each transaction in it.
///
/// # Errors
/// The proof of a transaction in it does not hold.
pub fn prove_batch(batch: ProposedBatch) -> Result<ProvenBatch> {
    Ok(LocalBatchProver::new(MIN_PROOF_SECURITY_LEVEL).prove(batch)?)
}
