//! Witnesses with numbers that nobody has: an invalid input for the prover, a refusal by the verifier,
//! and a panic for neither.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proving::context::ProveContext;
use proving::error::FailureClass;
use proving::prover::{Proof, Prover, Verifier};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rollup::field::Digest;
use rollup::witness::{InnerWitness, Input, MerklePath, OuterWitness};
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file;
use rollup_circuits::provers::CircuitVerifier;
use rollup_circuits::witness_file::Witness;

use crate::scene::Scene;

/// A prover, its good needs and a proof by it.
struct Target<'a> {
    scene: &'a Scene,
    circuit: CircuitId,
    needs: Vec<Vec<u8>>,
    proof: Proof,
}

impl<'a> Target<'a> {
    fn new(scene: &'a Scene, witness: &Witness, needs: Vec<Vec<u8>>) -> Self {
        let circuit = witness.circuit();
        let all: Vec<&[u8]> = needs.iter().map(Vec::as_slice).collect();
        let proof = scene.prove(circuit, &witness.to_bytes(), &all).unwrap();
        Self { scene, circuit, needs, proof }
    }

    /// Neither side panics; the prover refuses the input or proves what the witness says.
    fn take(&self, input: &[u8]) -> bool {
        let needs: Vec<&[u8]> = self.needs.iter().map(Vec::as_slice).collect();
        let prover = self.scene.prover(self.circuit);
        let proved = catch_unwind(AssertUnwindSafe(|| prover.prove(input, &needs, &ProveContext::default())));
        let proved = proved.expect("a prover does not panic");
        if let Err(error) = &proved {
            assert_eq!(error.class(), FailureClass::InvalidInput, "{error}");
        }
        let verifier = CircuitVerifier::new(self.scene.family.verification_key(self.circuit).unwrap());
        let verified = catch_unwind(AssertUnwindSafe(|| verifier.verify(input, &needs, &self.proof)));
        verified.expect("a verifier does not panic").expect_err("a mock is worth nothing to a verifier");
        proved.is_ok()
    }
}

fn targets(scene: &Scene) -> [(Target<'_>, Witness); 4] {
    let inner = Witness::Inner(Box::new(scene.plan.inners[0].clone()));
    let outer = Witness::Outer(Box::new(scene.plan.outer.clone()));
    let wrapped = || vec![scene.wrapped(&scene.deposit), scene.wrapped(&scene.create)];
    [
        (Target::new(scene, &scene.deposit, vec![]), scene.deposit.clone()),
        (Target::new(scene, &scene.create, vec![]), scene.create.clone()),
        (Target::new(scene, &inner, wrapped()), inner),
        (Target::new(scene, &outer, vec![scene.inner()]), outer),
    ]
}

const HUGE: [u64; 4] = [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 62) + 1];

#[test]
fn an_inner_witness_of_impossible_numbers_is_refused() {
    let scene = Scene::new(2);
    let [_, _, (target, _), _] = targets(&scene);
    let good = &scene.plan.inners[0];
    let changes: Vec<fn(&mut InnerWitness, u64)> = vec![
        |inner, huge| inner.index = huge,
        |inner, huge| inner.old.nullifier_next = huge,
        |inner, huge| inner.old.data_next = huge,
        |inner, huge| inner.subtree_path.index = huge,
        |inner, huge| inner.old.rollup_id = (huge >> 32) as u32,
        |inner, huge| inner.fee_assets = [(huge >> 32) as u32; 4],
        |inner, huge| inner.slots[0].as_mut().unwrap().public.fee = huge,
        |inner, huge| inner.slots[0].as_mut().unwrap().public.public_amount = huge,
        |inner, huge| inner.slots[1].as_mut().unwrap().root_path.index = huge,
        |inner, huge| inner.slots[1].as_mut().unwrap().insertions[1].low.next_index = huge,
        |inner, huge| inner.slots[1].as_mut().unwrap().insertions[0].low_path.index = huge,
        |inner, _| inner.slots.clear(),
        |inner, _| inner.slots[0] = None,
        |inner, _| inner.slots.resize(1 << 12, None),
        |inner, _| inner.subtree_path.siblings.clear(),
        |inner, _| inner.subtree_path.siblings.resize(1000, Digest::ZERO),
        |inner, _| inner.slots[0].as_mut().unwrap().insertions[0].slot_path.siblings.resize(200, Digest::ZERO),
    ];
    for (number, change) in changes.iter().enumerate() {
        for huge in HUGE {
            let mut inner = good.clone();
            change(&mut inner, huge);
            let input = Witness::Inner(Box::new(inner)).to_bytes();
            // The rollup's id is for the outer circuit to compare.
            assert!(!target.take(&input) || number == 4, "change {number} to {huge} is proved");
        }
    }
}

