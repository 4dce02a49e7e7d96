//! The block of a rollup: the published bytes, the payloads, and what a reader needs to follow.
//!
//! A block is not trusted: [`Block::check`] compares it with the public inputs of a verified
//! proof, and applying its transactions must lead to its new state.

mod format;

use serde::{Deserialize, Serialize};

pub use format::{MAX_BYTES, VERSION};

use crate::builder::are_fee_assets;
use crate::payload::{self, PayloadError};
use crate::public::RollupPublic;
use crate::published;
use crate::shape::Shape;
use crate::state::State;
use crate::transaction::{Address, ClientPublic, PublicError, TxType, limbs_to_bytes};
use crate::witness::FEE_ASSETS;

/// Most bytes of one transaction's payload.
pub const MAX_PAYLOAD: usize = 1 << 10;

/// Why something is not a block, or not the block of a proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The bytes end early, or a field is out of its range.
    #[error("the block's {0} is cut short or out of range")]
    Field(&'static str),
    /// Not a block at all, or one of another version.
    #[error("this is not a block of format version {VERSION}")]
    Format,
    /// Bytes follow the end.
    #[error("{0} bytes follow the end of the block")]
    Trailing(usize),
    /// The published limbs of a slot are not a transaction's.
    #[error("slot {slot} does not hold a transaction")]
    Slot {
        /// Which slot.
        slot: usize,
        /// What is wrong with it.
        #[source]
        source: PublicError,
    },
    /// An empty slot holds something, or empty slots stand at the end of the list.
    #[error("slot {0} is empty but not written as the format wants it")]
    EmptySlot(usize),
    /// A block has between 1 and N·M slots.
    #[error("a block of {found} slots does not fit its shape of {room}")]
    Slots {
        /// N·M.
        room: usize,
        /// How many there are.
        found: usize,
    },
    /// The rollup ids of the two states do not follow each other.
    #[error("rollup id {new} does not follow {old}")]
    RollupId {
        /// Of the old state.
        old: u32,
        /// Of the new state.
        new: u32,
    },
    /// The list of fee assets is not one.
    #[error("fee assets {0:?} are not a list of distinct assets")]
    FeeAssets([u32; FEE_ASSETS]),
    /// A payload is longer than [`MAX_PAYLOAD`].
    #[error("the payload of slot {slot} has {found} bytes, more than {MAX_PAYLOAD}")]
    PayloadLength {
        /// Which slot.
        slot: usize,
        /// Its length.
        found: usize,
    },
    /// The payload is not the one that the transaction was proved with.
    #[error("the payload of slot {slot} is not that of its transaction")]
    Payload {
        /// Which slot.
        slot: usize,
        /// What is wrong with it.
        #[source]
        source: PayloadError,
    },
    /// The proof is about something else.
    #[error("the block's {0} is not what the proof shows")]
    Mismatch(&'static str),
}

/// What a block says beside its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    /// N and M.
    pub shape: Shape,
    /// The state before; its rollup id is the block's.
    pub old: State,
    /// The state after.
    pub new: State,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Assets that fees were paid in.
    pub fee_assets: [u32; FEE_ASSETS],
    /// Fees by asset.
    pub fee_sums: [u64; FEE_ASSETS],
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTransaction {
    /// The published fields; data root and fee are 0, they are not published.
    pub public: ClientPublic,
    /// The note ciphertexts; empty for account transactions.
    pub payload: Vec<u8>,
}

/// A rollup as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    header: BlockHeader,
    /// Up to the last real transaction, so the last one is there and is real.
    slots: Vec<Option<BlockTransaction>>,
}

impl Block {
    /// A block of `slots` in order. Empty slots at the end are cut off, and what transactions do
    /// not publish is dropped.
    pub fn new(header: BlockHeader, mut slots: Vec<Option<BlockTransaction>>) -> Result<Self, BlockError> {
        let real = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        slots.truncate(real);
        for (slot, transaction) in slots.iter_mut().enumerate() {
            if let Some(transaction) = transaction {
                let public = ClientPublic::from_published(&transaction.public.published())
                    .map_err(|source| BlockError::Slot { slot, source })?;
                transaction.public = public;
            }
        }
        let block = Self { header, slots };
        block.check_form()?;
        Ok(block)
    }

