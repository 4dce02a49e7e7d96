//! What tests of vector code share: hard values, and every kind of vector that this CPU has.

use proptest::prelude::*;

use super::{ORDER, Op, Scalar};
use crate::{F, GoldilocksField};

/// Values at which carries happen, some of them at or above the order.
pub(crate) const EDGES: [u64; 13] = [
    0,
    1,
    7,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x1_0000_0001,
    0x8000_0000_0000_0000,
    ORDER - 2,
    ORDER - 1,
    ORDER,
    ORDER + 1,
    u64::MAX,
];

/// An element, in any representation.
pub(crate) fn element() -> impl Strategy<Value = F> {
    prop_oneof![3 => any::<u64>(), 1 => prop::sample::select(&EDGES[..])].prop_map(GoldilocksField)
}

/// The results on each kind of vector.
pub(crate) fn on_every_kind<O: Op>(op: impl Fn() -> O) -> Vec<O::Output> {
    let mut results = vec![op().on(Scalar)];
    #[cfg(target_arch = "x86_64")]
    {
        results.extend(super::avx2::Avx2::detect().map(|lanes| lanes.run(op())));
        results.extend(super::avx512::Avx512::detect().map(|lanes| lanes.run(op())));
    }
    results
}
