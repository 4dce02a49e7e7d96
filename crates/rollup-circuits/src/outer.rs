//! The outer rollup: M inner proofs chained from the old state to the new one.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::field::Digest;
use rollup::hash::Tag;
use rollup::public::InnerPublic;
use rollup::state::{ROOTS_DEPTH, State};
use rollup::tree;
use rollup::witness::{FEE_ASSETS, MerklePath, OuterWitness};

use crate::client::join_split::inverse;
use crate::gadgets::Cx;
use crate::gadgets::merkle::PathTarget;
use crate::inner::layout::{InnerPublicTarget, NEW_DATA_NEXT, OLD_DATA_NEXT};
use crate::plonk::{DigestTarget, F};
use crate::recursion::{ChildKey, ChildProof, ChildTarget};
use crate::switches::Constraint as Is;

/// Limbs of a rollup's public inputs.
pub(crate) const OUTER_PUBLIC: usize = 32;

/// The fields of a state.
#[derive(Debug, Clone, Copy)]
struct StateTarget {
    rollup_id: Target,
    data_root: DigestTarget,
    data_next: Target,
    nullifier_root: DigestTarget,
    nullifier_next: Target,
    roots_root: DigestTarget,
    defi_root: DigestTarget,
}

/// The public inputs of a rollup, by name; the plain twin is [`rollup::public`].
#[derive(Debug, Clone)]
struct OuterPublicTarget {
    limbs: Vec<Target>,
    old_state: DigestTarget,
    new_state: DigestTarget,
    rollup_id: Target,
    beneficiary: [Target; 5],
    shape: [Target; 2],
    fee_assets: [Target; FEE_ASSETS],
    fee_sums: [Target; FEE_ASSETS],
    commitment: DigestTarget,
    challenge: [Target; 2],
    evaluation: [Target; 2],
}

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct OuterTargets {
    public: OuterPublicTarget,
    children: Vec<ChildTarget>,
    real: Vec<BoolTarget>,
    /// Inverses that prove that each real inner moves the data tree's next index.
    steps: Vec<Target>,
    old: StateTarget,
    new_roots_root: DigestTarget,
    roots_path: PathTarget,
}

/// Defines the circuit for `inners` inner rollups of `slots` slots under the inner key.
pub(crate) fn define(cx: &mut Cx<'_>, inner: ChildKey<'_>, slots: usize, inners: usize) -> OuterTargets {
    let public = OuterPublicTarget::register(cx);
    let old = StateTarget::from_outside(cx);
    cx.equal(Is::O3Index, old.rollup_id, public.rollup_id);
    let opened = old.hash(cx);
    cx.equal_digest(Is::O4OldState, public.old_state, opened);

    let mut running = old;
    let mut sums = [cx.b.zero(); FEE_ASSETS];
    let mut evaluation = [cx.b.zero(); 2];
    let mut commitments = Vec::with_capacity(4 * inners);
    let mut children = Vec::with_capacity(inners);
    let mut real_flags: Vec<BoolTarget> = Vec::with_capacity(inners);
    let mut steps = Vec::with_capacity(inners);
    for index in 0..inners {
        let child = cx.verify_child(inner);
        let real = cx.flag(Is::O1Boolean);
        match real_flags.last() {
            None => {
                let one = cx.b.one();
                cx.equal(Is::O1First, real.target, one);
            }
            Some(before) => {
                let ended = cx.not(before.target);
                cx.zero_if(Is::O1Prefix, ended, real.target);
            }
        }
        let proved = InnerPublicTarget::of_limbs(child.public_inputs());
        agree(cx, &public, &old, &proved, real, index);
        steps.push(advances(cx, &proved, real));
        running = chain(cx, &running, &proved, real);

        let mask = masked(cx, real);
        for (sum, fee) in sums.iter_mut().zip(proved.fee_sums) {
            *sum = cx.b.mul_add(mask, fee, *sum);
        }
        for (sum, part) in evaluation.iter_mut().zip(proved.evaluation) {
            *sum = cx.b.mul_add(mask, part, *sum);
        }
        commitments.extend(proved.commitment.map(|limb| cx.b.mul(mask, limb)));
        children.push(child);
        real_flags.push(real);
    }

    let (new_roots_root, roots_path) = insert_root(cx, &old, running.data_root);
    running.roots_root = new_roots_root;
    let one = cx.b.one();
    running.rollup_id = cx.b.add(old.rollup_id, one);
    let computed = running.hash(cx);
    cx.equal_digest(Is::O4NewState, public.new_state, computed);

    for word in public.beneficiary {
        cx.range(Is::O4Beneficiary, word, 32);
    }
    let shape = [slots, inners].map(|count| cx.constant(count as u64));
    cx.equal_all(Is::O4Shape, &public.shape, &shape);
    cx.equal_all(Is::O2FeeSums, &public.fee_sums, &sums);
    let commitment = cx.hash(Tag::Published, &commitments);
    cx.equal_digest(Is::O4Commitment, public.commitment, commitment);
    cx.equal_all(Is::O4Evaluation, &public.evaluation, &evaluation);
    OuterTargets { public, children, real: real_flags, steps, old, new_roots_root, roots_path }
}

