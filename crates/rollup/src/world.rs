//! The world: the four trees and the state over them, committed or forked.

use std::path::Path;
use std::sync::Arc;

use crate::block::Block;
use crate::codec::CHAIN_ID_BITS;
use crate::field::Digest;
use crate::shape::Shape;
use crate::state::{DATA_DEPTH, DEFI_DEPTH, Deployment, ROOTS_DEPTH, State};
use crate::transaction::{ClientPublic, TxType};
use crate::tree::merkle::{add_subtree, replace};
use crate::tree::nullifier::Growing;
use crate::tree::{self, DiskStore, MemoryStore, NodeStore, Overlay, TreeError, empty};
use crate::witness::{MerklePath, NullifierInsertion};

/// Why a world could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A tree or its store.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store was made for another contract.
    #[error(
        "the store belongs to the deployment {} on chain {}, not to {} on chain {}; choose another path or the matching deployment",
        contract(.found), .found.chain_id, contract(.wanted), .wanted.chain_id
    )]
    OtherDeployment {
        /// Whose store it is.
        found: Deployment,
        /// What was asked for.
        wanted: Deployment,
    },
    /// The chain id does not fit.
    #[error("chain id {0} is not below 2^53")]
    ChainId(u64),
    /// No rollup left this data root.
    #[error("{0} is not the data root of any rollup so far")]
    UnknownDataRoot(Digest),
    /// More slots than the shape has.
    #[error("{found} slots do not fit into a rollup of {room}")]
    TooManySlots {
        /// N·M.
        room: usize,
        /// How many there are.
        found: usize,
    },
    /// Nothing to do.
    #[error("a rollup needs at least one transaction")]
    NoTransaction,
    /// The block is of another rollup than the one that comes next here, or lies about itself.
    #[error("block {rollup_id} does not fit here: its {field} differs")]
    OtherBlock {
        /// Whose rollup it is, by its own word.
        rollup_id: u32,
        /// What differs.
        field: &'static str,
    },
    /// The roots tree has no leaf left.
    #[error("rollup {0} is the last one that the roots tree has room for")]
    LastRollup(u32),
}

/// The trees and the state that the next rollup builds on.
///
/// What [`World::apply`] adds is seen by this world only; [`World::commit`] writes it to the store.
/// Forks share what is uncommitted and then go their own way. Each uncommitted rollup makes reads
/// slower, so commit as soon as a rollup is sure.
#[derive(Debug)]
pub struct World {
    deployment: Deployment,
    state: State,
    overlay: Overlay,
}

/// What one inner rollup did, for its witness.
#[derive(Debug)]
pub(crate) struct InnerTrace {
    pub(crate) old: State,
    pub(crate) insertions: Vec<Option<[NullifierInsertion; 2]>>,
    pub(crate) subtree_path: MerklePath,
}

impl World {
    /// A new world in memory, at genesis.
    pub fn in_memory(deployment: Deployment) -> Result<Self, WorldError> {
        Self::with_store(Arc::new(MemoryStore::default()), deployment)
    }

    /// The world stored in the file at `path`; a new file starts at genesis.
    pub fn open(path: &Path, deployment: Deployment) -> Result<Self, WorldError> {
        Self::with_store(Arc::new(DiskStore::open(path)?), deployment)
    }

    /// The world of `store`; an empty store starts at genesis.
    pub fn with_store(store: Arc<dyn NodeStore>, deployment: Deployment) -> Result<Self, WorldError> {
        if deployment.chain_id >> CHAIN_ID_BITS != 0 {
            return Err(WorldError::ChainId(deployment.chain_id));
        }
        match store.committed()? {
            None => Self::genesis(store, deployment),
            Some(found) if found.deployment != deployment => {
                Err(WorldError::OtherDeployment { found: found.deployment, wanted: deployment })
            }
            Some(found) => Ok(Self { deployment, state: found.state, overlay: Overlay::new(store, Some(found.state)) }),
        }
    }

