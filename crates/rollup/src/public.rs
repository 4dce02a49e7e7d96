//! The public inputs of inner and outer rollup proofs, and what they must be for a witness.

use plonky2_core::field::types::{Field, PrimeField64};
use serde::{Deserialize, Serialize};

use crate::field::{DIGEST_LIMBS, Digest, F};
use crate::note::{ASSET_BITS, NO_ASSET};
use crate::published;
use crate::shape::{MAX_SLOTS, Shape, subtree_depth};
use crate::state::{DATA_DEPTH, NULLIFIER_DEPTH, ROOTS_DEPTH};
use crate::transaction::{Address, PublicError};
use crate::tree::{fold, subtree_root};
use crate::witness::{FEE_ASSETS, InnerWitness, NullifierLeaf, OuterWitness};

/// Public limbs of an inner rollup.
pub const INNER_LIMBS: usize = 46;
/// Public limbs of an outer rollup.
pub const ROLLUP_LIMBS: usize = 32;

/// The public outputs of an inner rollup, in the order of its limbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InnerPublic {
    /// Its place among the inner rollups.
    pub index: u64,
    /// Id of the rollup that it is part of.
    pub rollup_id: u32,
    /// Data root before it.
    pub old_data_root: Digest,
    /// Data root after it.
    pub new_data_root: Digest,
    /// Data next index before it, not yet aligned.
    pub old_data_next: u64,
    /// Data next index after it: the end of its subtree.
    pub new_data_next: u64,
    /// Nullifier root before it.
    pub old_nullifier_root: Digest,
    /// Nullifier root after it.
    pub new_nullifier_root: Digest,
    /// Nullifier next index before it.
    pub old_nullifier_next: u64,
    /// Nullifier next index after it.
    pub new_nullifier_next: u64,
    /// Root of the roots tree before the rollup.
    pub roots_root: Digest,
    /// Root of the defi tree.
    pub defi_root: Digest,
    /// Assets that fees may be paid in.
    pub fee_assets: [u32; FEE_ASSETS],
    /// Its fees by asset.
    pub fee_sums: [u64; FEE_ASSETS],
    /// `C_i`.
    pub commitment: Digest,
    /// `r`.
    pub challenge: [u64; 2],
    /// `e_i`.
    pub evaluation: [u64; 2],
}

/// The public outputs of a rollup, in the order of its limbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupPublic {
    /// Digest of the state before it.
    pub old_state: Digest,
    /// Digest of the state after it.
    pub new_state: Digest,
    /// Its id.
    pub rollup_id: u32,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// N and M.
    pub shape: Shape,
    /// Assets that fees may be paid in.
    pub fee_assets: [u32; FEE_ASSETS],
    /// Fees by asset.
    pub fee_sums: [u64; FEE_ASSETS],
    /// `C`.
    pub commitment: Digest,
    /// `r`.
    pub challenge: [u64; 2],
    /// `e`.
    pub evaluation: [u64; 2],
}

impl InnerPublic {
    /// What a correct proof of `witness` shows, computed from the witness alone.
    ///
    /// Nothing is checked: a path that does not fit gives a root that nobody has, and numbers that no
    /// rollup has wrap around.
    pub fn expected(witness: &InnerWitness) -> Self {
        let InnerWitness { index, old, slots, subtree_path, fee_assets, challenge } = witness;
        let depth = subtree_depth(slots.len());
        let mut leaves = vec![Digest::ZERO; 2 * slots.len()];
        let mut limbs = Vec::with_capacity(slots.len());
        let mut nullifier = (old.nullifier_root, old.nullifier_next);
        let mut fee_sums = [0; FEE_ASSETS];
        for (slot, leaves) in slots.iter().zip(leaves.chunks_exact_mut(2)) {
            limbs.push(slot.as_ref().map(|slot| slot.public).unwrap_or_default());
            let Some(slot) = slot else { continue };
            leaves.copy_from_slice(&slot.public.commitments);
            for (value, insertion) in slot.public.nullifiers.iter().zip(&slot.insertions) {
                let added = NullifierLeaf { value: *value, ..insertion.low };
                nullifier = (fold(&added.hash(), &insertion.slot_path), nullifier.1.wrapping_add(1));
            }
            if let Some(at) = fee_assets.iter().position(|asset| *asset == slot.public.fee_asset) {
                fee_sums[at] = slot.public.fee.wrapping_add(fee_sums[at]);
            }
        }
        let limbs = published::inner_limbs(slots.len(), &limbs);
        let start = index.wrapping_mul(limbs.len() as u64);
        let (new_data_root, new_data_next) = if slots.iter().any(Option::is_some) {
            (fold(&subtree_root(&leaves, depth), subtree_path), subtree_path.index.wrapping_add(1) << depth)
        } else {
            (old.data_root, old.data_next)
        };
        Self {
            index: *index,
            rollup_id: old.rollup_id,
            old_data_root: old.data_root,
            new_data_root,
            old_data_next: old.data_next,
            new_data_next,
            old_nullifier_root: old.nullifier_root,
            new_nullifier_root: nullifier.0,
            old_nullifier_next: old.nullifier_next,
            new_nullifier_next: nullifier.1,
            roots_root: old.roots_root,
            defi_root: old.defi_root,
            fee_assets: *fee_assets,
            fee_sums,
            commitment: published::inner_commitment(&limbs),
            challenge: *challenge,
            evaluation: published::evaluate(&limbs, start, *challenge),
        }
    }

