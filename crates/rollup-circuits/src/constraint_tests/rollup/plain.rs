//! That the plain side of these tests is right, and what binds published bytes outside of a circuit.

use rollup::field::ORDER;
use rollup::published::{evaluate, open};
use rollup::shape::Shape;
use rollup::transaction::{layout, limbs_from_bytes};

use super::fixtures::{InnerCase, Scenario, at, digest_at, pair};
use super::settle::{settle, settle_outer};

#[test]
fn the_plain_tree_of_these_tests_is_that_of_the_world() {
    let scenario = Scenario::usual();
    for index in 0..2 {
        let InnerCase { mut values, nullifiers } = scenario.inner(index);
        let honest = values.public.clone();
        assert_eq!(nullifiers.tree.root(), digest_at(&honest, at::OLD_NULLIFIER_ROOT));
        settle(&mut values);
        assert_eq!(values.public, honest);
    }
}

#[test]
fn what_an_honest_outer_rollup_shows_is_what_these_tests_compute() {
    for (inners, count) in [(2, 3), (2, 2), (3, 5)] {
        let honest = Scenario::new(2, inners, count, &[pair(1)]).outer();
        let mut settled = honest.clone();
        settle_outer(&mut settled, true);
        assert_eq!(settled.public, honest.public);
        assert_eq!(settled.new_roots_root, honest.new_roots_root);
    }
}

#[test]
fn only_the_published_bytes_themselves_fit_a_proof() {
    let Scenario { shape, plan, .. } = Scenario::usual();
    let (bytes, public) = (&plan.published.bytes, plan.public);
    let shown = (public.challenge, public.evaluation);
    assert_eq!(open(&public.commitment, shape, bytes).unwrap(), shown);

    let mut swapped = bytes.clone();
    let (amount, owner) = (8 * layout::PUBLIC_AMOUNT, 8 * layout::PUBLIC_OWNER);
    (0..8).for_each(|byte| swapped.swap(amount + byte, owner + byte));
    assert_ne!(open(&public.commitment, shape, &swapped).unwrap(), shown);
    let limbs = limbs_from_bytes(&swapped, layout::PUBLISHED * shape.slots()).unwrap();
    assert_ne!(evaluate(&limbs, 0, public.challenge), public.evaluation, "nor at the proof's own point");

    assert!(open(&public.commitment, shape, &bytes[..bytes.len() - 8]).is_err(), "shortened");
    assert!(open(&public.commitment, shape, &[&bytes[..], &[0; 8]].concat()).is_err(), "padded");
    assert_ne!(open(&public.commitment, Shape::new(4, 1).unwrap(), bytes).unwrap(), shown, "another shape");

    let mut wrapped = bytes.clone();
    let zero = (0..wrapped.len()).step_by(8).find(|&at| wrapped[at..at + 8] == [0; 8]).expect("a limb is 0");
    wrapped[zero..zero + 8].copy_from_slice(&ORDER.to_be_bytes());
    assert!(open(&public.commitment, shape, &wrapped).is_err(), "p is no limb");
}
