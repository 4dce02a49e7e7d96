//! The reference model: what a rollup does to the state, told without trees and without proofs.
//!
//! It is slow and short on purpose. Tests run it beside the real thing and compare.

use std::collections::{BTreeMap, BTreeSet};

use crate::field::Digest;
use crate::shape::Shape;
use crate::transaction::{ClientPublic, TxType};

/// The state as plain sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Every nullifier so far.
    pub nullifiers: BTreeSet<Digest>,
    /// The data leaves that are not 0, by index.
    pub leaves: BTreeMap<u64, Digest>,
    /// Where the next data subtree starts, before alignment.
    pub data_next: u64,
    /// The data root after each rollup, genesis first. The model takes them as names.
    pub data_roots: Vec<Digest>,
    /// What came in minus what went out, by asset; fees are still inside.
    pub held: BTreeMap<u32, i128>,
}

impl Model {
    /// The state at genesis: the deployment's leaf, and its data root.
    pub fn new(deployment_leaf: Digest, data_root: Digest) -> Self {
        Self {
            nullifiers: BTreeSet::new(),
            leaves: BTreeMap::from([(0, deployment_leaf)]),
            data_next: 1,
            data_roots: vec![data_root],
            held: BTreeMap::new(),
        }
    }

    /// Id of the next rollup.
    pub fn rollup_id(&self) -> usize {
        self.data_roots.len() - 1
    }

    /// Next index of the nullifier tree: its first leaf is nobody's.
    pub fn nullifier_next(&self) -> u64 {
        self.nullifiers.len() as u64 + 1
    }

    /// Whether a transaction could come next: a known root, and two new nullifiers.
    pub fn accepts(&self, transaction: &ClientPublic) -> bool {
        let [first, second] = transaction.nullifiers;
        let fresh = |nullifier: &Digest| !nullifier.is_zero() && !self.nullifiers.contains(nullifier);
        transaction.tx_type != TxType::Padding
            && self.data_roots.contains(&transaction.data_root)
            && fresh(&first)
            && fresh(&second)
            && first != second
    }

    /// Applies a rollup's slots; `data_root` is the name of the new data root.
    pub fn apply(&mut self, shape: Shape, slots: &[ClientPublic], data_root: Digest) {
        for inner in slots.chunks(shape.inner()) {
            if inner.iter().all(|slot| slot.tx_type == TxType::Padding) {
                continue;
            }
            let mut width = 2;
            while width < 2 * shape.inner() as u64 {
                width *= 2;
            }
            while !self.data_next.is_multiple_of(width) {
                self.data_next += 1;
            }
            for (offset, slot) in (0..).step_by(2).zip(inner) {
                self.apply_transaction(self.data_next + offset, slot);
            }
            self.data_next += width;
        }
        self.data_roots.push(data_root);
    }

    fn apply_transaction(&mut self, index: u64, transaction: &ClientPublic) {
        if transaction.tx_type == TxType::Padding {
            return;
        }
        self.nullifiers.extend(transaction.nullifiers);
        let leaves = (index..).zip(transaction.commitments);
        self.leaves.extend(leaves.filter(|(_, commitment)| !commitment.is_zero()));
        let amount = i128::from(transaction.public_amount);
        match transaction.tx_type {
            TxType::Deposit => *self.held.entry(transaction.public_asset).or_default() += amount,
            TxType::Withdraw => *self.held.entry(transaction.public_asset).or_default() -= amount,
            TxType::Padding | TxType::Send | TxType::Account => (),
        }
    }
}
