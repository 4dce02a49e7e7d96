//! What a verifier accepts: a real proof, of what was asked, under its own key, of its own kind.

use std::sync::Arc;

use proving::context::ProveContext;
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use rollup::shape::Shape;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::provers::{CircuitProver, CircuitVerifier};
use rollup_circuits::settings::Settings;

use crate::scene::Scene;

#[test]
fn a_good_proof_of_something_else_is_refused() {
    let (one, other) = (Scene::new(1), Scene::new(2));
    let family = Arc::new(Family::new(Settings::new(Shape::new(3, 2).unwrap()), Arc::new(|_| ())));
    let context = ProveContext::default();
    let prover = CircuitProver::new(family.clone(), CircuitId::JoinSplit);
    let verifier = CircuitVerifier::new(family.verification_key(CircuitId::JoinSplit).unwrap());
    assert_eq!(Prover::kind(&prover), Verifier::kind(&verifier));
    assert_eq!(prover.statement().unwrap(), verifier.statement());

    let (asked, else_asked) = (one.deposit.to_bytes(), other.deposit.to_bytes());
    let proof = prover.prove(&asked, &[], &context).unwrap();
    verifier.verify(&asked, &[], &proof).unwrap();
    assert_eq!(verifier.verify(&else_asked, &[], &proof).unwrap_err().check(), "public");
    assert_eq!(verifier.verify(b"no witness", &[], &proof).unwrap_err().check(), "input");
    let relabelled = Proof::new(Kind::ROLLUP_PADDING, proof.clone().into_bytes());
    assert_eq!(verifier.verify(&asked, &[], &relabelled).unwrap_err().check(), "kind");

    // The same circuit's good proof where another circuit's is asked for.
    let padding = CircuitVerifier::new(family.verification_key(CircuitId::Padding).unwrap());
    assert_eq!(padding.verify(&[], &[], &relabelled).unwrap_err().check(), "circuit");
    let empty = CircuitProver::new(family.clone(), CircuitId::Padding).prove(&[], &[], &context).unwrap();
    padding.verify(&[], &[], &empty).unwrap();
    let as_deposit = Proof::new(Kind::ROLLUP_JOIN_SPLIT, empty.into_bytes());
    assert_eq!(verifier.verify(&asked, &[], &as_deposit).unwrap_err().check(), "circuit");
}

#[test]
fn a_verifier_takes_no_mock_whatever_its_key() {
    let scene = Scene::new(1);
    let mock = Proof::new(Kind::ROLLUP_JOIN_SPLIT, scene.client(&scene.deposit));
    let own = CircuitVerifier::new(scene.family.verification_key(CircuitId::JoinSplit).unwrap());
    let family = Family::new(Settings::new(Shape::new(3, 2).unwrap()), Arc::new(|_| ()));
    let real = CircuitVerifier::new(family.verification_key(CircuitId::JoinSplit).unwrap());
    for verifier in [own, real] {
        assert_eq!(verifier.verify(&scene.deposit.to_bytes(), &[], &mock).unwrap_err().check(), "mode");
    }
}
