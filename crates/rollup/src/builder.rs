//! Plans a rollup: from pending transactions to every witness, the block and the state after it.
//!
//! Planning works on a fork of the world. Nothing is proved and nothing is committed here: the
//! plan carries the fork, to be committed once its proof exists, or dropped.

mod screen;

pub(crate) use screen::are_fee_assets;
pub use screen::{Rejection, check_fee_assets, screen};

use crate::block::{Block, BlockError, BlockHeader, BlockTransaction};
use crate::note::NO_ASSET;
use crate::public::{InnerPublic, RollupPublic};
use crate::published::Published;
use crate::shape::Shape;
use crate::state::State;
use crate::transaction::{Address, ClientPublic, PublicError};
use crate::witness::{FEE_ASSETS, InnerWitness, OuterWitness, SlotWitness};
use crate::world::{InnerTrace, World, WorldError};

/// Why a rollup could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// One transaction cannot be part of it.
    #[error("transaction {position} of the list is refused")]
    Rejected {
        /// Its place in the list.
        position: usize,
        /// Why.
        #[source]
        rejection: Rejection,
    },
    /// Nothing to roll up.
    #[error("a rollup needs at least one transaction")]
    Empty,
    /// More than N·M.
    #[error("{found} transactions do not fit into a rollup of {room}")]
    TooMany {
        /// N·M.
        room: usize,
        /// How many there are.
        found: usize,
    },
    /// The list of fee assets is not one.
    #[error("fee assets {0:?} must be distinct ids below 2^30, unused places last and {NO_ASSET}")]
    FeeAssets([u32; FEE_ASSETS]),
    /// The world could not take it.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The transactions do not fit into what is published.
    #[error(transparent)]
    Public(#[from] PublicError),
    /// The transactions do not make a block.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// A transaction that waits for a rollup; its proof is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The public fields of its proof.
    pub public: ClientPublic,
    /// The note ciphertexts; empty for account transactions.
    pub payload: Vec<u8>,
}

/// Everything that proving and publishing a rollup takes.
#[derive(Debug)]
pub struct RollupPlan {
    /// Witnesses of the real inner rollups, in order.
    pub inners: Vec<InnerWitness>,
    /// Witness of the outer rollup.
    pub outer: OuterWitness,
    /// The public inputs that each inner proof must show.
    pub inner_publics: Vec<InnerPublic>,
    /// The public inputs that the outer proof must show.
    pub public: RollupPublic,
    /// The bytes to publish and what follows from them.
    pub published: Published,
    /// What everybody gets to see.
    pub block: Block,
    /// The state after the rollup.
    pub new_state: State,
    /// A fork of the world with the rollup applied; commit it, or drop it.
    pub world: World,
}

/// Plans a rollup of `pending`, in order, on `world`, which stays as it is.
///
/// Slots are filled in order, so all inner rollups but the last are full. Use [`screen`] first to
/// drop transactions that cannot be part of it: here the first such one is an error.
pub fn build(
    world: &World,
    shape: Shape,
    pending: &[Pending],
    fee_assets: [u32; FEE_ASSETS],
    beneficiary: Address,
) -> Result<RollupPlan, BuildError> {
    check_fee_assets(&fee_assets)?;
    match pending.len() {
        0 => return Err(BuildError::Empty),
        found if found > shape.slots() => return Err(BuildError::TooMany { room: shape.slots(), found }),
        _ => (),
    }
    for (position, verdict) in screen(world, &fee_assets, pending)?.into_iter().enumerate() {
        verdict.map_err(|rejection| BuildError::Rejected { position, rejection })?;
    }

    let slots: Vec<ClientPublic> = pending.iter().map(|pending| pending.public).collect();
    let published = Published::new(shape, &slots)?;
    let old = *world.state();
    let mut fork = world.fork();
    let mut inners = Vec::new();
    for (index, slots) in (0..).zip(slots.chunks(shape.inner())) {
        inners.push(inner_witness(world, &mut fork, shape, index, slots, fee_assets, published.challenge)?);
    }
    let roots_path = fork.finish_rollup()?;
    let new_state = *fork.state();
    let challenge = published.challenge;
    let outer = OuterWitness { old, real: inners.len(), roots_path, beneficiary, fee_assets, challenge };

    let inner_publics: Vec<InnerPublic> = inners.iter().map(InnerPublic::expected).collect();
    let public = RollupPublic::expected(&outer, &inner_publics, shape);
    let header = BlockHeader { shape, old, new: new_state, beneficiary, fee_assets, fee_sums: public.fee_sums };
    let transactions = pending
        .iter()
        .map(|pending| Some(BlockTransaction { public: pending.public, payload: pending.payload.clone() }));
    let block = Block::new(header, transactions.collect())?;
    Ok(RollupPlan { inners, outer, inner_publics, public, published, block, new_state, world: fork })
}

/// Appends one inner rollup to `fork`. Data roots are opened in `world`, the rollup's old state:
/// the roots tree does not move before the rollup ends.
fn inner_witness(
    world: &World,
    fork: &mut World,
    shape: Shape,
    index: u64,
    slots: &[ClientPublic],
    fee_assets: [u32; FEE_ASSETS],
    challenge: [u64; 2],
) -> Result<InnerWitness, BuildError> {
    let InnerTrace { old, insertions, subtree_path } = fork.append_inner(shape, slots)?;
    let mut witnesses = Vec::with_capacity(shape.inner());
    for (public, insertions) in slots.iter().zip(insertions) {
        witnesses.push(match insertions {
            Some(insertions) => {
                Some(SlotWitness { public: *public, root_path: world.root_path(&public.data_root)?, insertions })
            }
            None => None,
        });
    }
    witnesses.resize(shape.inner(), None);
    Ok(InnerWitness { index, old, slots: witnesses, subtree_path, fee_assets, challenge })
}
