//! Fees: each goes to exactly one of the listed fee assets.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::note::{ASSET_BITS, NO_ASSET};
use rollup::transaction::layout;
use rollup::witness::FEE_ASSETS;

use crate::client::PublicTarget;
use crate::client::join_split::inverse;
use crate::gadgets::Cx;
use crate::plonk::F;
use crate::switches::Constraint as Is;

/// Pairs of fee slots.
const PAIRS: usize = FEE_ASSETS * (FEE_ASSETS - 1) / 2;

/// The list of fee assets: which are real, and proofs that they differ.
#[derive(Debug, Clone)]
pub(crate) struct FeeListTarget {
    real: [BoolTarget; FEE_ASSETS],
    inverses: [Target; PAIRS],
}

/// Which fee slot a transaction pays into.
#[derive(Debug, Clone)]
pub(crate) struct SelectorTarget([BoolTarget; FEE_ASSETS]);

/// Real assets are below 2^30 and differ in pairs; unused slots hold 2^30.
pub(crate) fn define_list(cx: &mut Cx<'_>, assets: [Target; FEE_ASSETS]) -> FeeListTarget {
    let none = cx.constant(u64::from(NO_ASSET));
    let real: [BoolTarget; FEE_ASSETS] = std::array::from_fn(|_| cx.flag(Is::I4Unused));
    for (flag, asset) in real.iter().zip(assets) {
        let unused = cx.not(flag.target);
        cx.equal_if(Is::I4Unused, unused, &[asset], &[none]);
        let checked = cx.b.mul(flag.target, asset);
        cx.range(Is::I4Unused, checked, ASSET_BITS);
    }
    let inverses = cx.b.add_virtual_target_arr::<PAIRS>();
    for (&inverse, (i, j)) in inverses.iter().zip(pairs()) {
        let difference = cx.b.sub(assets[i], assets[j]);
        let product = cx.b.mul(difference, inverse);
        let both = cx.b.mul(real[i].target, real[j].target);
        let missing = cx.not(product);
        cx.zero_if(Is::I4Distinct, both, missing);
    }
    FeeListTarget { real, inverses }
}

/// Adds a transaction's fee to the sum of the selected slot.
pub(crate) fn define_selector(
    cx: &mut Cx<'_>,
    transaction: &PublicTarget,
    real: Target,
    assets: [Target; FEE_ASSETS],
    sums: &mut [Target; FEE_ASSETS],
) -> SelectorTarget {
    let fee = transaction.at(layout::FEE);
    let fee_asset = transaction.at(layout::FEE_ASSET);
    let flags: [BoolTarget; FEE_ASSETS] = std::array::from_fn(|_| cx.flag(Is::I4SelectorBoolean));
    let targets = flags.map(|flag| flag.target);
    let selected = cx.b.add_many(targets);
    if cx.on(Is::I4OneHot) {
        cx.b.assert_bool(BoolTarget::new_unsafe(selected));
    }
    let masked = cx.b.mul(real, fee);
    for ((&flag, asset), sum) in targets.iter().zip(assets).zip(sums) {
        cx.equal_if(Is::I4Asset, flag, &[asset], &[fee_asset]);
        *sum = cx.b.mul_add(flag, masked, *sum);
    }
    let unselected = cx.not(selected);
    cx.zero_if(Is::I4Unselected, unselected, masked);
    SelectorTarget(flags)
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..FEE_ASSETS).flat_map(|j| (0..j).map(move |i| (i, j)))
}

/// The values of a [`FeeListTarget`].
#[derive(Debug, Clone)]
pub(crate) struct FeeListValues {
    pub(crate) real: [F; FEE_ASSETS],
    pub(crate) inverses: [F; PAIRS],
}

impl FeeListValues {
    pub(crate) fn of(assets: &[u32; FEE_ASSETS]) -> Self {
        let mut inverses = [F::ZERO; PAIRS];
        for (to, (i, j)) in inverses.iter_mut().zip(pairs()) {
            *to = inverse(F::from_canonical_u32(assets[i]) - F::from_canonical_u32(assets[j]));
        }
        Self { real: assets.map(|asset| F::from_bool(asset != NO_ASSET)), inverses }
    }
}

/// The selector of a fee: the slot of its asset, or none where nothing is paid.
pub(crate) fn select(assets: &[u32; FEE_ASSETS], fee: u64, fee_asset: u32) -> [F; FEE_ASSETS] {
    let slot = assets.iter().position(|&asset| fee != 0 && asset == fee_asset);
    std::array::from_fn(|index| F::from_bool(Some(index) == slot))
}

impl FeeListTarget {
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &FeeListValues) -> anyhow::Result<()> {
        pw.set_target_arr(&self.real.map(|flag| flag.target), &values.real)?;
        pw.set_target_arr(&self.inverses, &values.inverses)
    }
}

impl SelectorTarget {
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &[F; FEE_ASSETS]) -> anyhow::Result<()> {
        pw.set_target_arr(&self.0.map(|flag| flag.target), values)
    }
}
