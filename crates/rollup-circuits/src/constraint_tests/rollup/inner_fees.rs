//! Forgeries against fees: paid in another asset, not paid at all, or counted more than once.

use plonky2::field::types::Field;
use rollup::note::NO_ASSET;
use rollup::transaction::layout;

use super::super::Forgery;
use super::fixtures::{InnerCase, at, f, limbs};
use super::forgery;
use super::subjects::Inner;
use crate::inner::fees::FeeListValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

/// Two places for one asset.
const DUPLICATE: [u32; 4] = [0, 7, 7, NO_ASSET];

const ETHER: [F; 4] = [F::ONE, F::ZERO, F::ZERO, F::ZERO];

pub(super) fn forgeries() -> Vec<Forgery<Inner<2>>> {
    let mut all = paying();
    all.extend(listing());
    all
}

fn paying() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I4Asset, "a fee of a worthless asset counted as ether", |s| {
            s.first(|case| pay(case, 1 << 40, 99, ETHER))
        }),
        forgery(Is::I4Unselected, "a fee that goes nowhere", |s| s.first(|case| case.last().selector = [F::ZERO; 4])),
        forgery(Is::I4Sum, "a sum that nobody paid", |s| s.lie(|values| values.public[at::FEE_SUMS] += f(1_000_000))),
        // The client circuits allow no fee asset of 2^30, so these two only hold the line behind them.
        forgery(
            Is::I4SelectorBoolean,
            "a fee in asset 2^30, twice in one free place and minus once in the other",
            |s| s.first(|case| pay(case, 500, NO_ASSET, [F::ZERO, F::ZERO, F::TWO, -F::ONE])),
        ),
        forgery(Is::I4OneHot, "two free places for a fee of 0 (no gain: a fee above 0 needs exactly one)", |s| {
            s.first(|case| pay(case, 0, NO_ASSET, [F::ZERO, F::ZERO, F::ONE, F::ONE]))
        }),
    ]
}

fn listing() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I4Distinct, "duplicate fee slots", |s| s.first(|case| take(case, DUPLICATE))),
        forgery(Is::I4Unused, "a duplicate fee slot passed for an unused one", |s| {
            s.first(|case| {
                take(case, DUPLICATE);
                case.values.fees.real[2] = F::ZERO;
            })
        }),
        forgery(Is::I4Unused, "a real asset of more than 30 bits", |s| {
            s.first(|case| take(case, [0, 7, (1 << 31) + 5, NO_ASSET]))
        }),
        forgery(Is::I4Unused, "2^30 passed for a real asset", |s| s.first(|case| case.values.fees.real[2] = F::ONE)),
        forgery(Is::I4Unused, "a flag of 1/2 at an unused place (no gain: it stays unused)", |s| {
            s.first(|case| case.values.fees.real[2] = F::TWO.inverse())
        }),
    ]
}

/// Exchanges the list of fee assets.
fn take(case: &mut InnerCase, assets: [u32; 4]) {
    case.values.public[at::FEE_ASSETS..][..4].copy_from_slice(&assets.map(F::from_canonical_u32));
    case.values.fees = FeeListValues::of(&assets);
}

/// Exchanges the last transaction's fee.
fn pay(case: &mut InnerCase, fee: u64, asset: u32, selector: [F; 4]) {
    let slot = case.last();
    limbs(slot)[layout::FEE] = f(fee);
    limbs(slot)[layout::FEE_ASSET] = F::from_canonical_u32(asset);
    slot.selector = selector;
}
