//! The bytes of a block: one encoding for each block, and one block for each encoding.
//!
//! All numbers are big-endian. After `MZB` and the version byte: N and M (4 + 4); old and new state
//! (2 × 148); beneficiary (20); fee assets (4 × 4); fee sums (4 × 8); the number of slots up to the last
//! real one (4); then each slot: its 28 published limbs (224), and if it is not empty the length of its
//! payload (2) and the payload. Every byte of it is bound to the rollup's proof: whose rollup it is, the
//! states say.

use super::{Block, BlockError, BlockHeader, BlockTransaction, MAX_PAYLOAD};
use crate::codec::{Reader, Writer};
use crate::field::LIMB_BYTES;
use crate::note::NO_ASSET;
use crate::shape::{MAX_SLOTS, Shape};
use crate::transaction::{ClientPublic, TxType, layout, limbs_to_bytes};

/// The version of the format.
pub const VERSION: u8 = 1;

const MAGIC: &[u8; 3] = b"MZB";
const SLOT_BYTES: usize = LIMB_BYTES * layout::PUBLISHED;
const HEADER_BYTES: usize = 4 + 8 + 2 * 148 + 20 + 16 + 32 + 4;

/// Bytes of the largest block.
pub const MAX_BYTES: usize = HEADER_BYTES + MAX_SLOTS * (SLOT_BYTES + 2 + MAX_PAYLOAD);

impl Block {
    /// The bytes of the block.
    pub fn encode(&self) -> Vec<u8> {
        let header = &self.header;
        let mut writer = Writer::default();
        writer.bytes(MAGIC);
        writer.bytes(&[VERSION]);
        // Both fit: the shape has at most 2^14 slots, and so has the block.
        writer.u32(header.shape.inner() as u32);
        writer.u32(header.shape.outer() as u32);
        writer.state(&header.old);
        writer.state(&header.new);
        writer.address(&header.beneficiary);
        header.fee_assets.iter().for_each(|asset| writer.u32(*asset));
        header.fee_sums.iter().for_each(|sum| writer.u64(*sum));
        writer.u32(self.slots.len() as u32);
        for slot in &self.slots {
            match slot {
                None => writer.bytes(&[0; SLOT_BYTES]),
                Some(BlockTransaction { public, payload }) => {
                    writer.bytes(&limbs_to_bytes(&public.published()));
                    writer.u16(payload.len() as u16);
                    writer.bytes(payload);
                }
            }
        }
        writer.finish()
    }

    /// Reads a block. What it accepts, [`Block::encode`] gives back byte for byte.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let mut reader = Reader::new(bytes);
        let magic = reader.array::<3>();
        if magic.as_ref() != Some(MAGIC) || reader.array() != Some([VERSION]) {
            return Err(BlockError::Format);
        }
        let header = decode_header(&mut reader)?;
        let room = header.shape.slots();
        let found = reader.u32().ok_or(BlockError::Field("number of slots"))? as usize;
        // Before anything is allocated: the slots must be there.
        if found > room || found > reader.left() / SLOT_BYTES {
            return Err(BlockError::Slots { room, found });
        }
        let slots = (0..found).map(|slot| decode_slot(&mut reader, slot)).collect::<Result<_, _>>()?;
        if !reader.is_done() {
            return Err(BlockError::Trailing(reader.left()));
        }
        let block = Self { header, slots };
        block.check_form()?;
        Ok(block)
    }
}

fn decode_header(reader: &mut Reader<'_>) -> Result<BlockHeader, BlockError> {
    let shape = read_shape(reader).ok_or(BlockError::Field("shape"))?;
    let old = reader.state().ok_or(BlockError::Field("old state"))?;
    let new = reader.state().ok_or(BlockError::Field("new state"))?;
    let beneficiary = reader.address().ok_or(BlockError::Field("beneficiary"))?;
    let mut fee_assets = [NO_ASSET; 4];
    for asset in &mut fee_assets {
        *asset = reader.u32().ok_or(BlockError::Field("fee asset"))?;
    }
    let mut fee_sums = [0; 4];
    for sum in &mut fee_sums {
        *sum = reader.u64().filter(|sum| sum >> 62 == 0).ok_or(BlockError::Field("fee sum"))?;
    }
    Ok(BlockHeader { shape, old, new, beneficiary, fee_assets, fee_sums })
}

fn read_shape(reader: &mut Reader<'_>) -> Option<Shape> {
    let (inner, outer) = (reader.u32()?, reader.u32()?);
    Shape::new(inner as usize, outer as usize).ok()
}

fn decode_slot(reader: &mut Reader<'_>, slot: usize) -> Result<Option<BlockTransaction>, BlockError> {
    let limbs = reader.limbs(layout::PUBLISHED).ok_or(BlockError::Field("published limbs"))?;
    let public = ClientPublic::from_published(&limbs).map_err(|source| BlockError::Slot { slot, source })?;
    if public == ClientPublic::default() {
        return Ok(None);
    }
    if public.tx_type == TxType::Padding {
        return Err(BlockError::EmptySlot(slot));
    }
    let length = usize::from(reader.u16().ok_or(BlockError::Field("payload length"))?);
    if length > MAX_PAYLOAD {
        return Err(BlockError::PayloadLength { slot, found: length });
    }
    let payload = reader.bytes(length).ok_or(BlockError::Field("payload"))?.to_vec();
    Ok(Some(BlockTransaction { public, payload }))
}
