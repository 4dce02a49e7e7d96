//! Beyond the numbered constraints: no public limb of a rollup can be changed alone, but for those that
//! the circuit above or the contract binds.

use plonky2::field::types::Field;

use super::super::Subject;
use super::super::harness::{accepted, refused};
use super::fixtures::at;
use super::settle::outer_at as to;
use super::subjects::{Inner, Outer};
use crate::plonk::F;
use crate::switches::Switches;

/// Public limbs of `honest` that may be another one alone.
fn free_limbs<S: Subject>(subject: &S, honest: &S::Values, public: fn(&mut S::Values) -> &mut Vec<F>) -> Vec<usize> {
    let built = subject.build(&Switches::default());
    accepted::<S>(&built, honest, false).expect("the values are honest");
    (0..S::public(honest).len())
        .filter(|limb| {
            let mut changed = honest.clone();
            public(&mut changed)[*limb] += F::ONE;
            refused::<S>(&built, &changed, false).is_err()
        })
        .collect()
}

#[test]
fn an_inner_rollup_binds_each_public_limb_but_id_and_defi_root() {
    let subject = Inner::<2>::new();
    let honest = subject.usual.inner(0).values;
    // O2RollupId and O2DefiRoot bind them.
    let free: Vec<usize> = [at::ROLLUP_ID].into_iter().chain(at::DEFI_ROOT..at::DEFI_ROOT + 4).collect();
    assert_eq!(free_limbs(&subject, &honest, |values| &mut values.public), free);
}

#[test]
fn an_outer_rollup_binds_each_public_limb_but_the_beneficiary() {
    let subject = Outer::<2>::new();
    let free: Vec<usize> = (to::BENEFICIARY..to::SHAPE).collect();
    assert_eq!(free_limbs(&subject, &subject.usual.outer(), |values| &mut values.public), free);
}
