//! Random wallets over many rollups: every circuit takes what the wallets draft, the trees agree with
//! the model that knows no proofs, and the books agree with wallets and with wallets built anew.
//!
//! - `chain`: the world beside the model, and the blocks that were published.
//! - `drafts`: what a random player tries, and what it should change.
//! - `scene`: players, their pool of transactions, and the books.
//! - `tree`: the tree of proofs of one rollup.
#![allow(clippy::unwrap_used, reason = "a test")]

mod chain;
mod drafts;
mod scene;
mod tree;

use std::sync::Arc;

use rollup::shape::Shape;
use rollup_circuits::family::Family;
use rollup_circuits::settings::Settings;

use crate::scene::Scene;

fn proverless(inner: usize, outer: usize) -> Family {
    Family::new(Settings::proverless(Shape::new(inner, outer).unwrap()), Arc::new(|_| ()))
}

#[test]
fn random_wallets_over_50_proverless_rollups_agree_with_the_model_and_the_books() {
    let family = proverless(3, 2);
    let mut scene = Scene::new(1, &family);
    for rollup in 1..=60 {
        scene.play(rollup);
        if rollup % 15 == 0 {
            scene.check_rebuilt_wallets();
        }
    }
    scene.tally.show();
    scene.tally.check_everything_happened();
}

#[test]
fn other_shapes_and_seeds_agree_too() {
    for (seed, (inner, outer)) in (10..).zip([(1, 1), (2, 3), (5, 1)]) {
        let family = proverless(inner, outer);
        let mut scene = Scene::new(seed, &family);
        (1..=20).for_each(|rollup| scene.play(rollup));
        scene.check_rebuilt_wallets();
    }
}

/// Part `rollup-random` of `make test-long`.
#[test]
#[ignore = "minutes of proving; run with make test-long"]
fn rollup_random_three_rollups_are_proved_for_real() {
    let family = Family::new(Settings::new(Shape::new(2, 2).unwrap()), Arc::new(|line| println!("{line}")));
    let mut scene = Scene::new(2, &family);
    for rollup in 1..=3 {
        scene.play(rollup);
        println!("rollup {rollup} is proved and verified");
    }
    scene.check_rebuilt_wallets();
    scene.tally.show();
}