    fn genesis(store: Arc<dyn NodeStore>, deployment: Deployment) -> Result<Self, WorldError> {
        let mut nodes = Overlay::new(store, None);
        let (data_root, _) = replace(&mut nodes, &empty(DATA_DEPTH), DATA_DEPTH, 0, 0, deployment.leaf())?;
        let (roots_root, _) = replace(&mut nodes, &empty(ROOTS_DEPTH), ROOTS_DEPTH, 0, 0, data_root)?;
        nodes.add_data_root(data_root, 0);
        let nullifiers = Growing::genesis(&mut nodes)?;
        let state = State {
            rollup_id: 0,
            data_root,
            data_next: 1,
            nullifier_root: nullifiers.root,
            nullifier_next: nullifiers.next,
            roots_root,
            defi_root: empty(DEFI_DEPTH),
        };
        nodes.seal(&state);
        let mut world = Self { deployment, state, overlay: nodes };
        world.commit()?;
        Ok(world)
    }

    /// A world that starts as this one is now; what it does is not seen here, nor the reverse.
    pub fn fork(&self) -> Self {
        Self { deployment: self.deployment, state: self.state, overlay: self.overlay.clone() }
    }

    /// The world as its store holds it now, without what is uncommitted here.
    pub fn committed(&self) -> Result<Self, WorldError> {
        Self::with_store(Arc::clone(self.overlay.store()), self.deployment)
    }

    /// Whose rollup it is.
    pub fn deployment(&self) -> Deployment {
        self.deployment
    }

    /// The state that the next rollup builds on.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The nodes of all four trees.
    pub fn nodes(&self) -> &Overlay {
        &self.overlay
    }

    /// Applies a rollup's published transactions, slot by slot in the given shape; padding and
    /// missing slots are empty. Nothing changes on an error.
    pub fn apply(&mut self, shape: Shape, slots: &[ClientPublic]) -> Result<State, WorldError> {
        let before = self.state;
        let applied = self.apply_unguarded(shape, slots);
        if applied.is_err() {
            self.state = before;
            self.overlay.discard();
        }
        applied
    }

    fn apply_unguarded(&mut self, shape: Shape, slots: &[ClientPublic]) -> Result<State, WorldError> {
        if slots.len() > shape.slots() {
            return Err(WorldError::TooManySlots { room: shape.slots(), found: slots.len() });
        }
        if slots.iter().all(|slot| slot.tx_type == TxType::Padding) {
            return Err(WorldError::NoTransaction);
        }
        for inner in slots.chunks(shape.inner()) {
            if inner.iter().any(|slot| slot.tx_type != TxType::Padding) {
                self.append_inner(shape, inner)?;
            }
        }
        self.finish_rollup()?;
        Ok(self.state)
    }

    /// Applies a block that comes next here: its old state must be that of this world, which
    /// only the same deployment has, and its transactions must lead to its new state. Nothing changes on an error.
    ///
    /// This follows a block; that the block was proved is for [`Block::check`] to say.
    pub fn apply_block(&mut self, block: &Block) -> Result<State, WorldError> {
        let header = block.header();
        let other = |field| WorldError::OtherBlock { rollup_id: block.rollup_id(), field };
        if header.old != self.state {
            return Err(other("old state"));
        }
        let mut fork = self.fork();
        if fork.apply(header.shape, &block.slots())? != header.new {
            return Err(other("new state"));
        }
        *self = fork;
        Ok(self.state)
    }

    /// Writes what is uncommitted; [`TreeError::Stale`] if the store went another way meanwhile.
    pub fn commit(&mut self) -> Result<(), WorldError> {
        Ok(self.overlay.commit(self.deployment, self.state)?)
    }

    /// The data leaf at `index` under a current or old data root.
    pub fn data_leaf(&self, root: &Digest, index: u64) -> Result<Digest, WorldError> {
        Ok(tree::leaf(&self.overlay, root, DATA_DEPTH, index)?)
    }

    /// The path of the data leaf at `index` under a current or old data root.
    pub fn data_path(&self, root: &Digest, index: u64) -> Result<MerklePath, WorldError> {
        Ok(tree::path(&self.overlay, root, DATA_DEPTH, 0, index)?)
    }

