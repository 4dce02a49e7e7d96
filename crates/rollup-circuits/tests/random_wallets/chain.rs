//! The world of the rollup, beside the model without trees and a world that only follows blocks.

use rollup::block::Block;
use rollup::builder::{Pending, Rejection, RollupPlan};
use rollup::field::Digest;
use rollup::hash::node;
use rollup::model::Model;
use rollup::state::{DATA_DEPTH, Deployment};
use rollup::transaction::Address;
use rollup::tree::empty;
use rollup::wallet::{Membership, ScanSlot, Wallet};
use rollup::witness::MerklePath;
use rollup::world::World;

/// One deployment.
pub(crate) struct Chain {
    pub(crate) world: World,
    follower: World,
    model: Model,
    /// As they were published: in bytes.
    blocks: Vec<Vec<u8>>,
}

impl Membership for Chain {
    fn data_root(&self) -> Digest {
        self.world.state().data_root
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.world.data_path(&self.data_root(), leaf_index)?)
    }
}

impl Chain {
    pub(crate) fn new(contract: Address) -> Self {
        let deployment = Deployment { chain_id: 31_337, contract };
        let world = World::in_memory(deployment).unwrap();
        let model = Model::new(deployment.leaf(), world.state().data_root);
        Self { world, follower: World::in_memory(deployment).unwrap(), model, blocks: Vec::new() }
    }

    /// The model takes what the builder takes, as far as it knows the reasons.
    pub(crate) fn check_verdict(&self, pending: &Pending, verdict: &Result<(), Rejection>) {
        match verdict {
            Ok(()) => assert!(self.model.accepts(&pending.public), "the model refuses {:?}", pending.public),
            Err(Rejection::UnknownDataRoot(_) | Rejection::NullifierSpent(_)) => {
                assert!(!self.model.accepts(&pending.public), "the model takes {:?}", pending.public);
            }
            Err(_) => (),
        }
    }

    /// Goes on to the state after the rollup, which model and follower must reach too.
    pub(crate) fn take(&mut self, plan: RollupPlan) {
        let bytes = plan.block.encode();
        let block = Block::decode(&bytes).unwrap();
        assert_eq!(block, plan.block);
        block.check(&plan.public).unwrap();
        assert_eq!(self.follower.apply_block(&block).unwrap(), plan.new_state);
        self.follower.commit().unwrap();

        let known = self.model.leaves.len();
        self.model.apply(block.header().shape, &block.slots(), plan.new_state.data_root);
        self.world = plan.world;
        self.world.commit().unwrap();
        self.blocks.push(bytes);

        let state = *self.world.state();
        assert_eq!(state, plan.new_state);
        assert_eq!(state.rollup_id as usize, self.model.rollup_id());
        assert_eq!((state.data_next, state.nullifier_next), (self.model.data_next, self.model.nullifier_next()));
        assert!(self.model.leaves.len() >= known);
        assert_eq!(state.data_root, plain_root(&self.model));
        for (index, root) in (0..).zip(&self.model.data_roots) {
            assert_eq!(self.world.data_root(index).unwrap(), Some(*root));
        }
        for (index, leaf) in &self.model.leaves {
            assert_eq!(self.world.data_leaf(&state.data_root, *index).unwrap(), *leaf);
        }
        assert!(self.model.nullifiers.iter().all(|nullifier| self.world.is_nullified(nullifier).unwrap()));
    }

    /// What came in minus what went out of an asset.
    pub(crate) fn held(&self, asset: u32) -> i128 {
        self.model.held.get(&asset).copied().unwrap_or(0)
    }

    /// The wallet reads the blocks that it has not seen.
    pub(crate) fn sync(&self, wallet: &mut Wallet) {
        for bytes in &self.blocks[wallet.next_rollup() as usize..] {
            let block = Block::decode(bytes).unwrap();
            let slots = block.transactions().map(|(slot, transaction)| ScanSlot {
                leaf_index: block.leaf_index(slot),
                public: &transaction.public,
                payload: &transaction.payload,
            });
            wallet.scan(block.rollup_id(), block.header().new.data_root, slots).unwrap();
        }
    }
}

/// The data root over the model's leaves, level by level.
fn plain_root(model: &Model) -> Digest {
    let mut row = model.leaves.clone();
    for level in 0..DATA_DEPTH {
        let below = empty(level);
        let at = |index: u64| row.get(&index).copied().unwrap_or(below);
        row =
            row.keys().map(|index| index / 2).map(|above| (above, node(&at(2 * above), &at(2 * above + 1)))).collect();
    }
    row[&0]
}
