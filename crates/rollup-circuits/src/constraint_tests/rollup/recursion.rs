//! The recursive verification: a whole chain of real proofs, and children of other circuits refused.
//!
//! The smallest shape, one transaction in one inner rollup. A foreign child comes from a circuit of the
//! right shape with one constraint missing, and its transcript starts from the right circuit's digest:
//! the cap of constants and sigmas alone tells it apart.

use std::marker::PhantomData;

use plonky2::iop::witness::PartialWitness;
use rollup::builder::{Pending, RollupPlan, build as plan};
use rollup::note::NO_ASSET;
use rollup::payload::Payload;
use rollup::shape::Shape;
use rollup::transaction::{Address, ClientPublic, layout};
use rollup::world::World;

use super::super::client_account::Account;
use super::super::client_join_split::{JoinSplit, deposit};
use super::super::harness::{accepted, refused};
use super::super::padding::Padding;
use super::super::{Built, Forgery, Subject, build, light};
use super::fixtures::{at, deployment, digest, f, put};
use super::settle::{outer_at as to, settle_outer};
use crate::client::join_split::JoinSplitValues;
use crate::inner::values::InnerValues;
use crate::inner::{self, InnerTargets};
use crate::outer::{self, OuterTargets, OuterValues};
use crate::plonk::{F, PlonkProof, VerifierData};
use crate::recursion::{ChildKey, ChildProof};
use crate::root_verifier::{self, RootTargets, RootValues};
use crate::switches::{Constraint, Switches};
use crate::wrap::{self, CLIENTS, WrapTargets, WrapValues};

/// The circuit that takes values of one sort, over real proofs.
struct Over<V, K = VerifierData> {
    key: K,
    values: PhantomData<V>,
}

fn over<V, K>(key: K) -> Over<V, K> {
    Over { key, values: PhantomData }
}

/// No forgeries: the tests here make their own.
macro_rules! real_subject {
    ($values:ty, $key:ty, $targets:ty, $name:literal, |$cx:ident, $k:ident| $define:expr) => {
        impl Subject for Over<$values, $key> {
            const NAME: &'static str = $name;
            const PROVES: bool = true;
            type Targets = $targets;
            type Values = $values;

            fn build(&self, switches: &Switches) -> Built<$targets> {
                let $k = &self.key;
                build(light(), switches, |$cx| $define)
            }

            fn assign(targets: &$targets, pw: &mut PartialWitness<F>, values: &$values) -> anyhow::Result<()> {
                targets.assign(pw, values)
            }

            fn public(values: &$values) -> Vec<F> {
                values.public.clone()
            }

            fn forgeries() -> Vec<Forgery<Self>> {
                Vec::new()
            }
        }
    };
}

real_subject!(WrapValues, [VerifierData; CLIENTS], WrapTargets, "real-wrap", |cx, key| wrap::define(cx, Some(key)));
real_subject!(InnerValues, VerifierData, InnerTargets, "real-inner", |cx, key| inner::define(
    cx,
    ChildKey::Real(key),
    1
));
real_subject!(OuterValues, VerifierData, OuterTargets, "real-outer", |cx, key| outer::define(
    cx,
    ChildKey::Real(key),
    1,
    1
));
real_subject!(RootValues, VerifierData, RootTargets, "real-root", |cx, key| root_verifier::define(
    cx,
    ChildKey::Real(key)
));

/// A proof of `values`, which shows what they claim and verifies.
fn prove<S: Subject>(built: &Built<S::Targets>, values: &S::Values) -> PlonkProof {
    let mut witness = PartialWitness::new();
    S::assign(&built.targets, &mut witness, values).unwrap();
    let proof = built.data.prove(witness).unwrap();
    assert_eq!(proof.public_inputs, S::public(values));
    built.data.verify(proof.clone()).unwrap();
    proof
}

/// A proof of `values` by a circuit without `missing` that is made to look like `honest`.
fn foreign<S: Subject>(subject: &S, honest: &Built<S::Targets>, missing: Constraint, values: &S::Values) -> PlonkProof {
    refused::<S>(honest, values, true).expect("the honest circuit does not prove them");
    let mut lax = subject.build(&Switches::without([missing]));
    assert_eq!(lax.data.common, honest.data.common, "{missing:?} does not change the circuit's shape");
    assert_ne!(lax.data.verifier_only, honest.data.verifier_only);
    let digest = honest.data.verifier_only.circuit_digest;
    lax.data.prover_only.circuit_digest = digest;
    lax.data.verifier_only.circuit_digest = digest;
    let proof = prove::<S>(&lax, values);
    assert!(honest.data.verify(proof.clone()).is_err(), "it is a proof of another circuit");
    proof
}

fn real(proof: &PlonkProof) -> ChildProof {
    ChildProof::Real(Box::new(proof.clone()))
}

