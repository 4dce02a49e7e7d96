//! The circuits that are forged here, and the rollups that forgeries start from.

use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::transaction::layout;

use super::super::{Attempt, Built, Forgery, Subject, build, light};
use super::fixtures::{InnerCase, Scenario, pair};
use super::settle::{settle, settle_outer};
use crate::inner::layout::INNER_PUBLIC;
use crate::inner::values::InnerValues;
use crate::inner::{self, InnerTargets};
use crate::outer::{self, OUTER_PUBLIC, OuterTargets, OuterValues};
use crate::plonk::F;
use crate::recursion::{ChildKey, ChildProof};
use crate::root_verifier::{self, RootTargets, RootValues};
use crate::switches::Switches;

/// Slots of each inner rollup that an outer one is tried with.
const SLOTS: usize = 2;

/// The inner circuit of `N` slots.
pub(super) struct Inner<const N: usize> {
    /// N × 2 slots, the first inner rollup full and the second not.
    pub(super) usual: Scenario,
}

impl<const N: usize> Inner<N> {
    pub(super) fn new() -> Self {
        Self { usual: Scenario::new(N, 2, N as u64 + 1, &[pair(1), pair(2), pair(3)]) }
    }

    /// The first inner rollup: `forge` changes it, then its outputs follow.
    pub(super) fn first(&self, forge: impl FnOnce(&mut InnerCase)) -> Attempt<InnerValues> {
        forged_inner(&self.usual, 0, forge)
    }

    /// The second inner rollup: `forge` changes it, then its outputs follow.
    pub(super) fn second(&self, forge: impl FnOnce(&mut InnerCase)) -> Attempt<InnerValues> {
        forged_inner(&self.usual, 1, forge)
    }

    /// The first inner rollup with a lie in its outputs.
    pub(super) fn lie(&self, forge: impl FnOnce(&mut InnerValues)) -> Attempt<InnerValues> {
        Attempt::on(self.usual.inner(0).values, forge)
    }
}

/// An inner rollup of a scenario: `forge` changes it, then its outputs follow.
pub(super) fn forged_inner(
    scenario: &Scenario,
    index: usize,
    forge: impl FnOnce(&mut InnerCase),
) -> Attempt<InnerValues> {
    let mut case = scenario.inner(index);
    let honest = case.values.clone();
    forge(&mut case);
    settle(&mut case.values);
    Attempt { honest, forged: case.values }
}

impl<const N: usize> Inner<N> {
    fn define(switches: &Switches) -> Built<InnerTargets> {
        build(light(), switches, |cx| inner::define(cx, ChildKey::Mock { public_inputs: layout::TOTAL }, N))
    }
}

impl Subject for Inner<2> {
    const NAME: &'static str = "inner";
    const PROVES: bool = true;
    type Targets = InnerTargets;
    type Values = InnerValues;

    fn build(&self, switches: &Switches) -> Built<InnerTargets> {
        Self::define(switches)
    }

    fn assign(targets: &InnerTargets, pw: &mut PartialWitness<F>, values: &InnerValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &InnerValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        let mut all = super::inner_slots::forgeries();
        all.extend(super::inner_nullifiers::forgeries());
        all.extend(super::inner_order::forgeries());
        all.extend(super::inner_fees::forgeries());
        all.extend(super::inner_subtree::forgeries());
        all.extend(super::inner_subtree::advancing());
        all.extend(super::inner_published::forgeries());
        all
    }
}

/// Three slots need a subtree of eight leaves, so two stay empty.
impl Subject for Inner<3> {
    const NAME: &'static str = "inner-of-3";
    const PROVES: bool = true;
    type Targets = InnerTargets;
    type Values = InnerValues;

    fn build(&self, switches: &Switches) -> Built<InnerTargets> {
        Self::define(switches)
    }

    fn assign(targets: &InnerTargets, pw: &mut PartialWitness<F>, values: &InnerValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &InnerValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        let mut all = super::inner_subtree::forgeries();
        all.push(super::inner_subtree::filler());
        all
    }
}

