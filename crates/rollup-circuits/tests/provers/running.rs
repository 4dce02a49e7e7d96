//! Cancelling, progress, and building nothing before it is needed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proving::context::{CancelToken, Progress, ProveContext, Silent};
use proving::error::{FailureClass, ProveError};
use proving::prover::Prover;
use rollup::shape::Shape;
use rollup_circuits::family::{Family, FamilyError};
use rollup_circuits::id::CircuitId;
use rollup_circuits::provers::CircuitProver;
use rollup_circuits::settings::Settings;

use crate::scene::Scene;

/// A circuit, its input and its needs.
type Task<'a> = (CircuitId, Vec<u8>, Vec<&'a [u8]>);

#[test]
fn a_cancelled_task_is_cancelled_in_every_circuit() {
    let scene = Scene::new(1);
    let cancel = CancelToken::new();
    cancel.cancel();
    let context = ProveContext::new(cancel, Arc::new(Silent));
    let client = scene.client(&scene.deposit);
    let wrapped = [scene.wrapped(&scene.deposit), scene.wrapped(&scene.create)];
    let (inner, outer) = (scene.inner(), scene.outer());
    let tasks: [Task<'_>; 7] = [
        (CircuitId::JoinSplit, scene.deposit.to_bytes(), vec![]),
        (CircuitId::Account, scene.create.to_bytes(), vec![]),
        (CircuitId::Padding, vec![], vec![]),
        (CircuitId::Wrap, vec![], vec![&client]),
        (CircuitId::Inner, scene.inner_input(), vec![&wrapped[0], &wrapped[1]]),
        (CircuitId::Outer, scene.outer_input(), vec![&inner]),
        (CircuitId::RootVerifier, vec![], vec![&outer]),
    ];
    for (circuit, input, needs) in tasks {
        let error = scene.prover(circuit).prove(&input, &needs, &context).unwrap_err();
        assert_eq!(error.class(), FailureClass::Cancelled, "{circuit}: {error}");
        // What was cancelled before may be asked for again.
        scene.prove(circuit, &input, &needs).unwrap();
    }
}

/// Cancels at a step, and counts the steps that are reported.
struct CancelAt {
    cancel: CancelToken,
    at: usize,
    seen: AtomicUsize,
    stages: Mutex<Vec<String>>,
}

impl Progress for CancelAt {
    fn report(&self, stage: &str, done: u64, total: u64) {
        assert!(total == 0 || done <= total);
        self.stages.lock().unwrap().push(stage.to_owned());
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            self.cancel.cancel();
        }
    }
}

#[test]
fn a_task_cancelled_at_any_of_its_steps_gives_no_proof() {
    let scene = Scene::new(1);
    let needs = [scene.wrapped(&scene.deposit), scene.wrapped(&scene.create)];
    let needs: Vec<&[u8]> = needs.iter().map(Vec::as_slice).collect();
    let run = |at: usize| -> (Result<(), ProveError>, Vec<String>) {
        let cancel = CancelToken::new();
        let progress =
            Arc::new(CancelAt { cancel: cancel.clone(), at, seen: AtomicUsize::new(0), stages: Mutex::default() });
        let context = ProveContext::new(cancel, progress.clone());
        let outcome = scene.prover(CircuitId::Inner).prove(&scene.inner_input(), &needs, &context);
        let stages = progress.stages.lock().unwrap().clone();
        (outcome.map(drop), stages)
    };
    let (outcome, stages) = run(usize::MAX);
    outcome.unwrap();
    assert_eq!(stages.last().map(String::as_str), Some("inner"));
    // The last report says that it is done; a token cancelled there comes too late.
    for at in 0..stages.len() - 1 {
        let (outcome, seen) = run(at);
        assert_eq!(outcome.unwrap_err().class(), FailureClass::Cancelled, "cancelled at step {at}");
        assert_eq!(seen.len(), at + 1);
    }
}

#[test]
fn a_circuit_over_the_limit_is_out_of_resources_with_both_numbers() {
    let settings = Settings { max_circuit_size: 64, ..Settings::proverless(Shape::new(3, 2).unwrap()) };
    let family = Arc::new(Family::new(settings, Arc::new(|_| ())));
    let error = family.prepare(CircuitId::Padding).unwrap_err();
    let FamilyError::TooLarge(too_large) = error else { panic!("{error}") };
    assert_eq!((too_large.circuit, too_large.limit), (CircuitId::Padding, 64));
    assert!(too_large.needed > 64 && too_large.needed.is_power_of_two());

    let prover = CircuitProver::new(family, CircuitId::Padding);
    let proved = prover.prove(&[], &[], &ProveContext::default());
    for error in [proved.map(drop).unwrap_err(), prover.statement().map(drop).unwrap_err()] {
        assert_eq!(error.class(), FailureClass::Resources, "{error}");
        let text = error.to_string();
        assert!(text.contains("64") && text.contains(&too_large.needed.to_string()), "{text}");
    }
}

#[test]
fn a_refusal_that_needs_no_circuit_builds_none() {
    let settings = Settings { max_circuit_size: 1, ..Settings::proverless(Shape::new(3, 2).unwrap()) };
    let family = Arc::new(Family::new(settings, Arc::new(|_| ())));
    for circuit in CircuitId::ALL {
        // With a limit of one row every build fails as out of resources; this fails before.
        let error = CircuitProver::new(family.clone(), circuit).prove(b"?", &[], &ProveContext::default()).unwrap_err();
        assert_eq!(error.class(), FailureClass::InvalidInput, "{circuit}: {error}");
    }
}
