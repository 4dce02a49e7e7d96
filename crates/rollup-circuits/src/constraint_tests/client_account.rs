//! Forgeries of account transactions.

mod forgeries;
mod story;

use plonky2::iop::witness::PartialWitness;
pub(super) use story::{add, create, migrate};

use super::{Built, Forgery, Subject, build, light};
use crate::client::account::{self, AccountTargets, AccountValues};
use crate::client::make_uniform;
use crate::plonk::F;
use crate::switches::Switches;

/// The account circuit.
pub(crate) struct Account;

impl Subject for Account {
    const NAME: &'static str = "account";
    const PROVES: bool = true;
    type Targets = AccountTargets;
    type Values = AccountValues;

    fn build(&self, switches: &Switches) -> Built<AccountTargets> {
        build(light(), switches, |cx| {
            let targets = account::define(cx);
            make_uniform(cx.b);
            targets
        })
    }

    fn assign(targets: &AccountTargets, pw: &mut PartialWitness<F>, values: &AccountValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &AccountValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        forgeries::forgeries()
    }
}