    /// The 46 limbs in order.
    pub fn limbs(&self) -> [F; INNER_LIMBS] {
        let mut writer = Limbs::default();
        writer.word(self.index).word(self.rollup_id.into());
        writer.digest(&self.old_data_root).digest(&self.new_data_root);
        writer.word(self.old_data_next).word(self.new_data_next);
        writer.digest(&self.old_nullifier_root).digest(&self.new_nullifier_root);
        writer.word(self.old_nullifier_next).word(self.new_nullifier_next);
        writer.digest(&self.roots_root).digest(&self.defi_root);
        writer.words(&self.fee_assets.map(u64::from)).words(&self.fee_sums);
        writer.digest(&self.commitment).words(&self.challenge).words(&self.evaluation);
        writer.0.try_into().expect("the fields have 46 limbs")
    }

    /// Reads 46 limbs of a proof, refusing numbers that no inner rollup can show.
    pub fn from_limbs(limbs: &[F]) -> Result<Self, PublicError> {
        let mut reader = Fields::new(limbs, INNER_LIMBS)?;
        Ok(Self {
            index: reader.below("inner index", MAX_SLOTS as u64)?,
            rollup_id: reader.below("rollup id", 1 << ROOTS_DEPTH)? as u32,
            old_data_root: reader.digest(),
            new_data_root: reader.digest(),
            old_data_next: reader.below("data next", (1 << DATA_DEPTH) + 1)?,
            new_data_next: reader.below("data next", (1 << DATA_DEPTH) + 1)?,
            old_nullifier_root: reader.digest(),
            new_nullifier_root: reader.digest(),
            old_nullifier_next: reader.below("nullifier next", (1 << NULLIFIER_DEPTH) + 1)?,
            new_nullifier_next: reader.below("nullifier next", (1 << NULLIFIER_DEPTH) + 1)?,
            roots_root: reader.digest(),
            defi_root: reader.digest(),
            fee_assets: reader.fee_assets()?,
            fee_sums: reader.fee_sums()?,
            commitment: reader.digest(),
            challenge: reader.words(),
            evaluation: reader.words(),
        })
    }
}

impl RollupPublic {
    /// What a correct proof over `inners` shows; `inners` are the real ones, at least one.
    ///
    /// Nothing is checked: with no inner rollup the state would only get its next id.
    pub fn expected(witness: &OuterWitness, inners: &[InnerPublic], shape: Shape) -> Self {
        let mut new = witness.old;
        if let Some(last) = inners.last() {
            (new.data_root, new.data_next) = (last.new_data_root, last.new_data_next);
            (new.nullifier_root, new.nullifier_next) = (last.new_nullifier_root, last.new_nullifier_next);
        }
        new.roots_root = fold(&new.data_root, &witness.roots_path);
        new.rollup_id = new.rollup_id.wrapping_add(1);
        let commitments: Vec<Digest> = inners.iter().map(|inner| inner.commitment).collect();
        Self {
            old_state: witness.old.digest(),
            new_state: new.digest(),
            rollup_id: witness.old.rollup_id,
            beneficiary: witness.beneficiary,
            shape,
            fee_assets: witness.fee_assets,
            fee_sums: std::array::from_fn(|asset| {
                inners.iter().fold(0, |sum: u64, inner| sum.wrapping_add(inner.fee_sums[asset]))
            }),
            commitment: published::commitment(shape, &commitments),
            challenge: witness.challenge,
            evaluation: inners.iter().fold([0; 2], |sum, inner| published::add(sum, inner.evaluation)),
        }
    }

