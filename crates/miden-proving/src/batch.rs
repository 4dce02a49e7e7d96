//! Batches: Miden 0.15 has no proof of a batch yet. A serialised `ProposedBatch` becomes a `ProvenBatch` once the
//! proof of each of its transactions holds.

use miden_protocol::batch::{ProposedBatch, ProvenBatch};
use miden_protocol::utils::serde::Serializable;
use miden_tx_batch_prover::LocalBatchProver;
use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;

use crate::decode::{NotDecoded, of_kind, same, whole, without_panic};
use crate::{SECURITY_LEVEL, alone, statement};

/// Proves and checks batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batches;

fn read(input: &[u8]) -> Result<ProposedBatch, NotDecoded> {
    whole(input, "a proposed batch of Miden 0.15")
}

impl Prover for Batches {
    fn kind(&self) -> Kind {
        Kind::MIDEN_BATCH
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        alone(needs)?;
        context.step("decode", 0, 3)?;
        let proposed = read(input).map_err(NotDecoded::into_prove_error)?;
        context.step("prove", 1, 3)?;
        let proven = LocalBatchProver::new(SECURITY_LEVEL).prove(proposed).map_err(|source| {
            ProveError::invalid_input("failed to prove batch: the proof of a transaction in it does not hold")
                .with_source(source)
        })?;
        context.step("encode", 2, 3)?;
        Ok(Proof::new(Kind::MIDEN_BATCH, proven.to_bytes()))
    }
}

impl Verifier for Batches {
    fn kind(&self) -> Kind {
        Kind::MIDEN_BATCH
    }

    fn statement(&self) -> Statement {
        statement()
    }

    /// As there is no proof in a batch, checking one is making it again: a few milliseconds.
    fn verify(&self, input: &[u8], _needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        of_kind(proof, &Kind::MIDEN_BATCH)?;
        without_panic(|| {
            let asked = read(input).map_err(|error| error.into_verify_error("request"))?;
            let found: ProvenBatch = whole(proof.bytes(), "a proven batch of Miden 0.15")
                .map_err(|error| error.into_verify_error("encoding"))?;
            let made = LocalBatchProver::new(SECURITY_LEVEL).prove(asked).map_err(|source| {
                VerifyError::new("transaction proofs", "the proof of a transaction in the batch does not hold")
                    .with_source(source)
            })?;
            answers(&made, &found)
        })
    }
}

/// Refuses a batch that is not the one that the request comes to.
fn answers(made: &ProvenBatch, found: &ProvenBatch) -> Result<(), VerifyError> {
    same("batch id", &made.id(), &found.id())?;
    same("reference block", &made.reference_block_num(), &found.reference_block_num())?;
    same("reference block", &made.reference_block_commitment(), &found.reference_block_commitment())?;
    same("transactions", made.transactions(), found.transactions())?;
    same("account updates", made.account_updates(), found.account_updates())?;
    same("input notes", made.input_notes(), found.input_notes())?;
    same("output notes", &made.output_notes(), &found.output_notes())?;
    same("expiration", &made.batch_expiration_block_num(), &found.batch_expiration_block_num())?;
    same("batch", made, found)
}
