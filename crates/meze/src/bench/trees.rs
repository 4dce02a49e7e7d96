//! How fast transactions go into the trees, in memory and on disk.

use std::path::Path;

use anyhow::Result;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rollup::field::Digest;
use rollup::shape::Shape;
use rollup::transaction::{ClientPublic, TxType};
use rollup::world::World;
use serde::Serialize;

use crate::demo::DEPLOYMENT;
use crate::measure::{Cost, measured};

/// How many transactions are applied at once.
pub(super) const TRANSACTIONS: usize = 1_000;

/// One rollup of [`TRANSACTIONS`] transactions, applied and committed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TreeReport {
    /// `memory` or `redb`.
    pub(super) store: &'static str,
    pub(super) transactions: usize,
    /// Applied before, so that the trees are not empty.
    pub(super) before: usize,
    /// The median of the runs.
    pub(super) seconds: f64,
    /// Each run.
    pub(super) runs: Vec<Cost>,
}

/// Applies and commits some rollups to each kind of store.
pub(super) fn run(folder: &Path, repeat: usize) -> Result<Vec<TreeReport>> {
    Ok(vec![
        one("memory", World::in_memory(DEPLOYMENT)?, repeat)?,
        one("redb", World::open(&folder.join("trees"), DEPLOYMENT)?, repeat)?,
    ])
}

fn one(store: &'static str, mut world: World, repeat: usize) -> Result<TreeReport> {
    let shape = Shape::new(25, TRANSACTIONS / 25)?;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut runs = Vec::new();
    // The first one meets empty trees and is not counted.
    for run in 0..=repeat {
        let slots: Vec<ClientPublic> = (0..TRANSACTIONS).map(|_| transaction(&mut rng)).collect();
        let (applied, cost) = measured(|| {
            world.apply(shape, &slots)?;
            world.commit()
        });
        applied?;
        if run > 0 {
            runs.push(cost);
        }
    }
    let mut seconds: Vec<f64> = runs.iter().map(|cost| cost.wall_seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let seconds = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
    Ok(TreeReport { store, transactions: TRANSACTIONS, before: TRANSACTIONS, seconds, runs })
}

/// A transaction with four random digests: to the trees it looks like any other.
fn transaction(rng: &mut ChaCha20Rng) -> ClientPublic {
    ClientPublic {
        tx_type: TxType::Send,
        commitments: [(); 2].map(|()| Digest::random(rng)),
        nullifiers: [(); 2].map(|()| Digest::random(rng)),
        ..ClientPublic::default()
    }
}
