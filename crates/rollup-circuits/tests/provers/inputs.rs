//! Wrong inputs and needs, each refused as an invalid input with a sentence that says what is wrong.

use proving::error::{FailureClass, ProveError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover};
use proving::statement::Mode;
use rollup_circuits::id::CircuitId;

use crate::scene::Scene;

/// The refusal's reason, which is one sentence and in the class of bad inputs.
pub(crate) fn invalid(result: Result<Proof, ProveError>) -> String {
    let error = result.expect_err("this has no proof");
    assert_eq!(error.class(), FailureClass::InvalidInput, "{error}");
    let reason = error.reason().to_owned();
    assert!((10..=400).contains(&reason.len()) && !reason.contains('\n'), "{reason:?}");
    reason
}

/// A refusal that says each of these.
fn says(result: Result<Proof, ProveError>, words: &[&str]) {
    let reason = invalid(result);
    assert!(words.iter().all(|word| reason.contains(word)), "{reason} does not say {words:?}");
}

#[test]
fn every_prover_names_its_kind_and_a_mock_statement() {
    let scene = Scene::new(1);
    for circuit in CircuitId::ALL {
        let prover = scene.prover(circuit);
        assert_eq!(prover.kind().to_string(), format!("rollup.{circuit}"));
        assert_eq!(prover.statement().unwrap().mode, Mode::Mock);
    }
    let statements: std::collections::BTreeSet<_> =
        CircuitId::ALL.iter().map(|circuit| scene.prover(*circuit).statement().unwrap()).collect();
    assert_eq!(statements.len(), CircuitId::ALL.len());
}

#[test]
fn the_whole_tree_is_proved_through_the_trait() {
    let scene = Scene::new(1);
    let outer = scene.outer();
    let root = scene.prove(CircuitId::RootVerifier, &[], &[&outer]).unwrap();
    assert_eq!(*root.kind(), Kind::ROLLUP_ROOT_VERIFIER);
}

#[test]
fn an_input_that_is_no_witness_or_another_circuits_is_refused() {
    let scene = Scene::new(1);
    let (deposit, create) = (scene.deposit.to_bytes(), scene.create.to_bytes());
    for circuit in [CircuitId::JoinSplit, CircuitId::Account, CircuitId::Inner, CircuitId::Outer] {
        says(scene.prove(circuit, &[], &[]), &["too short"]);
        says(scene.prove(circuit, b"something else", &[]), &["MEZE"]);
        says(scene.prove(circuit, &deposit[..deposit.len() - 1], &[]), &["truncated"]);
    }
    says(scene.prove(CircuitId::JoinSplit, &create, &[]), &["witness of account", "not of join-split"]);
    says(scene.prove(CircuitId::Account, &deposit, &[]), &["witness of join-split", "not of account"]);
    says(scene.prove(CircuitId::Inner, &scene.outer_input(), &[]), &["witness of outer", "not of inner"]);
    says(scene.prove(CircuitId::Outer, &scene.inner_input(), &[]), &["witness of inner", "not of outer"]);
}

#[test]
fn inputs_and_needs_where_there_must_be_none_are_refused() {
    let scene = Scene::new(1);
    let client = scene.client(&scene.deposit);
    for circuit in [CircuitId::Padding, CircuitId::Wrap, CircuitId::RootVerifier] {
        says(scene.prove(circuit, &scene.deposit.to_bytes(), &[]), &["takes no input"]);
    }
    says(scene.prove(CircuitId::Padding, &[], &[&client]), &["takes no proofs"]);
    says(scene.prove(CircuitId::JoinSplit, &scene.deposit.to_bytes(), &[&client]), &["takes no proofs"]);
    says(scene.prove(CircuitId::Account, &scene.create.to_bytes(), &[&client]), &["takes no proofs"]);
}

#[test]
fn missing_and_further_needs_are_counted() {
    let scene = Scene::new(1);
    let client = scene.client(&scene.deposit);
    let wrapped = scene.wrapped(&scene.deposit);
    for circuit in [CircuitId::Wrap, CircuitId::RootVerifier] {
        says(scene.prove(circuit, &[], &[]), &["takes one proof", "0"]);
        says(scene.prove(circuit, &[], &[&client, &client]), &["takes one proof", "2"]);
    }
    let inner = scene.inner_input();
    says(scene.prove(CircuitId::Inner, &inner, &[&wrapped]), &["2 of them real", "1 proof"]);
    says(scene.prove(CircuitId::Inner, &inner, &[&wrapped, &wrapped, &wrapped]), &["2 of them real", "3 proof"]);
    says(scene.prove(CircuitId::Outer, &scene.outer_input(), &[]), &["the witness has 1", "0"]);
    let proof = scene.inner();
    says(scene.prove(CircuitId::Outer, &scene.outer_input(), &[&proof, &proof]), &["the witness has 1", "2"]);
}

#[test]
fn needs_of_another_circuit_order_or_transaction_are_refused() {
    let scene = Scene::new(1);
    let client = scene.client(&scene.deposit);
    let (deposit, create) = (scene.wrapped(&scene.deposit), scene.wrapped(&scene.create));
    let (input, inner) = (scene.inner_input(), scene.inner());
    says(scene.prove(CircuitId::Wrap, &[], &[&deposit]), &["client proof", "wrap"]);
    says(scene.prove(CircuitId::Inner, &input, &[&client, &create]), &["proof of join-split, not of wrap"]);
    says(scene.prove(CircuitId::Inner, &input, &[&create, &deposit]), &["slot 0", "another transaction"]);
    says(scene.prove(CircuitId::Inner, &input, &[&deposit, &deposit]), &["slot 1", "another transaction"]);
    says(scene.prove(CircuitId::Outer, &scene.outer_input(), &[&deposit]), &["proof of wrap, not of inner"]);
    says(scene.prove(CircuitId::RootVerifier, &[], &[&inner]), &["proof of inner, not of outer"]);
    says(scene.prove(CircuitId::Wrap, &[], &[b"MEZE but no proof"]), &["too short"]);
}

#[test]
fn a_witness_that_breaks_a_constraint_is_refused_with_the_circuit() {
    let scene = Scene::new(1);
    let mut deposit = scene.deposit.clone();
    if let rollup_circuits::witness_file::Witness::JoinSplit(witness) = &mut deposit {
        witness.outputs[0].amount += 1;
    }
    says(scene.prove(CircuitId::JoinSplit, &deposit.to_bytes(), &[]), &["does not satisfy the join-split circuit"]);

    // The inner rollup of another world: its proofs hold, its paths lead elsewhere.
    let mut other = scene.plan.inners[0].clone();
    other.old.roots_root = other.old.data_root;
    let input = rollup_circuits::witness_file::Witness::Inner(Box::new(other)).to_bytes();
    let needs = [scene.wrapped(&scene.deposit), scene.wrapped(&scene.create)];
    says(scene.prove(CircuitId::Inner, &input, &[&needs[0], &needs[1]]), &["does not satisfy the inner circuit"]);

    let mut outer = scene.plan.outer.clone();
    outer.old.nullifier_next += 1;
    let input = rollup_circuits::witness_file::Witness::Outer(Box::new(outer)).to_bytes();
    says(scene.prove(CircuitId::Outer, &input, &[&scene.inner()]), &["does not satisfy the outer circuit"]);
}
