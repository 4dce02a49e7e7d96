//! A real proof of a transaction, with a batch and a block on top: about 13 seconds of a processor.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::sync::{Arc, Mutex};

use miden_protocol::transaction::ProvenTransaction;
use miden_protocol::utils::serde::{Deserializable, Serializable};
use miden_proving::{prover, verifier};
use miden_test_client::fixtures::{Chain, prove_batch};
use proving::context::{CancelToken, Progress, ProveContext};
use proving::error::VerifyError;
use proving::kind::Kind;
use proving::prover::Proof;

/// Keeps the stages that it hears of.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn report(&self, stage: &str, _done: u64, _total: u64) {
        self.0.lock().unwrap().push(stage.to_owned());
    }
}

fn prove(kind: &Kind, input: &[u8]) -> Proof {
    let heard = Arc::new(Heard::default());
    let context = ProveContext::new(CancelToken::new(), heard.clone());
    let proof = prover(kind).unwrap().prove(input, &[], &context).unwrap();
    assert_eq!(*heard.0.lock().unwrap(), ["decode", "prove", "encode"]);
    proof
}

fn check(input: &[u8], proof: &Proof) -> Result<(), VerifyError> {
    verifier(proof.kind()).unwrap().verify(input, &[], proof)
}

fn refusal(input: &[u8], proof: &Proof) -> &'static str {
    check(input, proof).unwrap_err().check()
}

#[test]
fn a_transaction_a_batch_and_a_block_are_proved_and_answer_only_what_was_asked() {
    let mut chain = Chain::new(2).unwrap();

    let asked = chain.transaction(0).unwrap().to_bytes();
    let proof = prove(&Kind::MIDEN_TRANSACTION, &asked);
    check(&asked, &proof).unwrap();
    assert_eq!(refusal(&chain.transaction(1).unwrap().to_bytes(), &proof), "account");
    let proven = ProvenTransaction::read_from_bytes(proof.bytes()).unwrap();
    // The last byte of a STARK, and one amid it.
    for at in [1, proof.bytes().len() / 2] {
        let mut changed = proof.bytes().to_vec();
        let at = changed.len() - at;
        changed[at] ^= 1;
        check(&asked, &Proof::new(Kind::MIDEN_TRANSACTION, changed)).unwrap_err();
    }

    let batch = chain.batch(std::slice::from_ref(&proven)).unwrap();
    let asked_batch = batch.to_bytes();
    let batch_proof = prove(&Kind::MIDEN_BATCH, &asked_batch);
    check(&asked_batch, &batch_proof).unwrap();

    let block = chain.block(prove_batch(batch).unwrap()).unwrap();
    for asked_block in [block.proposed_bytes(), block.request_bytes()] {
        let block_proof = prove(&Kind::MIDEN_BLOCK, &asked_block);
        assert!(block_proof.bytes().is_empty());
        check(&asked_block, &block_proof).unwrap();
    }

    // The same transaction, and the same batch, on a chain that went on.
    chain.grow().unwrap();
    assert_eq!(refusal(&chain.transaction(0).unwrap().to_bytes(), &proof), "reference block");
    let later = chain.batch(&[proven]).unwrap().to_bytes();
    assert_eq!(refusal(&later, &batch_proof), "reference block");
}