/// What every real inner has in common with the outer.
fn agree(
    cx: &mut Cx<'_>,
    public: &OuterPublicTarget,
    old: &StateTarget,
    proved: &InnerPublicTarget,
    real: BoolTarget,
    index: usize,
) {
    let real = real.target;
    let index = cx.constant(index as u64);
    cx.equal_if(Is::O2RootsRoot, real, &proved.roots_root, &old.roots_root);
    cx.equal_if(Is::O2DefiRoot, real, &proved.defi_root, &old.defi_root);
    cx.equal_if(Is::O2RollupId, real, &[proved.rollup_id], &[old.rollup_id]);
    cx.equal_if(Is::O2FeeAssets, real, &proved.fee_assets, &public.fee_assets);
    cx.equal_if(Is::O2Challenge, real, &proved.challenge, &public.challenge);
    cx.equal_if(Is::O2Index, real, &[proved.index], &[index]);
}

/// A real inner has a real slot: without one it advances nothing. A rollup of empty inners would move
/// the rollup id on with nothing that a block could hold.
fn advances(cx: &mut Cx<'_>, proved: &InnerPublicTarget, real: BoolTarget) -> Target {
    let inverse = cx.b.add_virtual_target();
    let step = cx.b.sub(proved.new_data_next, proved.old_data_next);
    let product = cx.b.mul(step, inverse);
    let rest = cx.not(product);
    cx.zero_if(Is::O1Advances, real.target, rest);
    inverse
}

/// The state after an inner, if it is real.
fn chain(cx: &mut Cx<'_>, running: &StateTarget, proved: &InnerPublicTarget, real: BoolTarget) -> StateTarget {
    let flag = real.target;
    cx.equal_if(Is::O2DataChain, flag, &proved.old_data_root, &running.data_root);
    cx.equal_if(Is::O2DataChain, flag, &[proved.old_data_next], &[running.data_next]);
    cx.equal_if(Is::O2NullifierChain, flag, &proved.old_nullifier_root, &running.nullifier_root);
    cx.equal_if(Is::O2NullifierChain, flag, &[proved.old_nullifier_next], &[running.nullifier_next]);
    StateTarget {
        data_root: cx.select(real, proved.new_data_root, running.data_root),
        data_next: cx.b.select(real, proved.new_data_next, running.data_next),
        nullifier_root: cx.select(real, proved.new_nullifier_root, running.nullifier_root),
        nullifier_next: cx.b.select(real, proved.new_nullifier_next, running.nullifier_next),
        ..*running
    }
}

/// The factor that an inner's outputs count with.
fn masked(cx: &mut Cx<'_>, real: BoolTarget) -> Target {
    if cx.on(Is::O1Masked) { real.target } else { cx.b.one() }
}

/// Writes the new data root at `rollup id + 1` of the roots tree, where the old tree is empty.
fn insert_root(cx: &mut Cx<'_>, old: &StateTarget, data_root: DigestTarget) -> (DigestTarget, PathTarget) {
    let path = cx.path(ROOTS_DEPTH);
    let position = cx.sum_of_bits(&path.bits);
    let one = cx.b.one();
    let next = cx.b.add(old.rollup_id, one);
    // 28 boolean bits: so rollup id + 1 < 2^28 holds with this.
    cx.equal(Is::O3Index, position, next);
    let empty = [cx.b.zero(); 4];
    let root = cx.root(empty, &path);
    cx.equal_digest(Is::O3Empty, root, old.roots_root);
    let new_root = cx.digest();
    let root = cx.root(data_root, &path);
    cx.equal_digest(Is::O3NewRoot, new_root, root);
    (new_root, path)
}

