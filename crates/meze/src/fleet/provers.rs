//! What a prover child proves with, and what a dispatcher checks with: the circuits, behind inputs that may be
//! bundles.

use std::sync::Arc;

use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;
use rollup_circuits::family::Family;
use rollup_circuits::id::CircuitId;
use rollup_circuits::provers::{CircuitProver, CircuitVerifier};
use rollup_circuits::verification_key::VerificationKey;

use super::bundle::unpack;
use super::circuits::Skill;
use super::keys::KeyProver;
use super::sleep::SleepProver;

/// A circuit whose input may bring proofs along.
#[derive(Debug)]
struct Bundled<P>(P);

fn joined<'a>(input: &'a [u8], needs: &[&'a [u8]]) -> Result<(&'a [u8], Vec<&'a [u8]>), String> {
    let (input, mut proofs) = unpack(input)?;
    proofs.extend(needs);
    Ok((input, proofs))
}

impl Prover for Bundled<CircuitProver> {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        self.0.statement()
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        let (input, needs) = joined(input, needs).map_err(ProveError::invalid_input)?;
        self.0.prove(input, &needs, context)
    }
}

impl Verifier for Bundled<CircuitVerifier> {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn statement(&self) -> Statement {
        self.0.statement()
    }

    fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        let (input, needs) = joined(input, needs).map_err(|reason| VerifyError::new("input", reason))?;
        self.0.verify(input, &needs, proof)
    }
}

/// The provers of these skills, their keys built or loaded, and no other circuit's key kept.
///
/// # Errors
/// A circuit is larger than is allowed.
pub fn provers(family: &Arc<Family>, skills: &[Skill]) -> Result<Vec<Arc<dyn Prover>>, ProveError> {
    let mut provers: Vec<Arc<dyn Prover>> = Vec::new();
    for skill in skills {
        match skill {
            Skill::Circuit(circuit) => {
                family.prepare(*circuit).map_err(ProveError::from)?;
                provers.push(Arc::new(Bundled(CircuitProver::new(family.clone(), *circuit))));
            }
            Skill::Keys => {
                let keys = CircuitId::ALL.map(|circuit| KeyProver::new(family.clone(), circuit));
                provers.extend(keys.map(|prover| Arc::new(prover) as Arc<dyn Prover>));
            }
            Skill::Miden(kind) => {
                let unknown = || ProveError::worker(format!("no prover of {kind} is in this program"));
                provers.push(miden_proving::prover(&kind.kind()).ok_or_else(unknown)?);
            }
            Skill::Sleep => provers.push(Arc::new(SleepProver)),
        }
    }
    let needed = |circuit: &CircuitId| skills.contains(&Skill::Circuit(*circuit));
    CircuitId::ALL.iter().filter(|circuit| !needed(circuit)).for_each(|circuit| family.release(*circuit));
    Ok(provers)
}

/// The verifier of a circuit's tasks, by its key.
pub fn verifier(key: VerificationKey) -> Arc<dyn Verifier> {
    Arc::new(Bundled(CircuitVerifier::new(Arc::new(key))))
}
