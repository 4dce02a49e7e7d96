//! Public inputs, shapes and the evaluation of published limbs.

use crate::fixtures::{BENEFICIARY, FEE_ASSETS, rng, shape, transactions, world};
use plonky2_core::field::types::{Field, PrimeField64};
use proptest::prelude::*;
use rollup::builder::build;
use rollup::field::F;
use rollup::public::{INNER_LIMBS, InnerPublic, ROLLUP_LIMBS, RollupPublic};
use rollup::published::{self, Published};
use rollup::shape::Shape;
use rollup::transaction::{ClientPublic, PublicError, limbs_from_bytes};

#[test]
fn shapes_have_bounds_and_sizes() {
    for (inner, outer) in [(0, 1), (1, 0), (1 << 14, 2), (usize::MAX, 2)] {
        assert!(Shape::new(inner, outer).is_err());
    }
    for (inner, depth) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (9, 5), (18, 6), (1 << 14, 15)] {
        let shape = shape(inner, 1);
        assert_eq!((shape.subtree_depth(), shape.published_bytes()), (depth, 224 * inner));
    }
}

#[test]
fn public_inputs_are_read_as_they_were_written() {
    let world = world();
    let pending = transactions(&mut rng(1), world.state().data_root, 5);
    let plan = build(&world, shape(2, 4), &pending, FEE_ASSETS, BENEFICIARY).unwrap();
    for public in &plan.inner_publics {
        assert_eq!(InnerPublic::from_limbs(&public.limbs()).as_ref(), Ok(public));
    }
    assert_eq!(RollupPublic::from_limbs(&plan.public.limbs()), Ok(plan.public));
    let too_long = vec![F::ZERO; INNER_LIMBS + 1];
    assert!(matches!(InnerPublic::from_limbs(&too_long), Err(PublicError::Length { .. })));
    assert!(matches!(RollupPublic::from_limbs(&too_long[..ROLLUP_LIMBS - 1]), Err(PublicError::Length { .. })));
}

#[test]
fn public_inputs_are_where_the_protocol_puts_them() {
    let world = world();
    let pending = transactions(&mut rng(1), world.state().data_root, 3);
    let plan = build(&world, shape(2, 2), &pending, FEE_ASSETS, BENEFICIARY).unwrap();
    let inner = plan.inner_publics[1].limbs().map(|limb| limb.to_canonical_u64());
    let old = plan.inners[1].old;
    assert_eq!(inner[..2], [1, 0]);
    assert_eq!(inner[2..6], old.data_root.limbs());
    assert_eq!(inner[6..10], plan.new_state.data_root.limbs());
    assert_eq!(inner[10..12], [8, 12]);
    assert_eq!(inner[12..16], old.nullifier_root.limbs());
    assert_eq!(inner[16..20], plan.new_state.nullifier_root.limbs());
    assert_eq!(inner[20..22], [5, 7]);
    assert_eq!(inner[22..26], world.state().roots_root.limbs());
    assert_eq!(inner[26..30], world.state().defi_root.limbs());
    assert_eq!(inner[30..34], FEE_ASSETS.map(u64::from));
    assert_eq!(inner[38..42], plan.published.inner_commitments[1].limbs());
    assert_eq!(inner[42..44], plan.published.challenge);
    assert_eq!(inner[44..46], plan.published.inner_evaluations[1]);
    let outer = plan.public.limbs().map(|limb| limb.to_canonical_u64());
    assert_eq!(outer[..4], world.state().digest().limbs());
    assert_eq!(outer[4..8], plan.new_state.digest().limbs());
    assert_eq!(outer[8..16], [0, 9, 8, 7, 6, 5, 2, 2]);
    assert_eq!(outer[16..20], FEE_ASSETS.map(u64::from));
    assert_eq!(outer[24..28], plan.published.commitment.limbs());
    assert_eq!(outer[28..30], plan.published.challenge);
    assert_eq!(outer[30..32], plan.published.evaluation);
}

#[test]
fn numbers_that_no_rollup_shows_are_refused() {
    let wide = |at: usize| {
        let mut limbs = [F::ZERO; ROLLUP_LIMBS];
        limbs[14..16].fill(F::ONE);
        limbs[at] = F::NEG_ONE;
        RollupPublic::from_limbs(&limbs)
    };
    for at in (8..24).filter(|at| !(24..28).contains(at)) {
        assert!(matches!(wide(at), Err(PublicError::TooWide { .. })), "limb {at}");
    }
    assert!(wide(0).is_ok());
    assert!(RollupPublic::from_limbs(&[F::ZERO; ROLLUP_LIMBS]).is_err(), "N and M are at least 1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_evaluation_is_the_sum_of_powers(seed: u64, inner in 1..5usize, outer in 1..4usize, count in 1..9usize) {
        let shape = shape(inner, outer);
        let world = world();
        let pending = transactions(&mut rng(seed), world.state().data_root, count.min(shape.slots()));
        let slots: Vec<ClientPublic> = pending.iter().map(|pending| pending.public).collect();
        let found = Published::new(shape, &slots).unwrap();
        prop_assert_eq!(found.bytes.len(), shape.published_bytes());

        let point = published::extension(found.challenge);
        let limbs = limbs_from_bytes(&found.bytes, 28 * shape.slots()).unwrap();
        let mut sum = published::Extension::ZERO;
        for (exponent, limb) in (0u64..).zip(&limbs) {
            sum += published::Extension::from(*limb) * point.exp_u64(exponent);
        }
        prop_assert_eq!(found.evaluation, published::words(sum));
        prop_assert_eq!(published::open(&found.commitment, shape, &found.bytes), Ok((found.challenge, found.evaluation)));

        let mut other = found.bytes.clone();
        other[7] ^= 1;
        prop_assert_ne!(published::open(&found.commitment, shape, &other), Ok((found.challenge, found.evaluation)));
        other.pop();
        prop_assert!(published::open(&found.commitment, shape, &other).is_err());
    }
}
