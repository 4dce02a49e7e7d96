//! The wrap: one more proof over a client proof, made on the user's device.
//!
//! Only the wrapped proof is sent, so every later circuit sees one constant client key and none sees
//! the raw proof. The key is a one-hot choice among the constants of the three client keys: digest and
//! constants/sigmas cap, because the digest alone binds nothing.

use plonky2::field::types::Field;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::VerifierCircuitTarget;

use crate::client::PublicTarget;
use crate::gadgets::Cx;
use crate::plonk::{F, VerifierData, VerifierOnly};
use crate::recursion::{ChildKey, ChildProof, ChildTarget};
use crate::switches::Constraint as Is;

/// How many client circuits there are: join-split, account, padding.
pub(crate) const CLIENTS: usize = 3;

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct WrapTargets {
    choice: Option<([BoolTarget; CLIENTS], VerifierCircuitTarget)>,
    child: ChildTarget,
    public: PublicTarget,
}

/// Defines the circuit over the three client keys; `None` in proverless mode.
pub(crate) fn define(cx: &mut Cx<'_>, clients: Option<&[VerifierData; CLIENTS]>) -> WrapTargets {
    let (choice, child) = match clients {
        Some(clients) => {
            let flags: [BoolTarget; CLIENTS] = std::array::from_fn(|_| cx.flag(Is::W1Boolean));
            let total = cx.b.add_many(flags.map(|flag| flag.target));
            let one = cx.b.one();
            cx.equal(Is::W1OneHot, total, one);
            let cap_height = clients[0].common.config.fri_config.cap_height;
            let key = cx.b.add_virtual_verifier_data(cap_height);
            let keys = clients.each_ref().map(|client| &client.verifier_only);
            let digest = chosen(cx, flags, keys.map(|key| key.circuit_digest.elements.to_vec()));
            cx.equal_all(Is::W1Digest, &key.circuit_digest.elements, &digest);
            let cap = chosen(cx, flags, keys.map(|key| key.constants_sigmas_cap.flatten()));
            let cap_targets: Vec<Target> = key.constants_sigmas_cap.0.iter().flat_map(|hash| hash.elements).collect();
            cx.equal_all(Is::W1Cap, &cap_targets, &cap);
            let child = cx.verify_under(&clients[0], &key);
            (Some((flags, key)), child)
        }
        None => (None, cx.verify_child(ChildKey::Mock { public_inputs: rollup::transaction::layout::TOTAL })),
    };
    let public = PublicTarget::register(cx);
    cx.equal_all(Is::W2Public, &public.0, child.public_inputs());
    WrapTargets { choice, child, public }
}

/// `Σ flag · constant`, element by element.
fn chosen(cx: &mut Cx<'_>, flags: [BoolTarget; CLIENTS], constants: [Vec<F>; CLIENTS]) -> Vec<Target> {
    (0..constants[0].len())
        .map(|element| {
            let mut sum = cx.b.zero();
            for (flag, constants) in flags.iter().zip(&constants) {
                sum = cx.b.mul_const_add(constants[element], flag.target, sum);
            }
            sum
        })
        .collect()
}

/// Every value that is set from outside; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct WrapValues {
    /// Which client circuit, and its key; `None` in proverless mode.
    pub(crate) choice: Option<([F; CLIENTS], VerifierOnly)>,
    pub(crate) child: ChildProof,
    pub(crate) public: Vec<F>,
}

impl WrapValues {
    /// The honest values for a proof of client circuit number `client`.
    pub(crate) fn of(client: usize, clients: Option<&[VerifierData; CLIENTS]>, child: ChildProof) -> Self {
        let choice = clients.map(|clients| {
            let flags = std::array::from_fn(|index| F::from_bool(index == client));
            (flags, clients[client].verifier_only.clone())
        });
        Self { choice, public: child.public_inputs().to_vec(), child }
    }
}

impl WrapTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &WrapValues) -> anyhow::Result<()> {
        if let (Some((flags, target)), Some((choice, key))) = (&self.choice, &values.choice) {
            pw.set_target_arr(&flags.map(|flag| flag.target), choice)?;
            pw.set_verifier_data_target(target, key)?;
        }
        self.child.assign(pw, &values.child)?;
        self.public.assign(pw, &values.public)
    }
}
