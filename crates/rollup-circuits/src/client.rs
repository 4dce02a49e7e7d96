//! The client circuits: join-split, account, padding.
//!
//! The three have one `CommonCircuitData`: one layout of public inputs, one gate set, one degree. So
//! one wrap circuit verifies them all and only the verification key tells them apart.

pub(crate) mod account;
pub(crate) mod join_split;
pub(crate) mod padding;

use plonky2::gates::arithmetic_base::ArithmeticGate;
use plonky2::gates::base_sum::BaseSumGate;
use plonky2::gates::constant::ConstantGate;
use plonky2::gates::gate::GateRef;
use plonky2::gates::noop::NoopGate;
use plonky2::gates::poseidon::PoseidonGate;
use plonky2::gates::public_input::PublicInputGate;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use rollup::transaction::layout;

use crate::gadgets::Cx;
use crate::plonk::{Builder, D, DigestTarget, F};

/// Rows of every client circuit before blinding: the largest one's, so that all pad to one degree.
const CLIENT_ROWS: usize = 192;

/// The 43 public limbs of a client transaction, set from outside.
#[derive(Debug, Clone)]
pub(crate) struct PublicTarget(pub(crate) Vec<Target>);

impl PublicTarget {
    /// Adds and registers the public inputs.
    pub(crate) fn register(cx: &mut Cx<'_>) -> Self {
        let limbs = cx.b.add_virtual_targets(layout::TOTAL);
        cx.b.register_public_inputs(&limbs);
        Self(limbs)
    }

    /// Takes the public inputs of a verified proof.
    pub(crate) fn of_proof(limbs: &[Target]) -> Self {
        assert_eq!(limbs.len(), layout::TOTAL, "a client proof has 43 public inputs");
        Self(limbs.to_vec())
    }

    pub(crate) fn at(&self, limb: usize) -> Target {
        self.0[limb]
    }

    pub(crate) fn digest(&self, at: usize) -> DigestTarget {
        std::array::from_fn(|limb| self.0[at + limb])
    }

    pub(crate) fn commitment(&self, position: usize) -> DigestTarget {
        self.digest(layout::COMMITMENTS + 4 * position)
    }

    pub(crate) fn nullifier(&self, position: usize) -> DigestTarget {
        self.digest(layout::NULLIFIERS + 4 * position)
    }

    pub(crate) fn owner(&self) -> &[Target] {
        &self.0[layout::PUBLIC_OWNER..layout::PUBLIC_OWNER + 5]
    }

    pub(crate) fn reserved(&self) -> &[Target] {
        &self.0[layout::RESERVED..]
    }

    /// The 28 limbs that are published.
    pub(crate) fn published(&self) -> &[Target] {
        &self.0[..layout::PUBLISHED]
    }

    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, limbs: &[F]) -> anyhow::Result<()> {
        pw.set_target_arr(&self.0, limbs)
    }
}

/// Gives a client circuit the gate set and row count of all three.
pub(crate) fn make_uniform(b: &mut Builder) {
    let gates: [GateRef<F, D>; 6] = [
        GateRef::new(PoseidonGate::<F, D>::new()),
        GateRef::new(ArithmeticGate::new_from_config(&b.config)),
        GateRef::new(BaseSumGate::<2>::new_from_config::<F>(&b.config)),
        GateRef::new(ConstantGate::new(b.config.num_constants)),
        GateRef::new(PublicInputGate),
        GateRef::new(NoopGate),
    ];
    for gate in gates {
        b.add_gate_to_gate_set(gate);
    }
    while b.num_gates() < CLIENT_ROWS {
        b.add_gate(NoopGate, vec![]);
    }
}