/// The outer circuit of `M` inner rollups of two slots.
pub(super) struct Outer<const M: usize> {
    /// Every inner rollup is real, and the last one not full.
    pub(super) usual: Scenario,
    /// The last inner rollup is empty.
    pub(super) shorter: Scenario,
}

impl<const M: usize> Outer<M> {
    pub(super) fn new() -> Self {
        let [usual, shorter] = [1, 2].map(|free| {
            let count = SLOTS * M - free;
            Scenario::new(SLOTS, M, count as u64, &[pair(1)])
        });
        Self { usual, shorter }
    }

    /// The usual outer rollup: `forge` changes it, then its outputs follow.
    pub(super) fn forged(&self, forge: impl FnOnce(&mut OuterValues)) -> Attempt<OuterValues> {
        forged_outer(&self.usual, forge)
    }

    /// The usual outer rollup with a lie in its outputs.
    pub(super) fn lie(&self, forge: impl FnOnce(&mut OuterValues)) -> Attempt<OuterValues> {
        Attempt::on(self.usual.outer(), forge)
    }

    fn define(switches: &Switches) -> Built<OuterTargets> {
        let inner = ChildKey::Mock { public_inputs: INNER_PUBLIC };
        build(light(), switches, |cx| outer::define(cx, inner, SLOTS, M))
    }
}

/// The outer rollup of a scenario: `forge` changes it, then its outputs follow.
pub(super) fn forged_outer(scenario: &Scenario, forge: impl FnOnce(&mut OuterValues)) -> Attempt<OuterValues> {
    Attempt::on(scenario.outer(), |forged| {
        forge(forged);
        settle_outer(forged, true);
    })
}

impl Subject for Outer<2> {
    const NAME: &'static str = "outer";
    const PROVES: bool = true;
    type Targets = OuterTargets;
    type Values = OuterValues;

    fn build(&self, switches: &Switches) -> Built<OuterTargets> {
        Self::define(switches)
    }

    fn assign(targets: &OuterTargets, pw: &mut PartialWitness<F>, values: &OuterValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &OuterValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        let mut all = super::outer::forgeries();
        all.extend(super::outer_state::forgeries());
        all
    }
}

/// A gap between real inner rollups takes three of them.
impl Subject for Outer<3> {
    const NAME: &'static str = "outer-of-3";
    const PROVES: bool = true;
    type Targets = OuterTargets;
    type Values = OuterValues;

    fn build(&self, switches: &Switches) -> Built<OuterTargets> {
        Self::define(switches)
    }

    fn assign(targets: &OuterTargets, pw: &mut PartialWitness<F>, values: &OuterValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &OuterValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        vec![super::outer::gap()]
    }
}

/// The root verifier. Its one constraint beside the verification ties wires that are all set from
/// outside, so a mock would leave them free: the child is a real proof, of a circuit that shows any 32
/// limbs.
pub(super) struct Root {
    child: Built<Vec<Target>>,
    pub(super) honest: RootValues,
}

impl Root {
    pub(super) fn new() -> Self {
        let child = build(light(), &Switches::default(), |cx| {
            let limbs = cx.b.add_virtual_targets(OUTER_PUBLIC);
            cx.b.register_public_inputs(&limbs);
            limbs
        });
        let public = Scenario::usual().plan.public.limbs().to_vec();
        let mut witness = PartialWitness::new();
        witness.set_target_arr(&child.targets, &public).expect("no limb is set twice");
        let proof = child.data.prove(witness).expect("any limbs will do");
        Self { child, honest: RootValues { public, child: ChildProof::Real(Box::new(proof)) } }
    }
}

impl Subject for Root {
    const NAME: &'static str = "root-verifier";
    const PROVES: bool = true;
    type Targets = RootTargets;
    type Values = RootValues;

    fn build(&self, switches: &Switches) -> Built<RootTargets> {
        let key = self.child.data.verifier_data();
        build(light(), switches, |cx| root_verifier::define(cx, ChildKey::Real(&key)))
    }

    fn assign(targets: &RootTargets, pw: &mut PartialWitness<F>, values: &RootValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &RootValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        super::root::forgeries()
    }
}
