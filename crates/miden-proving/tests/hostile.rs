//! Requests and proofs that nobody honest would send. They are refused, and nothing is proved for them.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::sync::{Arc, OnceLock};

use miden_protocol::utils::serde::Serializable;
use miden_proving::{prover, verifier};
use miden_test_client::fixtures::Chain;
use proptest::prelude::*;
use proptest::sample::Index;
use proving::context::{CancelToken, Progress, ProveContext};
use proving::error::{FailureClass, ProveError};
use proving::kind::Kind;
use proving::prover::Proof;

/// A request that decodes, and a proof of the right form that proves nothing.
struct Request {
    kind: Kind,
    input: Vec<u8>,
    proof: Vec<u8>,
}

/// One of each encoding. Their transactions carry dummies in place of proofs, so that they cost nothing.
fn requests() -> &'static [Request] {
    static REQUESTS: OnceLock<Vec<Request>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let chain = Chain::new(1).unwrap();
        let transaction = chain.unproven(0).unwrap();
        let batch = chain.batch(std::slice::from_ref(&transaction)).unwrap();
        let proven = chain.unproven_batch(batch.clone()).unwrap();
        let block = chain.block(proven.clone()).unwrap();
        let request = |kind: &Kind, input: Vec<u8>, proof: Vec<u8>| Request { kind: kind.clone(), input, proof };
        vec![
            request(&Kind::MIDEN_TRANSACTION, chain.transaction(0).unwrap().to_bytes(), transaction.to_bytes()),
            request(&Kind::MIDEN_BATCH, batch.to_bytes(), proven.to_bytes()),
            request(&Kind::MIDEN_BLOCK, block.proposed_bytes(), Vec::new()),
            request(&Kind::MIDEN_BLOCK, block.request_bytes(), Vec::new()),
        ]
    })
}

/// Cancels once decoding is over, so that no case pays for a proof.
struct StopBeforeProving(CancelToken);

impl Progress for StopBeforeProving {
    fn report(&self, _stage: &str, _done: u64, _total: u64) {
        self.0.cancel();
    }
}

fn only_decode(kind: &Kind, input: &[u8]) -> ProveError {
    let cancel = CancelToken::new();
    let context = ProveContext::new(cancel.clone(), Arc::new(StopBeforeProving(cancel)));
    prover(kind).unwrap().prove(input, &[], &context).unwrap_err()
}

fn assert_not_decoded(kind: &Kind, input: &[u8]) {
    let error = only_decode(kind, input);
    assert_eq!(error.class(), FailureClass::InvalidInput, "{error}");
    assert!(error.reason().starts_with("failed to decode request"), "{error}");
}

#[test]
fn what_the_clients_send_decodes() {
    for request in requests() {
        let stopped = only_decode(&request.kind, &request.input);
        assert_eq!(stopped.class(), FailureClass::Cancelled, "{} {stopped}", request.kind);
    }
}

#[test]
fn nothing_is_no_request() {
    for request in requests() {
        assert_not_decoded(&request.kind, &[]);
    }
}

#[test]
fn needed_proofs_are_refused() {
    for request in requests() {
        let prover = prover(&request.kind).unwrap();
        let error = prover.prove(&request.input, &[b"proof"], &ProveContext::default()).unwrap_err();
        assert_eq!(error.class(), FailureClass::InvalidInput);
    }
}

#[test]
fn a_batch_with_a_bad_proof_is_refused_by_prover_and_verifier() {
    let batch = &requests()[1];
    let error = prover(&batch.kind).unwrap().prove(&batch.input, &[], &ProveContext::default()).unwrap_err();
    assert_eq!(error.class(), FailureClass::InvalidInput);
    assert!(error.reason().starts_with("failed to prove batch"), "{error}");
    let proof = Proof::new(batch.kind.clone(), batch.proof.clone());
    let refused = verifier(&batch.kind).unwrap().verify(&batch.input, &[], &proof).unwrap_err();
    assert_eq!(refused.check(), "transaction proofs");
}

#[test]
fn a_dummy_is_no_proof_of_a_transaction() {
    let transaction = &requests()[0];
    let proof = Proof::new(transaction.kind.clone(), transaction.proof.clone());
    let refused = verifier(&transaction.kind).unwrap().verify(&transaction.input, &[], &proof).unwrap_err();
    assert_eq!(refused.check(), "proof");
}

#[test]
fn a_proof_of_another_kind_is_refused() {
    for request in requests() {
        let foreign = Proof::new(Kind::EVM_BLOCK, request.proof.clone());
        let refused = verifier(&request.kind).unwrap().verify(&request.input, &[], &foreign).unwrap_err();
        assert_eq!(refused.check(), "kind");
    }
}

#[test]
fn a_proof_of_a_block_is_empty() {
    for request in &requests()[2..] {
        let verifier = verifier(&request.kind).unwrap();
        let proof = |bytes: &[u8]| Proof::new(request.kind.clone(), bytes.to_vec());
        verifier.verify(&request.input, &[], &proof(&[])).unwrap();
        assert_eq!(verifier.verify(&request.input, &[], &proof(&[0])).unwrap_err().check(), "encoding");
        assert_eq!(verifier.verify(&request.input[1..], &[], &proof(&[])).unwrap_err().check(), "request");
    }
}

#[test]
fn what_is_wrong_with_a_witness_is_said_without_quoting_it() {
    let mut input = requests()[0].input.clone();
    input.extend_from_slice(b"secret");
    let error = only_decode(&Kind::MIDEN_TRANSACTION, &input);
    assert_eq!(error.reason(), "failed to decode request: bytes follow the inputs of a transaction of Miden 0.15");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_that_stops_early_is_refused(which in any::<Index>(), at in any::<Index>()) {
        let request = which.get(requests());
        assert_not_decoded(&request.kind, &request.input[..at.index(request.input.len())]);
    }

    #[test]
    fn a_request_that_goes_on_is_refused(which in any::<Index>(), more in prop::collection::vec(any::<u8>(), 1..64)) {
        let request = which.get(requests());
        assert_not_decoded(&request.kind, &[&request.input[..], &more].concat());
    }

    #[test]
    fn noise_is_refused(which in any::<Index>(), noise in prop::collection::vec(any::<u8>(), 0..512)) {
        assert_not_decoded(&which.get(requests()).kind, &noise);
    }

    #[test]
    fn a_verifier_survives_any_change_of_a_request(which in any::<Index>(), at in any::<Index>(), byte: u8) {
        let request = which.get(requests());
        let mut input = request.input.clone();
        let at = at.index(input.len());
        input[at] = byte;
        let proof = Proof::new(request.kind.clone(), request.proof.clone());
        let verdict = verifier(&request.kind).unwrap().verify(&input, &[], &proof);
        // What proves nothing is refused whatever it is asked for; a block's proof says nothing of its request.
        prop_assert!(verdict.is_err() || request.kind == Kind::MIDEN_BLOCK);
    }

    #[test]
    fn a_verifier_survives_any_change_of_a_proof(which in 0usize..2, at in any::<Index>(), byte: u8, cut: bool) {
        let request = &requests()[which];
        let mut bytes = request.proof.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        let proof = Proof::new(request.kind.clone(), bytes);
        prop_assert!(verifier(&request.kind).unwrap().verify(&request.input, &[], &proof).is_err());
    }
}