    /// The 32 limbs in order.
    pub fn limbs(&self) -> [F; ROLLUP_LIMBS] {
        let mut writer = Limbs::default();
        writer.digest(&self.old_state).digest(&self.new_state).word(self.rollup_id.into());
        writer.words(&self.beneficiary.0.map(u64::from));
        writer.word(self.shape.inner() as u64).word(self.shape.outer() as u64);
        writer.words(&self.fee_assets.map(u64::from)).words(&self.fee_sums);
        writer.digest(&self.commitment).words(&self.challenge).words(&self.evaluation);
        writer.0.try_into().expect("the fields have 32 limbs")
    }

    /// Reads 32 limbs of a proof, refusing numbers that no rollup can show.
    pub fn from_limbs(limbs: &[F]) -> Result<Self, PublicError> {
        let mut reader = Fields::new(limbs, ROLLUP_LIMBS)?;
        Ok(Self {
            old_state: reader.digest(),
            new_state: reader.digest(),
            rollup_id: reader.below("rollup id", 1 << ROOTS_DEPTH)? as u32,
            beneficiary: reader.address()?,
            shape: reader.shape()?,
            fee_assets: reader.fee_assets()?,
            fee_sums: reader.fee_sums()?,
            commitment: reader.digest(),
            challenge: reader.words(),
            evaluation: reader.words(),
        })
    }
}

/// Collects limbs in order.
#[derive(Default)]
struct Limbs(Vec<F>);

impl Limbs {
    fn word(&mut self, word: u64) -> &mut Self {
        self.0.push(F::from_noncanonical_u64(word));
        self
    }

    fn words(&mut self, words: &[u64]) -> &mut Self {
        words.iter().fold(self, |writer, word| writer.word(*word))
    }

    fn digest(&mut self, digest: &Digest) -> &mut Self {
        self.0.extend(digest.0);
        self
    }
}

/// Takes limbs in order; the length was checked at the start.
struct Fields<'a>(std::slice::Iter<'a, F>);

impl<'a> Fields<'a> {
    fn new(limbs: &'a [F], expected: usize) -> Result<Self, PublicError> {
        match limbs.len() {
            found if found == expected => Ok(Self(limbs.iter())),
            found => Err(PublicError::Length { expected, found }),
        }
    }

    fn limb(&mut self) -> F {
        *self.0.next().expect("the length was checked against the fields")
    }

    fn below(&mut self, field: &'static str, limit: u64) -> Result<u64, PublicError> {
        let value = self.limb().to_canonical_u64();
        let bits = (limit - 1).checked_ilog2().unwrap_or(0) as usize + 1;
        if value < limit { Ok(value) } else { Err(PublicError::TooWide { field, value, bits }) }
    }

    fn words(&mut self) -> [u64; 2] {
        std::array::from_fn(|_| self.limb().to_canonical_u64())
    }

    fn digest(&mut self) -> Digest {
        let limbs: [F; DIGEST_LIMBS] = std::array::from_fn(|_| self.limb());
        Digest(limbs)
    }

    fn address(&mut self) -> Result<Address, PublicError> {
        let mut out = Address::default();
        for word in &mut out.0 {
            *word = self.below("beneficiary word", 1 << 32)? as u32;
        }
        Ok(out)
    }

    fn shape(&mut self) -> Result<Shape, PublicError> {
        let inner = self.below("N", MAX_SLOTS as u64 + 1)?;
        let outer = self.below("M", MAX_SLOTS as u64 + 1)?;
        let too_wide = PublicError::TooWide { field: "N·M", value: inner * outer, bits: 14 };
        Shape::new(inner as usize, outer as usize).map_err(|_| too_wide)
    }

    fn fee_assets(&mut self) -> Result<[u32; FEE_ASSETS], PublicError> {
        let mut out = [NO_ASSET; FEE_ASSETS];
        for asset in &mut out {
            *asset = self.below("fee asset", (1 << ASSET_BITS) + 1)? as u32;
        }
        Ok(out)
    }

    fn fee_sums(&mut self) -> Result<[u64; FEE_ASSETS], PublicError> {
        let mut out = [0; FEE_ASSETS];
        for sum in &mut out {
            *sum = self.below("fee sum", 1 << 62)?;
        }
        Ok(out)
    }
}
