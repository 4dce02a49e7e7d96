//! Beyond the numbered constraints: no public limb can be changed alone, and no path bit be anything
//! but 0 or 1.

use plonky2::field::types::Field;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::state::DATA_DEPTH;
use rollup::transaction::layout;

use super::client_account::{Account, add, create, migrate};
use super::client_join_split::{JoinSplit, deposit, pay, registered, withdraw};
use super::fixture::{digest, tree};
use super::harness::{accepted, complete, refused};
use super::{Built, Subject, build, light};
use crate::check::{Matrix, Violation};
use crate::plonk::F;
use crate::switches::Switches;

/// Public limbs that `values` leave to the prover: changing one of them alone is accepted.
fn free_limbs<S: Subject>(subject: &S, values: &S::Values, set: impl Fn(&mut S::Values, usize)) -> Vec<usize> {
    let built = subject.build(&Switches::default());
    accepted::<S>(&built, values, false).expect("the values are honest");
    (0..layout::TOTAL)
        .filter(|limb| {
            let mut changed = values.clone();
            set(&mut changed, *limb);
            refused::<S>(&built, &changed, false).is_err()
        })
        .collect()
}

/// The payload's digest is the sender's word; on deposit and withdrawal so is the owner.
#[test]
fn each_public_limb_of_a_join_split_is_bound_but_payload_and_owner() {
    let payload: Vec<usize> = (layout::PAYLOAD_DIGEST..layout::DATA_ROOT).collect();
    let owner: Vec<usize> = (layout::PUBLIC_OWNER..layout::PUBLIC_ASSET).collect();
    let root: Vec<usize> = (layout::DATA_ROOT..layout::FEE).collect();
    let stories = [
        (pay(), payload.clone()),
        (registered(), payload.clone()),
        // The owner's inverse is a witness, so a changed owner comes with its own.
        (withdraw(), [&owner[..], &payload].concat()),
        // Nothing is spent, so any data root will do: constraint I2 decides which there are.
        (deposit(), [&owner[..], &payload, &root].concat()),
    ];
    for (values, free) in stories {
        let found = free_limbs(&JoinSplit, &values, |values, limb| {
            values.public[limb] += F::ONE;
            values.owner_inverse =
                values.public[owner[0]..=owner[4]].iter().copied().sum::<F>().try_inverse().unwrap_or_default();
        });
        assert_eq!(found, free);
    }
}

#[test]
fn each_public_limb_of_an_account_transaction_is_bound() {
    let root: Vec<usize> = (layout::DATA_ROOT..layout::FEE).collect();
    // Create opens nothing, so any data root will do.
    for (values, free) in [(create(), root), (add(), vec![]), (migrate(), vec![])] {
        assert_eq!(free_limbs(&Account, &values, |values, limb| values.public[limb] += F::ONE), free);
    }
}

/// With the swap s a node's children are `leaf + s·(sibling − leaf)` and `sibling − s·(sibling − leaf)`: at
/// s = 2 a leaf that is not there would open the tree. Only the gate's first constraint stands against it.
#[test]
fn a_path_bit_of_two_is_refused_by_that_alone() {
    // The gate's wires: 12 inputs, 12 outputs, the swap, four times the swap times the difference.
    const SWAP: usize = 24;
    let [left, right] = [digest(1), digest(2)];
    let (root, paths) = tree(&[left, right]);
    let built = build(light(), &Switches::default(), |cx| {
        let leaf = cx.digest();
        let path = cx.path(DATA_DEPTH);
        let root = cx.root(leaf, &path);
        cx.b.register_public_inputs(&root);
        (leaf, path)
    });
    let mut witness = PartialWitness::new();
    witness.set_target_arr(&built.targets.0, &right.0).unwrap();
    built.targets.1.assign(&mut witness, &paths[1]).unwrap();
    let Built { data, checker, .. } = &built;
    let honest = Matrix::of(data, &complete(data, &witness));
    checker.check_matrix(data, &honest).unwrap();
    assert_eq!(honest.public_inputs, root.0);

    let row = (0..data.common.degree())
        .position(|row| honest.wires[row * data.common.config.num_wires..].starts_with(&right.0))
        .unwrap();
    let mut forged = honest;
    let wires = &mut forged.wires[row * data.common.config.num_wires..];
    let third = F::from_canonical_u64(3).inverse();
    wires[SWAP] = F::TWO;
    for limb in 0..4 {
        let (l, r) = (left.0[limb], right.0[limb]);
        let [leaf, sibling] = [(l + F::TWO * r) * third, (F::TWO * l + r) * third];
        wires[limb] = leaf;
        wires[limb + 4] = sibling;
        wires[SWAP + 1 + limb] = F::TWO * (sibling - leaf);
    }
    let refused = checker.check_matrix(data, &forged);
    assert!(matches!(&refused, Err(Violation::Gate { constraint: 0, .. })), "{refused:?}");
    forged.wires[row * data.common.config.num_wires + SWAP] = F::ONE;
    assert!(checker.check_matrix(data, &forged).is_err());
}
