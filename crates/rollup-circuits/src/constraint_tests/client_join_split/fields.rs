//! Forged types and public fields.

use plonky2::field::types::Field;
use rollup::transaction::{TxType, layout};

use super::story::{deposit, pay, withdraw};
use super::{Forgery, JoinSplit, OWNER, forgery, settled};
use crate::constraint_tests::fixture::field;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<JoinSplit>> {
    vec![
        forgery(
            Is::J5TypeBoolean,
            "a deposit by flags 2, −1, 0 calls itself padding and counts its amount three times",
            |_| {
                settled(deposit(), |forged| {
                    forged.types = [F::TWO, F::NEG_ONE, F::ZERO];
                    forged.public[layout::TX_TYPE] = F::ZERO;
                    forged.outputs[0].amount += field(200);
                })
            },
        ),
        forgery(Is::J5TypeOneHot, "a payment without a type calls itself padding, so nothing is nullified", |_| {
            settled(pay(), |forged| {
                forged.types = [F::ZERO; 3];
                forged.public[layout::TX_TYPE] = F::ZERO;
            })
        }),
        forgery(Is::J5Type, "a deposit calls itself a send, so nothing is taken on the chain", |_| {
            settled(deposit(), |forged| forged.public[layout::TX_TYPE] = field(TxType::Send as u64))
        }),
        forgery(Is::J5AmountNonZero, "withdraws nothing", |_| {
            settled(withdraw(), |forged| {
                forged.public[layout::PUBLIC_AMOUNT] = F::ZERO;
                forged.outputs[0].amount += field(40);
            })
        }),
        forgery(Is::J5AmountZero, "a send shows a public amount", |_| {
            settled(pay(), |forged| forged.public[layout::PUBLIC_AMOUNT] = field(1_000))
        }),
        forgery(Is::J5OwnerNonZero, "withdraws to nobody", |_| {
            settled(withdraw(), |forged| forged.public[OWNER].fill(F::ZERO))
        }),
        forgery(Is::J5OwnerZero, "a send shows an owner", |_| {
            settled(pay(), |forged| forged.public[OWNER.start] = field(1))
        }),
        forgery(Is::J5OwnerRange, "withdraws to an owner whose limb is 2^32", |_| {
            settled(withdraw(), |forged| forged.public[OWNER.start] = field(1 << 32))
        }),
        forgery(Is::J7Reserved, "sets the first reserved field", |_| {
            settled(pay(), |forged| forged.public[layout::RESERVED] = F::ONE)
        }),
        forgery(Is::J7Reserved, "sets the last reserved field", |_| {
            settled(pay(), |forged| forged.public[layout::TOTAL - 1] = F::ONE)
        }),
    ]
}
