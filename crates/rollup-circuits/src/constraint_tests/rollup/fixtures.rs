//! Honest rollups to forge from: a real world, real plans, and random transactions without proofs.

use plonky2::field::types::{Field, PrimeField64};
use rollup::builder::{Pending, RollupPlan, build};
use rollup::field::Digest;
use rollup::hash::{Tag, hash};
use rollup::note::NO_ASSET;
use rollup::payload::Payload;
use rollup::shape::Shape;
use rollup::state::Deployment;
use rollup::transaction::{Address, ClientPublic, TxType, layout};
use rollup::world::World;

use super::indexed::Indexed;
use crate::inner::values::{InnerValues, SlotValues};
use crate::outer::OuterValues;
use crate::plonk::F;
use crate::recursion::ChildProof;

/// Where each field starts among the public limbs of an inner rollup.
pub(super) mod at {
    pub(in super::super) const INDEX: usize = 0;
    pub(in super::super) const ROLLUP_ID: usize = 1;
    pub(in super::super) const OLD_DATA_ROOT: usize = 2;
    pub(in super::super) const NEW_DATA_ROOT: usize = 6;
    pub(in super::super) const OLD_DATA_NEXT: usize = 10;
    pub(in super::super) const NEW_DATA_NEXT: usize = 11;
    pub(in super::super) const OLD_NULLIFIER_ROOT: usize = 12;
    pub(in super::super) const NEW_NULLIFIER_ROOT: usize = 16;
    pub(in super::super) const OLD_NULLIFIER_NEXT: usize = 20;
    pub(in super::super) const NEW_NULLIFIER_NEXT: usize = 21;
    pub(in super::super) const ROOTS_ROOT: usize = 22;
    pub(in super::super) const DEFI_ROOT: usize = 26;
    pub(in super::super) const FEE_ASSETS: usize = 30;
    pub(in super::super) const FEE_SUMS: usize = 34;
    pub(in super::super) const COMMITMENT: usize = 38;
    pub(in super::super) const CHALLENGE: usize = 42;
    pub(in super::super) const EVALUATION: usize = 44;
}

/// Asset 7 and ether are taken, two places are free.
pub(super) const FEE_ASSETS: [u32; 4] = [0, 7, NO_ASSET, NO_ASSET];

/// Four limbs that look random.
pub(super) fn digest(seed: u64) -> Digest {
    hash(Tag::Dummy, &[seed, 0, 0, 0].map(F::from_canonical_u64))
}

/// A nullifier whose first limb is in 2^40 … 2^41: it has room below and above.
pub(super) fn nullifier(seed: u64) -> Digest {
    let mut out = digest(seed);
    out.0[0] = F::from_canonical_u64(1 << 40 | out.0[0].to_canonical_u64() >> 24);
    out
}

/// Two fresh nullifiers.
pub(super) fn pair(seed: u64) -> [Digest; 2] {
    [nullifier(2 * seed), nullifier(2 * seed + 1)]
}

/// A transaction that any rollup after `data_root` takes: sends and withdrawals in turn, with fees in
/// one asset and the other.
pub(super) fn transaction(seed: u64, data_root: Digest, nullifiers: [Digest; 2]) -> Pending {
    let payload: Vec<u8> = (0..Payload::LEN).map(|byte| (byte as u64 * 31 + seed) as u8).collect();
    let withdraws = seed.is_multiple_of(2);
    let public = ClientPublic {
        tx_type: if withdraws { TxType::Withdraw } else { TxType::Send },
        commitments: [digest(1_000 + seed), digest(2_000 + seed)],
        nullifiers,
        public_amount: if withdraws { 50_000 + seed } else { 0 },
        public_owner: if withdraws { Address([seed as u32 + 1; 5]) } else { Address::default() },
        public_asset: if withdraws { 7 } else { 0 },
        payload_digest: Payload::decode(&payload).unwrap().digest(),
        data_root,
        fee: 300 + seed,
        fee_asset: FEE_ASSETS[seed as usize % 2],
    };
    Pending { public, payload }
}

/// A deployment by its chain.
pub(super) fn deployment(chain_id: u64) -> Deployment {
    Deployment { chain_id, contract: Address([1, 2, 3, 4, 5]) }
}

/// A rollup that is about to be proved, with id 1 or more.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) shape: Shape,
    /// Before the rollup.
    pub(super) world: World,
    /// Every nullifier of earlier rollups, in order.
    pub(super) past: Vec<Digest>,
    pub(super) plan: RollupPlan,
}

