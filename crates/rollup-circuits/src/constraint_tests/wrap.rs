//! Forgeries of the wrap, with real client proofs.

use plonky2::field::types::Field;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::prover::prove;
use plonky2::util::timing::TimingTree;
use rollup::transaction::layout;

use super::client_account::Account;
use super::client_join_split::JoinSplit;
use super::fixture::{digest, field};
use super::padding::Padding;
use super::{Attempt, Built, Forgery, Subject, build, light};
use crate::client::{PublicTarget, make_uniform};
use crate::plonk::{C, D, Data, F, PlonkProof, VerifierData, VerifierOnly};
use crate::recursion::ChildProof;
use crate::switches::{Constraint, Switches};
use crate::wrap::{self, CLIENTS, WrapTargets, WrapValues};

/// Which client circuit padding is.
const PADDING: usize = 2;

/// The wrap over the three client circuits.
pub(crate) struct Wrap {
    clients: [VerifierData; CLIENTS],
    /// A proof of padding.
    padding: PlonkProof,
    /// A proof of a minting transaction under a circuit of the clients' shape without a constraint, whose
    /// transcript starts from padding's digest; and that circuit's real key.
    unconstrained: (PlonkProof, VerifierOnly),
    /// A proof of padding whose transcript starts from a foreign digest.
    elsewhere: (PlonkProof, VerifierOnly),
}

impl Wrap {
    /// Builds the clients and makes the proofs.
    pub(crate) fn new() -> Self {
        let on = Switches::default();
        let mut padding = Padding.build(&on);
        let clients = [
            JoinSplit.build(&on).data.verifier_data(),
            Account.build(&on).data.verifier_data(),
            padding.data.verifier_data(),
        ];
        assert!(clients.iter().all(|client| client.common == clients[0].common), "the clients have one shape");
        let zeros = vec![F::ZERO; layout::TOTAL];
        let honest = proof(&padding.data, &padding.targets, &zeros);

        let mut evil = build(light(), &on, |cx| {
            let public = PublicTarget::register(cx);
            make_uniform(cx.b);
            public
        });
        assert_eq!(evil.data.common, clients[0].common, "a circuit without constraints has the clients' shape");
        let evil_key = evil.data.verifier_only.clone();
        evil.data.prover_only.circuit_digest = clients[PADDING].verifier_only.circuit_digest;
        let unconstrained = (proof(&evil.data, &evil.targets, &minted()), evil_key);

        let mut key = padding.data.verifier_only.clone();
        key.circuit_digest.elements = digest(1).0;
        padding.data.prover_only.circuit_digest = key.circuit_digest;
        let elsewhere = (proof(&padding.data, &padding.targets, &zeros), key);
        Self { clients, padding: honest, unconstrained, elsewhere }
    }

    fn honest(&self) -> WrapValues {
        let child = ChildProof::Real(Box::new(self.padding.clone()));
        WrapValues::of(PADDING, Some(&self.clients), child)
    }

    /// An attempt to wrap `proof` under `key`.
    fn under(&self, proof: &PlonkProof, key: &VerifierOnly) -> Attempt<WrapValues> {
        Attempt::on(self.honest(), |forged| {
            *forged = WrapValues::of(PADDING, Some(&self.clients), ChildProof::Real(Box::new(proof.clone())));
            choose(forged, None, Some(key));
        })
    }

    /// An attempt to wrap the proof without constraints under its own key, by other flags.
    fn by_flags(&self, flags: [F; CLIENTS]) -> Attempt<WrapValues> {
        let (proof, evil) = &self.unconstrained;
        let key = VerifierOnly {
            constants_sigmas_cap: evil.constants_sigmas_cap.clone(),
            circuit_digest: self.clients[PADDING].verifier_only.circuit_digest,
        };
        let Attempt { honest, mut forged } = self.under(proof, &key);
        choose(&mut forged, Some(flags), None);
        Attempt { honest, forged }
    }
}

/// Public limbs that no client circuit allows: a note of value in an empty slot.
fn minted() -> Vec<F> {
    let mut limbs = vec![F::ZERO; layout::TOTAL];
    limbs[layout::COMMITMENTS..][..4].copy_from_slice(&digest(2).0);
    limbs
}

fn choose(values: &mut WrapValues, flags: Option<[F; CLIENTS]>, key: Option<&VerifierOnly>) {
    let choice = values.choice.as_mut().expect("the wrap over real proofs has a choice");
    choice.0 = flags.unwrap_or(choice.0);
    if let Some(key) = key {
        choice.1 = key.clone();
    }
}

fn proof(data: &Data, targets: &PublicTarget, limbs: &[F]) -> PlonkProof {
    let mut witness = PartialWitness::new();
    witness.set_target_arr(&targets.0, limbs).expect("each limb has a wire");
    prove::<F, C, D>(&data.prover_only, &data.common, witness, &mut TimingTree::default())
        .expect("the limbs are allowed")
}

impl Subject for Wrap {
    const NAME: &'static str = "wrap";
    const PROVES: bool = true;
    type Targets = WrapTargets;
    type Values = WrapValues;

    fn build(&self, switches: &Switches) -> Built<WrapTargets> {
        build(light(), switches, |cx| wrap::define(cx, Some(&self.clients)))
    }

    fn assign(targets: &WrapTargets, pw: &mut PartialWitness<F>, values: &WrapValues) -> anyhow::Result<()> {
        targets.assign(pw, values)
    }

    fn public(values: &WrapValues) -> Vec<F> {
        values.public.clone()
    }

    fn forgeries() -> Vec<Forgery<Self>> {
        let forgery = |breaks, says, given_off, make| Forgery { breaks, says, given_off, make };
        let free_key: &[Constraint] = &[Constraint::W1Digest, Constraint::W1Cap];
        vec![
            forgery(Constraint::W1Boolean, "mixes the keys by flags 2, −1, 0", free_key, |wrap: &Self| {
                wrap.by_flags([F::TWO, F::NEG_ONE, F::ZERO])
            }),
            forgery(Constraint::W1OneHot, "chooses no key", free_key, |wrap| wrap.by_flags([F::ZERO; CLIENTS])),
            forgery(Constraint::W1OneHot, "chooses two keys", free_key, |wrap| {
                wrap.by_flags([F::ONE, F::ZERO, F::ONE])
            }),
            forgery(Constraint::W1Digest, "a foreign digest with an allowed cap", &[], |wrap| {
                let (proof, key) = &wrap.elsewhere;
                wrap.under(proof, key)
            }),
            forgery(
                Constraint::W1Cap,
                "an allowed digest with a foreign cap: a circuit without constraints",
                &[],
                |wrap| {
                    let (proof, evil) = &wrap.unconstrained;
                    let allowed = wrap.clients[PADDING].verifier_only.circuit_digest;
                    let key = VerifierOnly {
                        constants_sigmas_cap: evil.constants_sigmas_cap.clone(),
                        circuit_digest: allowed,
                    };
                    wrap.under(proof, &key)
                },
            ),
            forgery(Constraint::W2Public, "shows a note that the proof does not have", &[], |wrap| {
                Attempt::on(wrap.honest(), |forged| forged.public = minted())
            }),
            forgery(Constraint::W2Public, "shows a smaller fee than the proof", &[], |wrap| {
                Attempt::on(wrap.honest(), |forged| forged.public[layout::FEE] = field(1))
            }),
        ]
    }
}
