//! The block format: one encoding for each block, one block for each encoding.

use crate::fixtures::{BENEFICIARY, FEE_ASSETS, rng, shape, transactions, world};
use proptest::prelude::*;
use rollup::block::{Block, BlockError, BlockTransaction, MAX_BYTES, MAX_PAYLOAD};
use rollup::builder::build;
use rollup::field::ORDER;
use rollup::public::RollupPublic;

/// Bytes before the first slot; see the format.
const HEADER: usize = 4 + 8 + 2 * 148 + 20 + 16 + 32 + 4;
const SLOT: usize = 224;

fn planned(seed: u64, inner: usize, outer: usize, count: usize) -> (Block, RollupPublic) {
    let world = world();
    let pending = transactions(&mut rng(seed), world.state().data_root, count.min(inner * outer));
    let plan = build(&world, shape(inner, outer), &pending, FEE_ASSETS, BENEFICIARY).unwrap();
    (plan.block, plan.public)
}

/// A block whose second slot of three is empty.
fn with_hole() -> Block {
    let (block, _) = planned(1, 3, 1, 2);
    let slots: Vec<BlockTransaction> = block.transactions().map(|(_, slot)| slot.clone()).collect();
    let [first, second] = slots.try_into().unwrap();
    Block::new(*block.header(), vec![Some(first), None, Some(second), None]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_block_is_read_as_it_was_written(seed: u64, inner in 1..5usize, outer in 1..4usize, count in 1..9usize) {
        let (block, _) = planned(seed, inner, outer, count);
        let bytes = block.encode();
        prop_assert!(bytes.len() <= MAX_BYTES);
        prop_assert_eq!(Block::decode(&bytes).unwrap(), block);
    }

    #[test]
    fn a_changed_byte_is_refused_or_makes_another_block(at: prop::sample::Index, flip in 1..=255u8) {
        let block = with_hole();
        let mut bytes = block.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Block::decode(&bytes) {
            prop_assert_ne!(&other, &block);
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn noise_never_panics_and_what_it_decodes_to_is_canonical(noise in prop::collection::vec(any::<u8>(), 0..900)) {
        let mut bytes = with_hole().encode();
        bytes.truncate(HEADER);
        bytes.extend(&noise);
        for candidate in [noise, bytes] {
            if let Ok(block) = Block::decode(&candidate) {
                prop_assert_eq!(block.encode(), candidate);
            }
        }
    }
}

#[test]
fn a_block_with_an_empty_slot_between_is_read_as_it_was_written() {
    let block = with_hole();
    assert_eq!(Block::decode(&block.encode()).unwrap(), block);
    assert_eq!(block.transactions().map(|(slot, _)| slot).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(block.slots().len(), 3);
    assert_eq!(block.published_bytes().len(), block.header().shape.published_bytes());
}

#[test]
fn every_shortened_or_lengthened_block_is_refused() {
    let bytes = with_hole().encode();
    for length in 0..bytes.len() {
        assert!(Block::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let longer = [bytes, vec![0]].concat();
    assert_eq!(Block::decode(&longer), Err(BlockError::Trailing(1)));
}

#[test]
fn what_is_not_canonical_is_refused() {
    let block = with_hole();
    let bytes = block.encode();
    let changed = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        Block::decode(&bytes)
    };
    assert_eq!(changed(0, b"X"), Err(BlockError::Format));
    assert_eq!(changed(3, &[2]), Err(BlockError::Format));
    assert_eq!(changed(4, &[0; 4]), Err(BlockError::Field("shape")));
    assert_eq!(changed(4, &[0xff; 8]), Err(BlockError::Field("shape")));
    assert_eq!(changed(12 + 4, &ORDER.to_be_bytes()), Err(BlockError::Field("old state")));
    assert!(matches!(changed(12 + 148, &[0, 0, 0, 5]), Err(BlockError::RollupId { old: 0, new: 5 })));
    assert!(matches!(changed(HEADER - 52, &[0xff; 4]), Err(BlockError::FeeAssets(_))));
    assert_eq!(changed(HEADER - 4, &[0xff; 4]), Err(BlockError::Slots { room: 3, found: u32::MAX as usize }));
    assert_eq!(changed(HEADER + 8, &ORDER.to_be_bytes()), Err(BlockError::Field("published limbs")));
    assert!(matches!(changed(HEADER, &9u64.to_be_bytes()), Err(BlockError::Slot { slot: 0, .. })));
    // Type 0 with anything else set is no empty slot.
    assert_eq!(changed(HEADER, &[0; 8]), Err(BlockError::EmptySlot(0)));
    assert!(matches!(changed(HEADER + SLOT, &[0xff; 2]), Err(BlockError::PayloadLength { slot: 0, .. })));
}

#[test]
fn an_empty_slot_at_the_end_is_not_canonical() {
    let block = with_hole();
    let mut bytes = block.encode();
    let last = block.transactions().last().unwrap().1.payload.len();
    bytes.truncate(bytes.len() - SLOT - 2 - last);
    bytes.extend([0; SLOT]);
    assert_eq!(Block::decode(&bytes), Err(BlockError::EmptySlot(2)));
}

#[test]
fn a_payload_has_a_limit() {
    let (block, _) = planned(1, 1, 1, 1);
    let mut slot = block.transactions().next().unwrap().1.clone();
    slot.payload = vec![0; MAX_PAYLOAD + 1];
    let refused = Block::new(*block.header(), vec![Some(slot.clone())]);
    assert_eq!(refused, Err(BlockError::PayloadLength { slot: 0, found: MAX_PAYLOAD + 1 }));
    slot.payload.truncate(MAX_PAYLOAD);
    let largest = Block::new(*block.header(), vec![Some(slot)]).unwrap();
    assert_eq!(Block::decode(&largest.encode()).unwrap(), largest);
}

#[test]
fn a_proof_of_anything_else_is_refused() {
    let (block, public) = planned(3, 2, 2, 3);
    assert_eq!(block.check(&public), Ok(()));
    let limbs = public.limbs();
    for at in 0..limbs.len() {
        let mut limbs = limbs;
        limbs[at].0 ^= 1;
        let accepted = RollupPublic::from_limbs(&limbs).is_ok_and(|other| block.check(&other).is_ok());
        assert!(!accepted, "limb {at}");
    }
    let mut bytes = block.encode();
    bytes[HEADER + 8 + 7] ^= 1;
    let other = Block::decode(&bytes).unwrap();
    assert_eq!(other.check(&public), Err(BlockError::Mismatch("published data")));
}

#[test]
fn a_swapped_payload_is_refused() {
    let (block, public) = planned(3, 4, 2, 8);
    let slots: Vec<_> = block.transactions().map(|(_, slot)| slot.clone()).collect();
    let at = slots.iter().position(|slot| !slot.payload.is_empty()).unwrap();
    let mut swapped = slots.clone();
    swapped[at].payload[0] ^= 1;
    let other = Block::new(*block.header(), swapped.into_iter().map(Some).collect()).unwrap();
    assert!(matches!(other.check(&public), Err(BlockError::Payload { slot, .. }) if slot == at));
}
