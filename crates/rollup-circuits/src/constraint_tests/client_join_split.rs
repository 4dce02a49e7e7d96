//! Forgeries of deposits, sends and withdrawals.

mod balance;
mod fields;
mod inputs;
mod story;

use plonky2::iop::witness::PartialWitness;
use rollup::transaction::layout;

pub(super) use story::{deposit, pay, registered, withdraw};
use story::{mirrored, settle};

use super::{Attempt, Built, Forgery, Subject, build, light};
use crate::client::join_split::{self, JoinSplitTargets, JoinSplitValues};
use crate::client::make_uniform;
use crate::plonk::F;
use crate::switches::{Constraint, Switches};

/// The join-split circuit.
pub(crate) struct JoinSplit;

impl Subject for JoinSplit {
    const NAME: &'static str = "join-split";
    const PROVES: bool = true;
    type Targets = JoinSplitTargets;
    type Values = JoinSplitValues;

    fn build(&self, switches: &Switches) -> Built<JoinSplitTargets> {
        build(light(), switches, |cx| {
            let targets = join_split::define(cx);
            make_uniform(cx.b);
            targets
        })
    }

    fn assign(targets: &JoinSplitTargets, pw: &mut PartialWitness<F>, values: &JoinSplitValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &JoinSplitValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        [inputs::forgeries(), balance::forgeries(), fields::forgeries()].into_iter().flatten().collect()
    }

    fn positions(attempt: Attempt<JoinSplitValues>) -> Vec<Attempt<JoinSplitValues>> {
        let mirrored = Attempt { honest: mirrored(&attempt.honest), forged: mirrored(&attempt.forged) };
        vec![attempt, mirrored]
    }
}

type Make = fn(&JoinSplit) -> Attempt<JoinSplitValues>;

fn forgery(breaks: Constraint, says: &'static str, make: Make) -> Forgery<JoinSplit> {
    Forgery { breaks, says, given_off: &[], make }
}

/// Tampers with honest values and then makes notes, tree and nullifiers fit again.
fn settled(honest: JoinSplitValues, tamper: impl FnOnce(&mut JoinSplitValues)) -> Attempt<JoinSplitValues> {
    Attempt::on(honest, |forged| {
        tamper(forged);
        settle(forged);
    })
}

/// The range of the public owner's limbs.
const OWNER: std::ops::Range<usize> = layout::PUBLIC_OWNER..layout::PUBLIC_OWNER + 5;