impl StateTarget {
    fn from_outside(cx: &mut Cx<'_>) -> Self {
        Self {
            rollup_id: cx.b.add_virtual_target(),
            data_root: cx.digest(),
            data_next: cx.b.add_virtual_target(),
            nullifier_root: cx.digest(),
            nullifier_next: cx.b.add_virtual_target(),
            roots_root: cx.digest(),
            defi_root: cx.digest(),
        }
    }

    fn limbs(&self) -> Vec<Target> {
        [
            &[self.rollup_id][..],
            &self.data_root,
            &[self.data_next],
            &self.nullifier_root,
            &[self.nullifier_next],
            &self.roots_root,
            &self.defi_root,
        ]
        .concat()
    }

    fn hash(&self, cx: &mut Cx<'_>) -> DigestTarget {
        cx.hash(Tag::State, &self.limbs())
    }
}

impl OuterPublicTarget {
    fn register(cx: &mut Cx<'_>) -> Self {
        let limbs = cx.b.add_virtual_targets(OUTER_PUBLIC);
        cx.b.register_public_inputs(&limbs);
        let mut rest = limbs.iter().copied();
        let mut next = || rest.next().expect("the layout has as many limbs as it names");
        Self {
            limbs: limbs.clone(),
            old_state: std::array::from_fn(|_| next()),
            new_state: std::array::from_fn(|_| next()),
            rollup_id: next(),
            beneficiary: std::array::from_fn(|_| next()),
            shape: std::array::from_fn(|_| next()),
            fee_assets: std::array::from_fn(|_| next()),
            fee_sums: std::array::from_fn(|_| next()),
            commitment: std::array::from_fn(|_| next()),
            challenge: std::array::from_fn(|_| next()),
            evaluation: std::array::from_fn(|_| next()),
        }
    }
}

/// The roots root once the last real inner's data root stands at its leaf.
pub(crate) fn new_roots_root(witness: &OuterWitness, inners: &[InnerPublic]) -> Digest {
    let leaf = inners.last().map_or(witness.old.data_root, |inner| inner.new_data_root);
    tree::fold(&leaf, &witness.roots_path)
}

/// Every value that is set from outside; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct OuterValues {
    pub(crate) public: Vec<F>,
    pub(crate) children: Vec<ChildProof>,
    pub(crate) real: Vec<F>,
    pub(crate) steps: Vec<F>,
    pub(crate) old: State,
    pub(crate) new_roots_root: [F; 4],
    pub(crate) roots_path: MerklePath,
}

impl OuterValues {
    /// The honest values: `public` are the expected outputs, `children` the real inner proofs. Empty
    /// inner slots verify a copy of the first.
    pub(crate) fn of(
        witness: &OuterWitness,
        new_roots_root: Digest,
        public: Vec<F>,
        mut children: Vec<ChildProof>,
        inners: usize,
    ) -> anyhow::Result<Self> {
        let real = children.len();
        anyhow::ensure!(real == witness.real && (1..=inners).contains(&real), "{real} inner proofs for 1 to {inners}");
        let first = children[0].clone();
        children.resize(inners, first);
        Ok(Self {
            public,
            real: (0..inners).map(|index| F::from_bool(index < real)).collect(),
            steps: children.iter().map(|child| step_inverse(child.public_inputs())).collect(),
            old: witness.old,
            new_roots_root: new_roots_root.0,
            roots_path: witness.roots_path.clone(),
            children,
        })
    }
}

/// 1 / (new − old data next) of an inner's public inputs.
fn step_inverse(inner: &[F]) -> F {
    inverse(inner[NEW_DATA_NEXT] - inner[OLD_DATA_NEXT])
}

impl OuterTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &OuterValues) -> anyhow::Result<()> {
        pw.set_target_arr(&self.public.limbs, &values.public)?;
        for ((target, child), (flag, real)) in
            self.children.iter().zip(&values.children).zip(self.real.iter().zip(&values.real))
        {
            target.assign(pw, child)?;
            pw.set_target(flag.target, *real)?;
        }
        pw.set_target_arr(&self.steps, &values.steps)?;
        pw.set_target_arr(&self.old.limbs(), &values.old.limbs())?;
        pw.set_target_arr(&self.new_roots_root, &values.new_roots_root)?;
        self.roots_path.assign(pw, &values.roots_path)
    }
}
