//! The 46 public limbs of an inner rollup; the plain twin is [`rollup::public`].

use plonky2::iop::target::Target;
use rollup::witness::FEE_ASSETS;

use crate::gadgets::Cx;
use crate::plonk::DigestTarget;

/// Limbs of an inner rollup's public inputs.
pub(crate) const INNER_PUBLIC: usize = 46;
/// Where the data tree's next index before the inner stands.
pub(crate) const OLD_DATA_NEXT: usize = 10;
/// Where the data tree's next index after the inner stands.
pub(crate) const NEW_DATA_NEXT: usize = 11;

/// The public inputs of an inner rollup, by name.
#[derive(Debug, Clone)]
pub(crate) struct InnerPublicTarget {
    pub(crate) limbs: Vec<Target>,
    pub(crate) index: Target,
    pub(crate) rollup_id: Target,
    pub(crate) old_data_root: DigestTarget,
    pub(crate) new_data_root: DigestTarget,
    pub(crate) old_data_next: Target,
    pub(crate) new_data_next: Target,
    pub(crate) old_nullifier_root: DigestTarget,
    pub(crate) new_nullifier_root: DigestTarget,
    pub(crate) old_nullifier_next: Target,
    pub(crate) new_nullifier_next: Target,
    pub(crate) roots_root: DigestTarget,
    pub(crate) defi_root: DigestTarget,
    pub(crate) fee_assets: [Target; FEE_ASSETS],
    pub(crate) fee_sums: [Target; FEE_ASSETS],
    pub(crate) commitment: DigestTarget,
    pub(crate) challenge: [Target; 2],
    pub(crate) evaluation: [Target; 2],
}

impl InnerPublicTarget {
    /// Adds and registers the public inputs.
    pub(crate) fn register(cx: &mut Cx<'_>) -> Self {
        let limbs = cx.b.add_virtual_targets(INNER_PUBLIC);
        cx.b.register_public_inputs(&limbs);
        Self::of_limbs(&limbs)
    }

    /// Names the public inputs of a verified proof.
    pub(crate) fn of_limbs(limbs: &[Target]) -> Self {
        assert_eq!(limbs.len(), INNER_PUBLIC, "an inner proof has 46 public inputs");
        let mut rest = limbs.iter().copied();
        let mut next = || rest.next().expect("the layout has as many limbs as it names");
        Self {
            limbs: limbs.to_vec(),
            index: next(),
            rollup_id: next(),
            old_data_root: std::array::from_fn(|_| next()),
            new_data_root: std::array::from_fn(|_| next()),
            old_data_next: next(),
            new_data_next: next(),
            old_nullifier_root: std::array::from_fn(|_| next()),
            new_nullifier_root: std::array::from_fn(|_| next()),
            old_nullifier_next: next(),
            new_nullifier_next: next(),
            roots_root: std::array::from_fn(|_| next()),
            defi_root: std::array::from_fn(|_| next()),
            fee_assets: std::array::from_fn(|_| next()),
            fee_sums: std::array::from_fn(|_| next()),
            commitment: std::array::from_fn(|_| next()),
            challenge: std::array::from_fn(|_| next()),
            evaluation: std::array::from_fn(|_| next()),
        }
    }
}
