//! Transactions: a STARK over Miden's transaction kernel, from the serialised `TransactionInputs` of a wallet.

use miden_protocol::transaction::{ProvenTransaction, TransactionInputs};
use miden_protocol::utils::serde::Serializable;
use miden_prover::ExecutionError;
use miden_tx::{LocalTransactionProver, TransactionProverError, TransactionVerifier};
use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;

use crate::decode::{NotDecoded, of_kind, same, whole, without_panic};
use crate::{SECURITY_LEVEL, alone, at_once, statement};

/// Proves and checks transactions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transactions;

fn read(input: &[u8]) -> Result<TransactionInputs, NotDecoded> {
    whole(input, "the inputs of a transaction of Miden 0.15")
}

/// Refuses inputs whose parts do not belong together, which decoding does not look at and over which proving would
/// panic. Whoever executed a transaction built its inputs with these very checks.
fn consistent(inputs: &TransactionInputs) -> Result<(), ProveError> {
    let (account, block, chain, notes, _) = inputs.clone().into_parts();
    match TransactionInputs::new(account, block, chain, notes) {
        Ok(_) => Ok(()),
        Err(source) => Err(ProveError::invalid_input(
            "failed to prove transaction: its account, blocks and notes do not belong together",
        )
        .with_source(source)),
    }
}

/// A witness that does not execute is nobody's fault but its own, and does so everywhere; a trace that cannot be
/// proved, or an error that Miden does not name, may be this worker's.
fn not_proved(source: TransactionProverError) -> ProveError {
    let error = match &source {
        TransactionProverError::TransactionProgramExecutionFailed(ExecutionError::ProvingError(_))
        | TransactionProverError::Other { .. } => ProveError::worker("failed to prove transaction"),
        _ => ProveError::invalid_input("failed to prove transaction: its witness does not execute"),
    };
    error.with_source(source)
}

impl Prover for Transactions {
    fn kind(&self) -> Kind {
        Kind::MIDEN_TRANSACTION
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        alone(needs)?;
        context.step("decode", 0, 3)?;
        let inputs = read(input).map_err(NotDecoded::into_prove_error)?;
        consistent(&inputs)?;
        context.step("prove", 1, 3)?;
        let proven = at_once(LocalTransactionProver::default().prove(inputs))?.map_err(not_proved)?;
        context.step("encode", 2, 3)?;
        Ok(Proof::new(Kind::MIDEN_TRANSACTION, proven.to_bytes()))
    }
}

impl Verifier for Transactions {
    fn kind(&self) -> Kind {
        Kind::MIDEN_TRANSACTION
    }

    fn statement(&self) -> Statement {
        statement()
    }

    fn verify(&self, input: &[u8], _needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        of_kind(proof, &Kind::MIDEN_TRANSACTION)?;
        without_panic(|| {
            let asked = read(input).map_err(|error| error.into_verify_error("request"))?;
            let proven: ProvenTransaction = whole(proof.bytes(), "a proven transaction of Miden 0.15")
                .map_err(|error| error.into_verify_error("encoding"))?;
            answers(&asked, &proven)?;
            TransactionVerifier::new(SECURITY_LEVEL)
                .verify(&proven)
                .map_err(|source| VerifyError::new("proof", "the proof does not hold").with_source(source))
        })
    }
}

/// Refuses a proven transaction that is not of the inputs that were asked.
fn answers(asked: &TransactionInputs, proven: &ProvenTransaction) -> Result<(), VerifyError> {
    let account = asked.account();
    same("account", &account.id(), &proven.account_id())?;
    same("initial state", &account.initial_commitment(), &proven.account_update().initial_state_commitment())?;
    let block = asked.block_header();
    same("reference block", &block.block_num(), &proven.ref_block_num())?;
    same("reference block", &block.commitment(), &proven.ref_block_commitment())?;
    let nullifiers: Vec<_> = asked.input_notes().iter().map(|note| note.note().nullifier()).collect();
    same("input notes", &nullifiers, &proven.nullifiers().collect())?;
    same("input notes", &asked.input_notes().commitment(), &proven.input_notes().commitment())
}
