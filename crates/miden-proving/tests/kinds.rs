//! Which kinds there are, and whether this machine can prove at all.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use miden_proving::{VERSION, prover, self_test, statement, verifier};
use proving::context::ProveContext;
use proving::error::FailureClass;
use proving::kind::Kind;

const KINDS: [Kind; 3] = [Kind::MIDEN_TRANSACTION, Kind::MIDEN_BATCH, Kind::MIDEN_BLOCK];

#[test]
fn each_kind_of_miden_has_its_prover_and_verifier_and_no_other_kind_has() {
    for kind in KINDS {
        let (prover, verifier) = (prover(&kind).unwrap(), verifier(&kind).unwrap());
        assert_eq!((prover.kind(), verifier.kind()), (kind.clone(), kind));
        assert_eq!((prover.statement().unwrap(), verifier.statement()), (statement(), statement()));
    }
    assert!(prover(&Kind::EVM_BLOCK).is_none());
    assert!(verifier(&Kind::EVM_BLOCK).is_none());
}

#[test]
fn the_statement_names_the_line_of_the_version() {
    assert_eq!(statement().to_string(), "real/line/miden-0.15");
    assert!(VERSION.starts_with("0.15."));
}

#[test]
fn a_request_that_brings_proofs_along_is_refused() {
    for kind in KINDS {
        let refused = prover(&kind).unwrap().prove(&[], &[b"proof"], &ProveContext::default()).unwrap_err();
        assert_eq!(refused.class(), FailureClass::InvalidInput);
    }
}

#[test]
fn this_machine_can_prove() {
    self_test().unwrap();
}
