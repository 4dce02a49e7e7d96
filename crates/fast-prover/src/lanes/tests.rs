//! Field laws on every kind of vector, against the library's scalar field.

use proptest::prelude::*;

use super::testing::{EDGES, element, on_every_kind};
use super::{Lanes, ORDER, Op};
use crate::{F, GoldilocksField};

/// Each operation on each pair of operands.
struct Operations(Vec<(F, F)>);

impl Op for Operations {
    /// Sum, difference, product, square, canonical form.
    type Output = Vec<[F; 5]>;

    #[inline(always)]
    fn on<L: Lanes>(self, lanes: L) -> Self::Output {
        let mut all = Vec::new();
        for pairs in self.0.chunks_exact(L::WIDTH) {
            let a = lanes.load(&pairs.iter().map(|p| p.0).collect::<Vec<_>>());
            let b = lanes.load(&pairs.iter().map(|p| p.1).collect::<Vec<_>>());
            let b_canonical = lanes.canonical(b);
            let results = [
                lanes.add(a, b_canonical),
                lanes.sub(a, b_canonical),
                lanes.mul(a, b),
                lanes.square(a),
                lanes.canonical(a),
            ];
            let mut columns = [[GoldilocksField(0); 8]; 5];
            for (column, result) in columns.iter_mut().zip(results) {
                lanes.store(result, column);
            }
            all.extend((0..L::WIDTH).map(|lane| columns.map(|column| column[lane])));
        }
        all
    }
}

fn check(pairs: Vec<(F, F)>) {
    let expected: Vec<[F; 5]> = pairs.iter().map(|&(a, b)| [a + b, a - b, a * b, a * a, a]).collect();
    for results in on_every_kind(|| Operations(pairs.clone())) {
        assert_eq!(results, expected);
        assert!(results.iter().all(|r| r[4].0 < ORDER));
    }
}

#[test]
fn edge_values_follow_the_library() {
    let mut pairs: Vec<_> =
        EDGES.iter().flat_map(|a| EDGES.iter().map(move |b| (GoldilocksField(*a), GoldilocksField(*b)))).collect();
    while pairs.len() % 8 != 0 {
        pairs.push((GoldilocksField(0), GoldilocksField(0)));
    }
    check(pairs);
}

proptest! {
    #[test]
    fn any_values_follow_the_library(pairs in prop::collection::vec((element(), element()), 64)) {
        check(pairs);
    }
}
