//! Forgeries of padding.

use plonky2::field::types::Field;
use plonky2::iop::witness::PartialWitness;
use rollup::transaction::layout;

use super::fixture::{digest, field};
use super::{Attempt, Built, Forgery, Subject, build, light};
use crate::client::{PublicTarget, make_uniform, padding};
use crate::plonk::F;
use crate::switches::{Constraint, Switches};

/// The padding circuit.
pub(crate) struct Padding;

impl Subject for Padding {
    const NAME: &'static str = "padding";
    const PROVES: bool = true;
    type Targets = PublicTarget;
    type Values = Vec<F>;

    fn build(&self, switches: &Switches) -> Built<PublicTarget> {
        build(light(), switches, |cx| {
            let targets = padding::define(cx);
            make_uniform(cx.b);
            targets
        })
    }

    fn assign(targets: &PublicTarget, pw: &mut PartialWitness<F>, values: &Vec<F>) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &Vec<F>) -> Vec<F> {
        values.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        let forgery = |says, make| Forgery { breaks: Constraint::P1Zero, says, given_off: &[], make };
        vec![
            forgery("makes a note in an empty slot", |_| {
                Attempt::on(zeros(), |forged| forged[layout::COMMITMENTS..][..4].copy_from_slice(&digest(1).0))
            }),
            forgery("deposits 1,000,000 in an empty slot", |_| {
                Attempt::on(zeros(), |forged| forged[layout::PUBLIC_AMOUNT] = field(1_000_000))
            }),
            forgery("calls itself a withdrawal", |_| Attempt::on(zeros(), |forged| forged[layout::TX_TYPE] = F::TWO)),
            forgery("pays a fee out of nothing", |_| Attempt::on(zeros(), |forged| forged[layout::FEE] = field(1_000))),
        ]
    }
}

fn zeros() -> Vec<F> {
    vec![F::ZERO; layout::TOTAL]
}