#[test]
fn an_outer_witness_of_impossible_numbers_is_refused() {
    let scene = Scene::new(2);
    let [_, _, _, (target, _)] = targets(&scene);
    let changes: Vec<fn(&mut OuterWitness, u64)> = vec![
        |outer, huge| outer.old.rollup_id = (huge >> 32) as u32,
        |outer, huge| outer.old.data_next = huge,
        |outer, huge| outer.old.nullifier_next = huge,
        |outer, huge| outer.real = huge as usize,
        |outer, _| outer.real = 0,
        |outer, huge| outer.fee_assets = [(huge >> 32) as u32; 4],
        |outer, _| outer.roots_path.siblings.clear(),
        |outer, _| outer.roots_path.siblings.resize(1000, Digest::ZERO),
    ];
    for (number, change) in changes.iter().enumerate() {
        for huge in HUGE {
            let mut outer = scene.plan.outer.clone();
            change(&mut outer, huge);
            let proved = target.take(&Witness::Outer(Box::new(outer)).to_bytes());
            assert!(!proved, "change {number} to {huge} is proved");
        }
    }
}

#[test]
fn a_client_witness_of_impossible_numbers_is_refused() {
    let scene = Scene::new(2);
    let [(target, deposit), ..] = targets(&scene);
    let Witness::JoinSplit(good) = &deposit else { unreachable!() };
    for huge in HUGE {
        for change in 0..6 {
            let mut witness = good.clone();
            match change {
                0 => witness.public.public_amount = huge,
                1 => witness.public.fee = huge,
                2 => witness.outputs[1].amount = huge,
                3 => witness.asset = (huge >> 32) as u32,
                4 => witness.public.public_asset = (huge >> 32) as u32,
                _ => {
                    let note = rollup::note::ValueNote {
                        owner: witness.outputs[0].owner,
                        registered: false,
                        blinding: Digest::ZERO,
                        amount: huge,
                        asset: 0,
                        rho: Digest::ZERO,
                    };
                    let path = MerklePath { index: huge, siblings: vec![Digest::ZERO; 100] };
                    witness.inputs[0] = Input::Used { note, path };
                }
            }
            assert!(!target.take(&Witness::JoinSplit(witness).to_bytes()), "change {change} to {huge} is proved");
        }
    }
}

#[test]
fn random_changes_of_every_witness_are_refused_or_proved_as_they_say() {
    let scene = Scene::new(2);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for (target, witness) in targets(&scene) {
        let good = witness.to_bytes();
        let body = &good[18..good.len() - 32];
        for _ in 0..150 {
            let mut body = body.to_vec();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..body.len());
                body[at] = if rng.random() { body[at] ^ (1 << rng.random_range(0..8)) } else { rng.random() };
            }
            target.take(&proving::envelope::seal(rollup_circuits::witness_file::WITNESS, 1, &body));
        }
    }
}

#[test]
fn random_changes_of_a_needed_proof_are_refused() {
    let scene = Scene::new(2);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for (circuit, good) in [(CircuitId::Wrap, scene.client(&scene.deposit)), (CircuitId::RootVerifier, scene.outer())] {
        for _ in 0..150 {
            let mut body = good[18..good.len() - 32].to_vec();
            let at = rng.random_range(0..body.len());
            body[at] ^= 1 << rng.random_range(0..8);
            let need = proving::envelope::seal(proof_file::MOCK, 1, &body);
            let proved = catch_unwind(AssertUnwindSafe(|| scene.prove(circuit, &[], &[&need])));
            // In a mock only the circuits' own constraints say what is wrong; here some say nothing.
            if let Err(error) = proved.expect("a prover does not panic") {
                assert_eq!(error.class(), FailureClass::InvalidInput, "{error}");
            }
        }
    }
}