    /// The id of the rollup.
    pub fn rollup_id(&self) -> u32 {
        self.header.old.rollup_id
    }

    /// What the block says beside its transactions.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The real transactions and their slots, in order.
    pub fn transactions(&self) -> impl Iterator<Item = (usize, &BlockTransaction)> {
        self.slots.iter().enumerate().filter_map(|(slot, transaction)| Some((slot, transaction.as_ref()?)))
    }

    /// The published fields slot by slot up to the last real one, as [`crate::world::World::apply`]
    /// takes them.
    pub fn slots(&self) -> Vec<ClientPublic> {
        let public = |slot: &Option<BlockTransaction>| slot.as_ref().map(|slot| slot.public).unwrap_or_default();
        self.slots.iter().map(public).collect()
    }

    /// The index in the data tree of the first of the two leaves of `slot`'s transaction.
    pub fn leaf_index(&self, slot: usize) -> u64 {
        let BlockHeader { shape, old, .. } = &self.header;
        let depth = shape.subtree_depth();
        let before = self.slots.chunks(shape.inner()).take(slot / shape.inner());
        let subtrees = before.filter(|inner| inner.iter().any(Option::is_some)).count() as u64;
        let first = (old.data_next.div_ceil(1 << depth) + subtrees) << depth;
        first + 2 * (slot % shape.inner()) as u64
    }

    /// The published bytes: exactly 8·28·N·M.
    pub fn published_bytes(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.slots().iter().flat_map(|slot| limbs_to_bytes(&slot.published())).collect();
        out.resize(self.header.shape.published_bytes(), 0);
        out
    }

    /// Checks the block against the public inputs of a verified proof, and its payloads.
    pub fn check(&self, public: &RollupPublic) -> Result<(), BlockError> {
        let header = &self.header;
        let opened = published::open(&public.commitment, header.shape, &self.published_bytes());
        let agreements = [
            ("rollup id", self.rollup_id() == public.rollup_id),
            ("shape", header.shape == public.shape),
            ("old state", header.old.digest() == public.old_state),
            ("new state", header.new.digest() == public.new_state),
            ("beneficiary", header.beneficiary == public.beneficiary),
            ("fee assets", header.fee_assets == public.fee_assets),
            ("fee sums", header.fee_sums == public.fee_sums),
            ("published data", opened == Ok((public.challenge, public.evaluation))),
        ];
        if let Some((field, _)) = agreements.iter().find(|(_, agrees)| !agrees) {
            return Err(BlockError::Mismatch(field));
        }
        self.check_payloads()
    }

    /// Checks that each transaction comes with the payload that it was proved with.
    pub fn check_payloads(&self) -> Result<(), BlockError> {
        self.transactions().try_for_each(|(slot, transaction)| {
            payload::check(&transaction.public, &transaction.payload)
                .map_err(|source| BlockError::Payload { slot, source })
        })
    }

    /// What every block keeps to, however it was made.
    fn check_form(&self) -> Result<(), BlockError> {
        let BlockHeader { shape, old, new, fee_assets, .. } = &self.header;
        let (room, found) = (shape.slots(), self.slots.len());
        if found == 0 || found > room {
            return Err(BlockError::Slots { room, found });
        }
        if self.slots[found - 1].is_none() {
            return Err(BlockError::EmptySlot(found - 1));
        }
        if old.rollup_id.checked_add(1) != Some(new.rollup_id) {
            return Err(BlockError::RollupId { old: old.rollup_id, new: new.rollup_id });
        }
        if !are_fee_assets(fee_assets) {
            return Err(BlockError::FeeAssets(*fee_assets));
        }
        for (slot, transaction) in self.transactions() {
            if transaction.public.tx_type == TxType::Padding {
                return Err(BlockError::EmptySlot(slot));
            }
            if transaction.payload.len() > MAX_PAYLOAD {
                return Err(BlockError::PayloadLength { slot, found: transaction.payload.len() });
            }
        }
        Ok(())
    }
}
