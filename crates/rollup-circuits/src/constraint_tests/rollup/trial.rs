//! Tries forgeries: with their constraint off they prove, with every constraint on they do not.

use std::collections::BTreeMap;

use plonky2::iop::witness::PartialWitness;
use rollup::transaction::layout;

use crate::check::Checker;
use crate::circuit::Circuit;
use crate::config::{FriChoice, STANDARD};
use crate::gadgets::Cx;
use crate::inner::layout::INNER_PUBLIC;
use crate::inner::values::InnerValues;
use crate::inner::{self, InnerTargets};
use crate::outer::{self, OUTER_PUBLIC, OuterTargets, OuterValues};
use crate::plonk::{Builder, C, F};
use crate::recursion::ChildKey;
use crate::root_verifier::{self, RootTargets, RootValues};
use crate::switches::{Constraint, Switches};

/// Quick to prove with, and without any security; the constraints are the same.
pub(super) const QUICK: FriChoice = FriChoice { queries: 2, pow_bits: 1, ..STANDARD };

/// A forged witness for one constraint.
pub(super) struct Forgery<V> {
    pub(super) constraint: Constraint,
    /// What the forger would gain.
    pub(super) story: &'static str,
    /// What the circuit accepts with the constraint and without it.
    pub(super) honest: V,
    /// What it accepts without it only.
    pub(super) forged: V,
}

/// A statement's circuit with mocks for children, and how its witness is set.
pub(super) trait Statement {
    type Targets;

    /// Numbers that the circuit is made for.
    fn shape(&self) -> [usize; 2];

    fn define(cx: &mut Cx<'_>, shape: [usize; 2]) -> Self::Targets;

    fn assign(&self, targets: &Self::Targets, pw: &mut PartialWitness<F>) -> anyhow::Result<()>;

    fn public(&self) -> &[F];
}

impl Statement for InnerValues {
    type Targets = InnerTargets;

    fn shape(&self) -> [usize; 2] {
        [self.slots.len(), 1]
    }

    fn define(cx: &mut Cx<'_>, [slots, _]: [usize; 2]) -> InnerTargets {
        inner::define(cx, ChildKey::Mock { public_inputs: layout::TOTAL }, slots)
    }

    fn assign(&self, targets: &InnerTargets, pw: &mut PartialWitness<F>) -> anyhow::Result<()> {
        targets.assign(pw, self)
    }

    fn public(&self) -> &[F] {
        &self.public
    }
}

impl Statement for OuterValues {
    type Targets = OuterTargets;

    /// The fixtures have two slots in an inner rollup wherever the outer one is tried.
    fn shape(&self) -> [usize; 2] {
        [2, self.children.len()]
    }

    fn define(cx: &mut Cx<'_>, [slots, inners]: [usize; 2]) -> OuterTargets {
        outer::define(cx, ChildKey::Mock { public_inputs: INNER_PUBLIC }, slots, inners)
    }

    fn assign(&self, targets: &OuterTargets, pw: &mut PartialWitness<F>) -> anyhow::Result<()> {
        targets.assign(pw, self)
    }

    fn public(&self) -> &[F] {
        &self.public
    }
}

impl Statement for RootValues {
    type Targets = RootTargets;

    fn shape(&self) -> [usize; 2] {
        [1, 1]
    }

    fn define(cx: &mut Cx<'_>, _: [usize; 2]) -> RootTargets {
        root_verifier::define(cx, ChildKey::Mock { public_inputs: OUTER_PUBLIC })
    }

    fn assign(&self, targets: &RootTargets, pw: &mut PartialWitness<F>) -> anyhow::Result<()> {
        targets.assign(pw, self)
    }

    fn public(&self) -> &[F] {
        &self.public
    }
}

/// A circuit of a statement, ready to check and to prove.
struct Bench<V: Statement> {
    circuit: Circuit<V::Targets>,
    checker: Checker,
}

impl<V: Statement> Bench<V> {
    fn new(shape: [usize; 2], switches: &Switches) -> Self {
        let mut builder = Builder::new(QUICK.config(false));
        let targets = V::define(&mut Cx { b: &mut builder, switches }, shape);
        let rows = builder.num_gates();
        let data = builder.build::<C>();
        let checker = Checker::new(&data);
        Self { circuit: Circuit { data, targets, rows }, checker }
    }

    /// Whether constraint evaluation accepts; if so the public inputs are the claimed ones.
    fn checks(&self, values: &V) -> Result<(), String> {
        let mut witness = PartialWitness::new();
        values.assign(&self.circuit.targets, &mut witness).map_err(|error| error.to_string())?;
        let public = self.checker.check(&self.circuit.data, witness).map_err(|violation| violation.to_string())?;
        if public == values.public() { Ok(()) } else { Err("other public inputs".to_owned()) }
    }

    /// Whether a proof of exactly these public inputs comes out and verifies.
    fn proves(&self, values: &V) -> Result<(), String> {
        let proof = self
            .circuit
            .prove(|targets, pw| values.assign(targets, pw))
            .map_err(|error| error.to_string())?;
        if proof.public_inputs != values.public() {
            return Err("other public inputs".to_owned());
        }
        self.circuit.data.verify(proof).map_err(|error| error.to_string())
    }
}

/// Tries each forgery on its own circuits; panics with all that went wrong.
pub(super) fn try_all<V: Statement>(forgeries: &[Forgery<V>]) {
    let mut complete: BTreeMap<[usize; 2], Bench<V>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Forgery { constraint, story, honest, forged } in forgeries {
        let shape = honest.shape();
        assert_eq!(shape, forged.shape(), "{constraint:?}: one circuit takes both");
        let on = complete.entry(shape).or_insert_with(|| Bench::new(shape, &Switches::default()));
        let off = Bench::<V>::new(shape, &Switches::without([*constraint]));
        let mut expect = |what: &str, is_wrong: bool, detail: String| {
            if is_wrong {
                wrong.push(format!("{constraint:?} ({story}): {what} {detail}"));
            }
        };
        for (name, bench) in [("on", &*on), ("off", &off)] {
            let checked = bench.checks(honest);
            expect("honest values are refused,", checked.is_err(), format!("{name}: {checked:?}"));
        }
        let checked = off.checks(forged);
        expect("off, the check refuses:", checked.is_err(), format!("{checked:?}"));
        let proved = off.proves(forged);
        expect("off, no proof:", proved.is_err(), format!("{proved:?}"));
        expect("on, the check accepts", on.checks(forged).is_ok(), String::new());
        expect("on, a proof verifies", on.proves(forged).is_ok(), String::new());
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