/// A deposit into a new world, with the rollup that takes it.
fn story() -> (JoinSplitValues, World, ClientPublic, RollupPlan) {
    let world = World::in_memory(deployment(31_337)).unwrap();
    let mut values = deposit();
    put(&mut values.public, layout::DATA_ROOT, &world.state().data_root);
    put(&mut values.public, layout::PAYLOAD_DIGEST, &payload().digest());
    let public = ClientPublic::from_limbs(&values.public).unwrap();
    let plan = rollup_of(&world, public);
    (values, world, public, plan)
}

fn payload() -> Payload {
    Payload::decode(&[7; Payload::LEN]).unwrap()
}

fn rollup_of(world: &World, public: ClientPublic) -> RollupPlan {
    let assets = [public.fee_asset, NO_ASSET, NO_ASSET, NO_ASSET];
    let pending = Pending { public, payload: payload().encode() };
    plan(world, Shape::new(1, 1).unwrap(), &[pending], assets, Address([9; 5])).unwrap()
}

fn inner_values(plan: &RollupPlan, child: ChildProof) -> InnerValues {
    InnerValues::of(&plan.inners[0], plan.inner_publics[0].limbs().to_vec(), vec![child])
}

fn outer_values(plan: &RollupPlan, child: ChildProof) -> OuterValues {
    let public = plan.public.limbs().to_vec();
    OuterValues::of(&plan.outer, plan.new_state.roots_root, public, vec![child], 1).unwrap()
}

#[test]
fn a_chain_of_real_proofs_verifies_and_takes_no_proof_of_another_circuit() {
    let on = Switches::default();
    let (client_values, world, public, plan) = story();

    let join_split = JoinSplit.build(&on);
    let client = prove::<JoinSplit>(&join_split, &client_values);
    let clients = [join_split.data, Account.build(&on).data, Padding.build(&on).data].map(|data| data.verifier_data());

    let wraps = over::<WrapValues, _>(clients);
    let wrap = wraps.build(&on);
    let wrap_values = WrapValues::of(0, Some(&wraps.key), real(&client));
    let wrapped = prove::<Over<WrapValues, _>>(&wrap, &wrap_values);

    let inners = over::<InnerValues, _>(wrap.data.verifier_data());
    let inner = inners.build(&on);
    let inner_honest = inner_values(&plan, real(&wrapped));
    let inner_proof = prove::<Over<InnerValues>>(&inner, &inner_honest);

    let outers = over::<OuterValues, _>(inner.data.verifier_data());
    let outer = outers.build(&on);
    let outer_honest = outer_values(&plan, real(&inner_proof));
    let outer_proof = prove::<Over<OuterValues>>(&outer, &outer_honest);

    let roots = over::<RootValues, _>(outer.data.verifier_data());
    let root = roots.build(&on);
    let root_honest = RootValues { public: plan.public.limbs().to_vec(), child: real(&outer_proof) };
    let shown = prove::<Over<RootValues>>(&root, &root_honest).public_inputs;
    assert_eq!(shown, plan.public.limbs());

    // A wrap that does not tie what it shows to the client's proof, and a deposit that was never signed.
    let more = ClientPublic { public_amount: public.public_amount + 1_000_000, ..public };
    let mut unsigned = wrap_values;
    unsigned.public = more.limbs().to_vec();
    let child = foreign(&wraps, &wrap, Constraint::W2Public, &unsigned);
    let minting = rollup_of(&world, more);
    refused::<Over<InnerValues>>(&inner, &inner_values(&minting, real(&child)), true).unwrap();

    // The right wrap's proof with public inputs of the forger's own.
    let mut tampered = wrapped;
    tampered.public_inputs = more.limbs().to_vec();
    refused::<Over<InnerValues>>(&inner, &inner_values(&minting, real(&tampered)), true).unwrap();

    // An inner circuit without a fee sum, and a fee that nobody paid.
    let mut inflated = inner_honest;
    inflated.public[at::FEE_SUMS] += f(1_000_000);
    let child = foreign(&inners, &inner, Constraint::I4Sum, &inflated);
    let mut paid_out = outer_values(&plan, real(&child));
    settle_outer(&mut paid_out, true);
    assert_ne!(paid_out.public[to::FEE_SUMS], outer_honest.public[to::FEE_SUMS]);
    refused::<Over<OuterValues>>(&outer, &paid_out, true).unwrap();

    // An outer circuit without a new state, and a state of the forger's own.
    let mut rewritten = outer_honest;
    put(&mut rewritten.public, to::NEW_STATE, &digest(13));
    let child = foreign(&outers, &outer, Constraint::O4NewState, &rewritten);
    let stolen = RootValues { public: rewritten.public, child: real(&child) };
    refused::<Over<RootValues>>(&root, &stolen, true).unwrap();
    accepted::<Over<RootValues>>(&root, &root_honest, false).unwrap();
}
