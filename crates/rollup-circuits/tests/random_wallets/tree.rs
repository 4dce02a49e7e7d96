//! The tree of proofs over one rollup, checked against what the plan says of each.

use proving::context::ProveContext;
use proving::statement::Mode;
use rollup::builder::RollupPlan;
use rollup_circuits::ChildProof;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::verify::{Expected, verify_rollup};
use rollup_circuits::{proof_file, verify};

use crate::drafts::Sent;

/// Proves the whole rollup, or checks every constraint of it, and compares all public inputs.
pub(crate) fn prove(family: &Family, plan: &RollupPlan, sent: &[Sent]) {
    let context = ProveContext::default();
    let mut wrapped = sent.iter().map(|sent| wrap(family, sent, &context));
    let mut inners = Vec::new();
    for (witness, public) in plan.inners.iter().zip(&plan.inner_publics) {
        let proofs = wrapped.by_ref().take(witness.slots.iter().flatten().count()).collect();
        let proof = family.prove_inner(witness, proofs, &context).unwrap();
        assert_eq!(proof.public_inputs(), public.limbs());
        inners.push(proof);
    }
    assert!(wrapped.next().is_none());
    let outer = family.prove_outer(&plan.outer, inners, &context).unwrap();
    assert_eq!(outer.public_inputs(), plan.public.limbs());
    let root = family.prove_root(outer, &context).unwrap();
    assert_eq!(root.public_inputs(), plan.public.limbs());
    verify::check_published(&plan.public, plan.public.shape, &plan.block.published_bytes()).unwrap();

    let key = family.verification_key(CircuitId::RootVerifier).unwrap();
    let expected = Expected {
        rollup_id: Some(plan.outer.old.rollup_id),
        old_state: Some(plan.outer.old.digest()),
        new_state: Some(plan.new_state.digest()),
        beneficiary: Some(plan.outer.beneficiary),
    };
    let verdict = verify_rollup(&proof_file::seal(&root, &key), &key, Some(&plan.block), &expected);
    match family.settings().mode {
        Mode::Real => assert_eq!(verdict.unwrap(), plan.public),
        // A mock is worth nothing outside the family that made it.
        _ => assert_eq!(verdict.unwrap_err().check(), "mode"),
    }
}

fn wrap(family: &Family, sent: &Sent, context: &ProveContext) -> ChildProof {
    let (client, proof) = sent.witness.prove(family, context);
    assert_eq!(proof.public_inputs(), sent.pending.public.limbs());
    let wrapped = family.prove_wrap(client, proof, context).unwrap();
    assert_eq!(wrapped.public_inputs(), sent.pending.public.limbs());
    wrapped
}
