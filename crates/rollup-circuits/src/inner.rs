//! The inner rollup: N wrapped client proofs, their nullifiers, fees, commitments, published limbs.

pub(crate) mod fees;
pub(crate) mod layout;
pub(crate) mod nullifiers;
pub(crate) mod published;
pub(crate) mod subtree;
pub(crate) mod values;

use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::state::ROOTS_DEPTH;
use rollup::transaction::layout as public_layout;

use crate::client::PublicTarget;
use crate::gadgets::Cx;
use crate::gadgets::merkle::PathTarget;
use crate::inner::fees::{FeeListTarget, SelectorTarget};
use crate::inner::layout::InnerPublicTarget;
use crate::inner::nullifiers::InsertionTarget;
use crate::inner::published::PublishedTarget;
use crate::inner::subtree::SubtreeTarget;
use crate::inner::values::{InnerValues, SlotValues};
use crate::plonk::{DigestTarget, F};
use crate::recursion::{ChildKey, ChildTarget};
use crate::switches::Constraint as Is;

/// One slot.
#[derive(Debug, Clone)]
struct SlotTarget {
    child: ChildTarget,
    real: Target,
    type_inverse: Target,
    root_path: PathTarget,
    /// Proves that the data root is not 0: `Σ root_k · weights_k = 1`.
    root_weights: DigestTarget,
    insertions: [InsertionTarget; 2],
    selector: SelectorTarget,
}

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct InnerTargets {
    public: InnerPublicTarget,
    slots: Vec<SlotTarget>,
    fees: FeeListTarget,
    subtree: SubtreeTarget,
    published: PublishedTarget,
}

/// Defines the circuit for `slots` transactions under the wrap key.
pub(crate) fn define(cx: &mut Cx<'_>, wrap: ChildKey<'_>, slots: usize) -> InnerTargets {
    let public = InnerPublicTarget::register(cx);
    let fees = fees::define_list(cx, public.fee_assets);
    let mut nullifiers = nullifiers::Chain::start(&public);
    let mut sums = [cx.b.zero(); rollup::witness::FEE_ASSETS];
    let mut slot_targets = Vec::with_capacity(slots);
    let mut reals = Vec::with_capacity(slots);
    let mut limbs = Vec::with_capacity(slots * public_layout::PUBLISHED);
    let mut leaves = Vec::with_capacity(2 * slots);
    for _ in 0..slots {
        let child = cx.verify_child(wrap);
        let transaction = PublicTarget::of_proof(child.public_inputs());
        let (real, type_inverse) = real_flag(cx, transaction.at(public_layout::TX_TYPE));

        let root_path = cx.path(ROOTS_DEPTH);
        let root = cx.root(transaction.digest(public_layout::DATA_ROOT), &root_path);
        cx.equal_if(Is::I2Root, real, &root, &public.roots_root);
        let root_weights = not_empty(cx, real, transaction.digest(public_layout::DATA_ROOT));

        let insertions = std::array::from_fn(|position| nullifiers.insert(cx, real, transaction.nullifier(position)));
        let selector = fees::define_selector(cx, &transaction, real, public.fee_assets, &mut sums);

        limbs.extend_from_slice(transaction.published());
        leaves.extend([transaction.commitment(0), transaction.commitment(1)]);
        reals.push(real);
        slot_targets.push(SlotTarget { child, real, type_inverse, root_path, root_weights, insertions, selector });
    }
    nullifiers.finish(cx, &public);
    for (sum, claimed) in sums.into_iter().zip(public.fee_sums) {
        cx.equal(Is::I4Sum, sum, claimed);
    }
    let subtree = subtree::define(cx, &public, &leaves, &reals);
    let published = published::define(cx, &public, &limbs, slots);
    InnerTargets { public, slots: slot_targets, fees, subtree, published }
}

/// 1 if and only if the type is not 0.
fn real_flag(cx: &mut Cx<'_>, tx_type: Target) -> (Target, Target) {
    let [real, inverse] = cx.b.add_virtual_target_arr();
    let product = cx.b.mul(tx_type, inverse);
    cx.equal(Is::I1Real, real, product);
    let empty = cx.not(real);
    cx.zero_if(Is::I1Real, tx_type, empty);
    (real, inverse)
}

/// A real slot's data root is not the empty leaf, which the roots tree is full of.
fn not_empty(cx: &mut Cx<'_>, real: Target, data_root: DigestTarget) -> DigestTarget {
    let weights = cx.digest();
    let mut sum = cx.b.zero();
    for (limb, weight) in data_root.into_iter().zip(weights) {
        sum = cx.b.mul_add(limb, weight, sum);
    }
    let rest = cx.not(sum);
    cx.zero_if(Is::I2NotEmpty, real, rest);
    weights
}

impl SlotTarget {
    fn assign(&self, pw: &mut PartialWitness<F>, values: &SlotValues) -> anyhow::Result<()> {
        self.child.assign(pw, &values.child)?;
        pw.set_target(self.real, values.real)?;
        pw.set_target(self.type_inverse, values.type_inverse)?;
        self.root_path.assign(pw, &values.root_path)?;
        pw.set_target_arr(&self.root_weights, &values.root_weights)?;
        for (targets, insertion) in self.insertions.iter().zip(&values.insertions) {
            targets.assign(pw, insertion)?;
        }
        self.selector.assign(pw, &values.selector)
    }
}

impl InnerTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &InnerValues) -> anyhow::Result<()> {
        anyhow::ensure!(
            values.slots.len() == self.slots.len(),
            "{} slots where the circuit has {}",
            values.slots.len(),
            self.slots.len()
        );
        pw.set_target_arr(&self.public.limbs, &values.public)?;
        for (targets, slot) in self.slots.iter().zip(&values.slots) {
            targets.assign(pw, slot)?;
        }
        self.fees.assign(pw, &values.fees)?;
        self.subtree.assign(pw, &values.subtree)?;
        self.published.assign(pw, &values.index_bits)
    }
}
