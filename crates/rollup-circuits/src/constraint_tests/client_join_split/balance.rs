//! Forged assets, amounts and fees: money from nowhere.

use plonky2::field::types::Field;
use rollup::transaction::layout;

use super::story::{deposit, pay, settle, withdraw};
use super::{Forgery, JoinSplit, forgery, settled};
use crate::client::join_split::JoinSplitValues;
use crate::constraint_tests::fixture::field;
use crate::plonk::F;
use crate::switches::Constraint as Is;

/// What the forged outputs hold beyond the inputs; the other term of the balance is p less.
const MINTED: u64 = 1_000_000;

pub(super) fn forgeries() -> Vec<Forgery<JoinSplit>> {
    vec![
        forgery(Is::J3InputAsset, "spends a worthless asset as another", |_| {
            settled(pay(), |forged| forged.inputs[0].note.asset = field(999))
        }),
        forgery(Is::J3OutputAsset, "makes an output in another asset", |_| {
            settled(pay(), |forged| forged.outputs[0].asset = F::ZERO)
        }),
        forgery(Is::J3PublicAsset, "withdraws ether for notes of another asset", |_| {
            settled(withdraw(), |forged| forged.public[layout::PUBLIC_ASSET] = F::ZERO)
        }),
        forgery(Is::J3PublicAsset, "names a public asset in a send", |_| {
            settled(pay(), |forged| forged.public[layout::PUBLIC_ASSET] = field(9))
        }),
        forgery(Is::J3FeeAsset, "pays the fee in another asset", |_| {
            settled(pay(), |forged| forged.public[layout::FEE_ASSET] = field(9))
        }),
        forgery(Is::J3FeeZero, "pays a fee in ether out of notes of another asset", |_| {
            settled(pay(), |forged| {
                forged.pays = F::ZERO;
                forged.public[layout::FEE_ASSET] = F::ZERO;
            })
        }),
        forgery(Is::J3PaysBoolean, "names another asset for a fee of 0 by a flag that is a fraction", |_| {
            let mut honest = pay();
            honest.public[layout::FEE] = F::ZERO;
            honest.outputs[1].amount += field(10);
            settle(&mut honest);
            settled(honest, |forged| {
                forged.pays = field(9) / forged.asset;
                forged.public[layout::FEE_ASSET] = field(9);
            })
        }),
        forgery(Is::J4InputRange, "spends a note whose amount is −1 modulo p", |_| {
            settled(pay(), |forged| {
                forged.inputs[1].note.amount = F::NEG_ONE;
                forged.outputs[0].amount = field(19);
            })
        }),
        forgery(
            Is::J4OutputRange,
            "sides that differ by exactly p: one output is p less than the other gained",
            |_| settled(pay(), |forged| mint(forged, |values| &mut values.outputs[1].amount)),
        ),
        forgery(Is::J4PublicRange, "sides that differ by exactly p: the withdrawn amount takes the difference", |_| {
            settled(withdraw(), |forged| mint(forged, |values| &mut values.public[layout::PUBLIC_AMOUNT]))
        }),
        forgery(Is::J4FeeRange, "sides that differ by exactly p: the fee takes the difference", |_| {
            settled(pay(), |forged| mint(forged, |values| &mut values.public[layout::FEE]))
        }),
        forgery(Is::J4FeeRange, "pays a fee of 2^48", |_| {
            settled(pay(), |forged| {
                forged.inputs[0].note.amount += field(1 << 48);
                forged.public[layout::FEE] += field(1 << 48);
            })
        }),
        forgery(Is::J4AssetRange, "moves the asset 2^30, which stands for no asset", |_| {
            settled(pay(), |forged| {
                forged.asset = field(1 << 30);
                for note in forged.inputs.iter_mut().map(|input| &mut input.note).chain(&mut forged.outputs) {
                    note.asset = field(1 << 30);
                }
                forged.public[layout::FEE_ASSET] = field(1 << 30);
            })
        }),
        forgery(Is::J4Balance, "pays out 1,000,000 more than it spends", |_| {
            settled(pay(), |forged| forged.outputs[0].amount += field(MINTED))
        }),
        forgery(Is::J4Balance, "deposits 100 and credits 1,000,090", |_| {
            settled(deposit(), |forged| forged.outputs[0].amount += field(MINTED))
        }),
    ]
}

/// Adds to the first output what `taken` loses modulo p.
fn mint(values: &mut JoinSplitValues, taken: impl Fn(&mut JoinSplitValues) -> &mut F) {
    values.outputs[0].amount += field(MINTED);
    *taken(values) -= field(MINTED);
}