impl Scenario {
    /// N × M slots, of which `count` are taken, after one rollup that left the nullifiers `past`.
    pub(super) fn new(inner: usize, outer: usize, count: u64, past: &[[Digest; 2]]) -> Self {
        let shape = Shape::new(inner, outer).unwrap();
        let world = World::in_memory(deployment(31_337)).unwrap();
        let genesis = world.state().data_root;
        let beneficiary = Address([9, 8, 7, 6, 5]);
        let before: Vec<Pending> =
            (0..).zip(past).map(|(seed, nullifiers)| transaction(seed, genesis, *nullifiers)).collect();
        let mut world = build(&world, shape, &before, FEE_ASSETS, beneficiary).unwrap().world;
        world.commit().unwrap();
        let roots = [genesis, world.state().data_root];
        let now: Vec<Pending> =
            (0..count).map(|slot| transaction(10 + slot, roots[slot as usize % 2], pair(100 + slot))).collect();
        let plan = build(&world, shape, &now, FEE_ASSETS, beneficiary).unwrap();
        Self { shape, world, past: past.concat(), plan }
    }

    /// The usual one: 2 × 2 slots and the last of them empty.
    pub(super) fn usual() -> Self {
        Self::new(2, 2, 3, &[pair(1), pair(2), pair(3)])
    }

    /// The nullifiers that are in the tree when inner `index` starts, in order.
    pub(super) fn nullifiers_before(&self, index: usize) -> Vec<Digest> {
        let earlier = self.plan.inners[..index].iter().flat_map(|inner| inner.slots.iter().flatten());
        self.past.iter().copied().chain(earlier.flat_map(|slot| slot.public.nullifiers)).collect()
    }

    /// An inner rollup of it.
    pub(super) fn inner(&self, index: usize) -> InnerCase {
        let witness = &self.plan.inners[index];
        let limbs = |slot: &Option<_>| slot.as_ref().map_or(ClientPublic::default(), slot_public).limbs().to_vec();
        let children = witness.slots.iter().map(|slot| ChildProof::Mock(limbs(slot))).collect();
        let public = self.plan.inner_publics[index].limbs().to_vec();
        InnerCase {
            values: InnerValues::of(witness, public, children),
            nullifiers: Indexed::of(&self.nullifiers_before(index)),
        }
    }

    /// The outer rollup of it.
    pub(super) fn outer(&self) -> OuterValues {
        let plan = &self.plan;
        let children = plan.inner_publics.iter().map(|public| ChildProof::Mock(public.limbs().to_vec()));
        let public = plan.public.limbs().to_vec();
        let inners = self.shape.outer();
        OuterValues::of(&plan.outer, plan.new_state.roots_root, public, children.collect(), inners).unwrap()
    }
}

fn slot_public(slot: &rollup::witness::SlotWitness) -> ClientPublic {
    slot.public
}

/// An inner rollup to forge.
#[derive(Debug, Clone)]
pub(super) struct InnerCase {
    pub(super) values: InnerValues,
    /// The nullifier tree before it.
    pub(super) nullifiers: Indexed,
}

impl InnerCase {
    /// The last real slot.
    pub(super) fn last(&mut self) -> &mut SlotValues {
        self.values.slots.iter_mut().rfind(|slot| slot.real == F::ONE).expect("a slot is real")
    }

    /// The nullifier tree before the insertion at `position` of the last real slot.
    pub(super) fn before_last(&self, position: usize) -> Indexed {
        let mut tree = self.nullifiers.clone();
        let real = self.values.slots.iter().filter(|slot| slot.real == F::ONE);
        let all: Vec<Digest> = real.flat_map(|slot| [0, 1].map(|position| nullifier_of(slot, position))).collect();
        for value in &all[..all.len() - 2 + position] {
            tree.insert(*value);
        }
        tree
    }
}

/// A client's public limbs.
pub(super) fn limbs(slot: &mut SlotValues) -> &mut Vec<F> {
    mock(&mut slot.child)
}

/// A mock's public limbs.
pub(super) fn mock(child: &mut ChildProof) -> &mut Vec<F> {
    match child {
        ChildProof::Mock(limbs) => limbs,
        ChildProof::Real(_) => unreachable!("the fixtures have mocks only"),
    }
}

/// A slot's nullifier.
pub(super) fn nullifier_of(slot: &SlotValues, position: usize) -> Digest {
    digest_at(slot.child.public_inputs(), layout::NULLIFIERS + 4 * position)
}

/// Four limbs as a digest.
pub(super) fn digest_at(limbs: &[F], at: usize) -> Digest {
    Digest(std::array::from_fn(|limb| limbs[at + limb]))
}

/// Writes a digest.
pub(super) fn put(limbs: &mut [F], at: usize, digest: &Digest) {
    limbs[at..at + 4].copy_from_slice(&digest.0);
}

/// A small number.
pub(super) fn f(value: u64) -> F {
    F::from_canonical_u64(value)
}
