//! The values of an inner rollup that are set from outside; the tests forge these.

use plonky2::field::types::Field;
use rollup::field::Digest;
use rollup::transaction::TxType;
use rollup::witness::{FEE_ASSETS, InnerWitness, MerklePath, SlotWitness};

use crate::client::join_split::{difference_weights, inverse};
use crate::inner::fees::{FeeListValues, select};
use crate::inner::nullifiers::InsertionValues;
use crate::inner::published::{INDEX_BITS, index_bits};
use crate::inner::subtree::SubtreeValues;
use crate::plonk::F;
use crate::recursion::ChildProof;

/// One slot, in values.
#[derive(Debug, Clone)]
pub(crate) struct SlotValues {
    pub(crate) child: ChildProof,
    pub(crate) real: F,
    pub(crate) type_inverse: F,
    pub(crate) root_path: MerklePath,
    pub(crate) root_weights: [F; 4],
    pub(crate) insertions: [InsertionValues; 2],
    pub(crate) selector: [F; FEE_ASSETS],
}

/// A whole inner rollup, in values.
#[derive(Debug, Clone)]
pub(crate) struct InnerValues {
    pub(crate) public: Vec<F>,
    pub(crate) index_bits: [F; INDEX_BITS],
    pub(crate) slots: Vec<SlotValues>,
    pub(crate) fees: FeeListValues,
    pub(crate) subtree: SubtreeValues,
}

impl InnerValues {
    /// The honest values: `public` are the expected outputs, `children` one proof for each slot.
    pub(crate) fn of(witness: &InnerWitness, public: Vec<F>, children: Vec<ChildProof>) -> Self {
        let mut next = witness.old.nullifier_next;
        let slots: Vec<SlotValues> = witness
            .slots
            .iter()
            .zip(children)
            .map(|(slot, child)| {
                let values = SlotValues::of(slot.as_ref(), child, next, &witness.fee_assets);
                // The witness is not trusted: a state that nobody has wraps around and satisfies nothing.
                next = next.wrapping_add(if slot.is_some() { 2 } else { 0 });
                values
            })
            .collect();
        let count = witness.slots.iter().flatten().count();
        Self {
            public,
            index_bits: index_bits(witness.index),
            slots,
            fees: FeeListValues::of(&witness.fee_assets),
            subtree: SubtreeValues::of(&witness.subtree_path, count),
        }
    }
}

impl SlotValues {
    fn of(slot: Option<&SlotWitness>, child: ChildProof, next: u64, fee_assets: &[u32; FEE_ASSETS]) -> Self {
        let Some(slot) = slot else {
            return Self {
                child,
                real: F::ZERO,
                type_inverse: F::ZERO,
                root_path: MerklePath { index: 0, siblings: vec![] },
                root_weights: [F::ZERO; 4],
                insertions: [next, next].map(InsertionValues::empty),
                selector: [F::ZERO; FEE_ASSETS],
            };
        };
        let nullifiers: [Digest; 2] = slot.public.nullifiers;
        Self {
            child,
            real: F::from_bool(slot.public.tx_type != TxType::Padding),
            type_inverse: inverse(F::from_canonical_u8(slot.public.tx_type as u8)),
            root_path: slot.root_path.clone(),
            root_weights: difference_weights(&[slot.public.data_root, Digest::ZERO]),
            insertions: [0, 1].map(|position| {
                InsertionValues::of(
                    &slot.insertions[position],
                    nullifiers[position],
                    next.wrapping_add(position as u64),
                )
            }),
            selector: select(fee_assets, slot.public.fee, slot.public.fee_asset),
        }
    }
}