    /// The data root at `index` of the roots tree: 0 is genesis, k the root after k rollups.
    pub fn data_root(&self, index: u32) -> Result<Option<Digest>, WorldError> {
        if index > self.state.rollup_id {
            return Ok(None);
        }
        Ok(Some(tree::leaf(&self.overlay, &self.state.roots_root, ROOTS_DEPTH, index.into())?))
    }

    /// Where a data root stands in the roots tree, if a rollup left it.
    pub fn data_root_index(&self, root: &Digest) -> Result<Option<u64>, WorldError> {
        Ok(self.overlay.data_root_index(root)?)
    }

    /// The path of a data root under the current roots root.
    pub fn root_path(&self, root: &Digest) -> Result<MerklePath, WorldError> {
        let index = self.data_root_index(root)?.ok_or(WorldError::UnknownDataRoot(*root))?;
        Ok(tree::path(&self.overlay, &self.state.roots_root, ROOTS_DEPTH, 0, index)?)
    }

    /// Whether a nullifier is in the tree; 0 always is.
    pub fn is_nullified(&self, nullifier: &Digest) -> Result<bool, WorldError> {
        Ok(self.overlay.nullifier_at_or_below(nullifier)?.is_some_and(|(found, _)| found == *nullifier))
    }

    /// Appends one inner rollup's subtree and nullifiers; at least one slot is real.
    pub(crate) fn append_inner(&mut self, shape: Shape, slots: &[ClientPublic]) -> Result<InnerTrace, WorldError> {
        let old = self.state;
        let nodes = &mut self.overlay;
        let depth = shape.subtree_depth();
        let subtree = old.data_next.div_ceil(1 << depth);
        if subtree >> (DATA_DEPTH - depth) != 0 {
            return Err(TreeError::Full(DATA_DEPTH).into());
        }
        let is_real = |slot: &&ClientPublic| slot.tx_type != TxType::Padding;
        let commitments =
            |slot: &ClientPublic| Some(slot).filter(is_real).map_or([Digest::ZERO; 2], |slot| slot.commitments);
        let leaves: Vec<Digest> = slots.iter().flat_map(commitments).collect();
        let added = add_subtree(nodes, &leaves, depth);
        let (data_root, subtree_path) = replace(nodes, &old.data_root, DATA_DEPTH, depth, subtree, added)?;

        let mut nullifiers = Growing { root: old.nullifier_root, next: old.nullifier_next };
        let mut insertions = Vec::with_capacity(slots.len());
        for slot in slots {
            insertions.push(match slot.tx_type {
                TxType::Padding => None,
                _ => {
                    let [first, second] = slot.nullifiers;
                    Some([nullifiers.insert(nodes, first)?, nullifiers.insert(nodes, second)?])
                }
            });
        }
        self.state = State {
            data_root,
            data_next: (subtree + 1) << depth,
            nullifier_root: nullifiers.root,
            nullifier_next: nullifiers.next,
            ..old
        };
        Ok(InnerTrace { old, insertions, subtree_path })
    }

    /// Notes the new data root in the roots tree and moves on to the next rollup id; gives the path
    /// of the leaf that was empty.
    pub(crate) fn finish_rollup(&mut self) -> Result<MerklePath, WorldError> {
        let id = self.state.rollup_id;
        if id >= (1 << ROOTS_DEPTH) - 1 {
            return Err(WorldError::LastRollup(id));
        }
        let next = u64::from(id) + 1;
        let nodes = &mut self.overlay;
        let (roots_root, path) = replace(nodes, &self.state.roots_root, ROOTS_DEPTH, 0, next, self.state.data_root)?;
        nodes.add_data_root(self.state.data_root, next);
        self.state = State { rollup_id: id + 1, roots_root, ..self.state };
        self.overlay.seal(&self.state);
        Ok(path)
    }
}

fn contract(deployment: &Deployment) -> String {
    deployment.contract.0.iter().fold(String::from("0x"), |text, word| format!("{text}{word:08x}"))
}
