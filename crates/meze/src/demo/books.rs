//! Plain bookkeeping: what everybody must own, without notes, trees and proofs.

use std::collections::BTreeMap;

use rollup::transaction::TxType;

/// What a transaction does to what people own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) tx_type: TxType,
    /// Who makes it, and pays the fee.
    pub(crate) who: usize,
    /// Who is paid; of a send only.
    pub(crate) to: Option<usize>,
    pub(crate) asset: u32,
    pub(crate) amount: u64,
    pub(crate) fee: u64,
}

/// What everybody owns, by person and asset.
#[derive(Debug, Default)]
pub(crate) struct Books {
    owned: BTreeMap<(usize, u32), i128>,
    fees: BTreeMap<u32, u64>,
}

impl Books {
    /// Enters a transaction that has settled.
    pub(crate) fn enter(&mut self, entry: &Entry) {
        let Entry { tx_type, who, to, asset, amount, fee } = *entry;
        if tx_type == TxType::Account || tx_type == TxType::Padding {
            return;
        }
        let (amount, fee_part) = (i128::from(amount), i128::from(fee));
        // Whoever makes it pays the fee; a payment to oneself is neither gain nor loss beside it.
        let change = match tx_type {
            TxType::Deposit => amount,
            TxType::Withdraw => -amount,
            _ => 0,
        };
        *self.owned.entry((who, asset)).or_default() += change - fee_part;
        if let Some(to) = to {
            *self.owned.entry((who, asset)).or_default() -= amount;
            *self.owned.entry((to, asset)).or_default() += amount;
        }
        *self.fees.entry(asset).or_default() += fee;
    }

    /// What a person owns of an asset.
    pub(crate) fn owned(&self, who: usize, asset: u32) -> i128 {
        self.owned.get(&(who, asset)).copied().unwrap_or_default()
    }

    /// Fees so far.
    pub(crate) fn fees(&self, asset: u32) -> u64 {
        self.fees.get(&asset).copied().unwrap_or_default()
    }
}
