//! Forgeries against the comparison of nullifiers: each spends the note of nullifier `n` a second time.
//!
//! The tree holds `n` and a larger `tall`, its largest. All claim that `tall < n`, so that `n` would
//! belong behind `tall`, where nothing follows. Some need limbs of `n` and `tall` to agree, which a
//! forger can grind for: the nullifiers of unused inputs are hashes of his own choice.

use plonky2::field::types::{Field, PrimeField64};
use rollup::field::Digest;

use super::super::{Attempt, Forgery};
use super::fixtures::{InnerCase, Scenario, f, pair};
use super::forgery;
use super::inner_nullifiers::replace_last;
use super::subjects::{Inner, forged_inner};
use crate::gadgets::compare::LessValues;
use crate::inner::values::InnerValues;
use crate::plonk::F;
use crate::switches::Constraint as Is;

pub(super) fn forgeries() -> Vec<Forgery<Inner<2>>> {
    [limbs_and_flags(), halves_of_limbs()].into_iter().flatten().collect()
}

/// Spends `n` again behind `tall`; `forge` gets the comparison `tall < n`.
fn again(tall: [u64; 4], n: [u64; 4], forge: impl FnOnce(&mut LessValues)) -> Attempt<InnerValues> {
    let [tall, n] = [tall, n].map(|limbs| Digest::from_limbs(limbs).unwrap());
    assert!(n < tall, "the claim is false");
    let scenario = Scenario::new(2, 2, 3, &[pair(1), [n, tall]]);
    forged_inner(&scenario, 0, |case| forge(behind_tall(case, tall, n)))
}

fn behind_tall(case: &mut InnerCase, tall: Digest, n: Digest) -> &mut LessValues {
    let insertion = replace_last(case, n, |tree| {
        let low = tree.find(tall);
        assert_eq!(low, tree.largest(), "nothing follows");
        tree.insert_after(low, tree.leaf(low), n)
    });
    &mut insertion.below
}

/// The honest split.
fn halves(limb: u64) -> (F, F) {
    (f(limb >> 32), f(limb & 0xffff_ffff))
}

/// A number's upper and lower half as one limb.
const fn limb(high: u64, low: u64) -> u64 {
    high << 32 | low
}

const TALL: u64 = limb(1 << 28, 9);
const LOW: u64 = limb(1 << 20, 7);
const TALL_FOUR: [u64; 4] = [TALL, 6, 7, 8];

fn limbs_and_flags() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I3EqualPrefix, "a later limb decides although the first ones differ", |_| {
            again([TALL, 6, 7, 8], [LOW, 9, 7, 8], |less| {
                less.deciding = [F::ZERO, F::ONE, F::ZERO, F::ZERO];
                less.halves = [halves(6), halves(9)];
                less.by_high = F::ZERO;
            })
        }),
        forgery(Is::I3DecidingBoolean, "fractional flags mix the limbs (third limbs ground equal)", |_| {
            again(TALL_FOUR, [LOW, 5, 7, 6], |less| {
                // tall = 8 · x more, n = 6 · x more, with x such that n's mixture is tall's plus 1.
                let x = (f(TALL) - f(LOW) + F::ONE) / (f(6) - f(8));
                less.deciding = [F::ONE, F::ZERO, -x, x];
                let mixture = |first: u64, last: u64| f(first) + x * (f(last) - f(7));
                let [a, b] = [mixture(TALL, 8), mixture(LOW, 6)];
                assert_eq!(b, a + F::ONE);
                less.halves = [a, b].map(|mixed| halves(mixed.to_canonical_u64()));
                less.by_high = F::from_bool(less.halves[0].0 != less.halves[1].0);
            })
        }),
        forgery(Is::I3DecidingOneHot, "two limbs decide, and their sum wraps at p (first limbs ground equal)", |_| {
            again([TALL, 0xffff_ffff_0000_0000 - TALL + 1, 0, 0], [TALL, 5, 0, 0], |less| {
                less.deciding = [F::ONE, F::ONE, F::ZERO, F::ZERO];
                less.halves = [halves(0), halves(TALL + 5)];
                less.by_high = F::ONE;
            })
        }),
        forgery(Is::I3HighBoolean, "a flag of 2 turns the difference round (high halves ground equal)", |_| {
            again(TALL_FOUR, [TALL - 2, 0, 0, 0], |less| {
                less.by_high = F::TWO;
            })
        }),
    ]
}

fn halves_of_limbs() -> Vec<Forgery<Inner<2>>> {
    vec![
        forgery(Is::I3SplitSum, "halves of other numbers", |_| {
            again(TALL_FOUR, [LOW, 0, 0, 0], |less| {
                less.halves = [halves(0), halves(1)];
                less.by_high = F::ZERO;
            })
        }),
        forgery(Is::I3SplitRange, "a low half above 2^32 takes over from the high one", |_| {
            again(TALL_FOUR, [LOW, 0, 0, 0], |less| {
                let high = (LOW >> 32) - 1;
                less.halves = [(f(high), f(TALL - (high << 32))), halves(LOW)];
                less.by_high = F::ONE;
            })
        }),
        forgery(Is::I3SplitRange, "x + p through a high half above 2^32", |_| {
            again(TALL_FOUR, [LOW, 0, 0, 0], |less| {
                let (high, low) = halves(LOW);
                less.halves = [halves(TALL), (high + f(0xffff_ffff), low + F::ONE)];
                less.by_high = F::ONE;
            })
        }),
        forgery(Is::I3SplitCanonical, "the limb 5 shown as 5 + p, above every other", |_| {
            again(TALL_FOUR, [5, 1, 2, 3], |less| {
                less.halves[1] = (f(0xffff_ffff), f(6));
                less.by_high = F::ONE;
            })
        }),
        forgery(Is::I3HighEqual, "low halves decide although the high ones differ", |_| {
            again(TALL_FOUR, [LOW + 5, 0, 0, 0], |less| {
                less.by_high = F::ZERO;
            })
        }),
        forgery(Is::I3LowBelow, "larger taken for less", |_| again(TALL_FOUR, [LOW, 0, 0, 0], |_| ())),
        forgery(Is::I3Difference, "larger taken for less, whatever the difference", |_| {
            again(TALL_FOUR, [LOW, 0, 0, 0], |_| ())
        }),
    ]
}
