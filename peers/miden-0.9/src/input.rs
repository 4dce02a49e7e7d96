//! What is to be proved, as Miden's clients send it.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use miden_block_prover::LocalBlockProver;
use miden_objects::MIN_PROOF_SECURITY_LEVEL;
use miden_objects::batch::ProposedBatch;
use miden_objects::block::ProposedBlock;
use miden_objects::transaction::{ProvenTransaction, TransactionWitness};
use miden_objects::utils::{Deserializable, Serializable};
use miden_tx::{LocalTransactionProver, TransactionProver, TransactionVerifier};
use miden_tx_batch_prover::LocalBatchProver;

/// The kinds of proofs of the line 0.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Transaction,
    Batch,
    Block,
}

impl Kind {
    /// Its name on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Batch => "batch",
            Self::Block => "block",
        }
    }
}

/// An input that Miden's types could read.
pub(crate) enum Input {
    Transaction(Box<TransactionWitness>),
    Batch(Box<ProposedBatch>),
    Block(Box<ProposedBlock>),
}

impl Input {
    /// Reads an input of a kind from a file.
    pub(crate) fn read(kind: Kind, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        match kind {
            Kind::Transaction => TransactionWitness::read_from_bytes(&bytes).map(|it| Self::Transaction(it.into())),
            Kind::Batch => ProposedBatch::read_from_bytes(&bytes).map(|it| Self::Batch(it.into())),
            Kind::Block => ProposedBlock::read_from_bytes(&bytes).map(|it| Self::Block(it.into())),
        }
        .map_err(|error| anyhow!("{} is no input for a proof of a {}: {error}", path.display(), kind.name()))
    }

    /// Proves the input with Miden's local prover.
    pub(crate) async fn prove(&self) -> Result<Vec<u8>> {
        Ok(match self {
            // A new prover for each proof: an old one keeps the code of all it ever proved.
            Self::Transaction(witness) => {
                LocalTransactionProver::default().prove((**witness).clone()).await?.to_bytes()
            }
            Self::Batch(batch) => LocalBatchProver::new(MIN_PROOF_SECURITY_LEVEL).prove((**batch).clone())?.to_bytes(),
            Self::Block(block) => LocalBlockProver::new(MIN_PROOF_SECURITY_LEVEL).prove((**block).clone())?.to_bytes(),
        })
    }

    /// Checks what a service says to be the proof of this input.
    ///
    /// A transaction's proof is verified by Miden's verifier and must be about the witness's account, block and
    /// notes. Batches and blocks have no proofs in this line; they must be what Miden's local prover makes.
    pub(crate) fn check(&self, proof: &[u8]) -> Result<()> {
        match self {
            Self::Transaction(witness) => {
                let proven = ProvenTransaction::read_from_bytes(proof)
                    .map_err(|error| anyhow!("the proof cannot be read: {error}"))?;
                let inputs = &witness.tx_inputs;
                ensure!(
                    proven.account_id() == inputs.account().id()
                        && proven.ref_block_commitment() == inputs.block_header().commitment()
                        && proven
                            .input_notes()
                            .iter()
                            .map(|note| note.nullifier())
                            .eq(inputs.input_notes().iter().map(|note| note.note().nullifier())),
                    "the proof is about another transaction"
                );
                TransactionVerifier::new(MIN_PROOF_SECURITY_LEVEL)
                    .verify(&proven)
                    .context("Miden's verifier refuses the proof")
            }
            Self::Batch(batch) => {
                let expected = LocalBatchProver::new(MIN_PROOF_SECURITY_LEVEL).prove((**batch).clone())?;
                ensure!(expected.to_bytes() == proof, "the batch is not what Miden's local prover makes");
                Ok(())
            }
            Self::Block(block) => {
                let expected = LocalBlockProver::new(MIN_PROOF_SECURITY_LEVEL).prove((**block).clone())?;
                ensure!(expected.to_bytes() == proof, "the block is not what Miden's local prover makes");
                Ok(())
            }
        }
    }
}
