//! The family behind the vocabulary that all families share: one prover and one verifier a circuit.

use std::sync::Arc;

use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;

use crate::family::Family;
use crate::id::CircuitId;
use crate::proof_file;
use crate::recursion::ChildProof;
use crate::verification_key::VerificationKey;
use crate::verify::verify_file;
use crate::witness_file::Witness;

/// Proves one circuit. Its input is a witness file, empty for wrap, padding and root verifier; its needs
/// are proof files: the client proof for a wrap, the wrapped ones for an inner, and so on.
#[derive(Debug, Clone)]
pub struct CircuitProver {
    family: Arc<Family>,
    circuit: CircuitId,
}

/// Verifies proofs of one circuit under a key that it was given.
#[derive(Debug, Clone)]
pub struct CircuitVerifier {
    key: Arc<VerificationKey>,
}

impl CircuitProver {
    /// A prover of `circuit`.
    pub fn new(family: Arc<Family>, circuit: CircuitId) -> Self {
        Self { family, circuit }
    }

    fn witness(&self, input: &[u8]) -> Result<Witness, ProveError> {
        let witness = Witness::from_bytes(input).map_err(|error| ProveError::invalid_input(error.to_string()))?;
        if witness.circuit() == self.circuit {
            Ok(witness)
        } else {
            let text = format!("this is a witness of {}, not of {}", witness.circuit(), self.circuit);
            Err(ProveError::invalid_input(text))
        }
    }

    fn needed(&self, circuit: CircuitId, bytes: &[u8]) -> Result<ChildProof, ProveError> {
        let key = self.family.verification_key(circuit)?;
        proof_file::open(bytes)
            .and_then(|file| file.read(&key))
            .map_err(|error| ProveError::invalid_input(format!("a needed {circuit} proof: {error}")))
    }

    fn all_needed(&self, circuit: CircuitId, needs: &[&[u8]]) -> Result<Vec<ChildProof>, ProveError> {
        needs.iter().map(|bytes| self.needed(circuit, bytes)).collect()
    }

    fn only<'a>(&self, needs: &[&'a [u8]]) -> Result<&'a [u8], ProveError> {
        match needs {
            [need] => Ok(need),
            _ => Err(ProveError::invalid_input(format!("{} takes one proof, here are {}", self.circuit, needs.len()))),
        }
    }

    fn nothing(&self, what: &str, found: usize) -> Result<(), ProveError> {
        if found == 0 { Ok(()) } else { Err(ProveError::invalid_input(format!("{} takes no {what}", self.circuit))) }
    }

    fn client_of(bytes: &[u8]) -> Result<CircuitId, ProveError> {
        let file = proof_file::open(bytes).map_err(|error| ProveError::invalid_input(error.to_string()))?;
        file.header.circuit.parse().map_err(|_| ProveError::invalid_input("the proof names no circuit"))
    }
}

impl Prover for CircuitProver {
    fn kind(&self) -> Kind {
        self.circuit.kind()
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(self.family.verification_key(self.circuit)?.statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        let family = &self.family;
        let proof = match self.circuit {
            CircuitId::Padding => {
                self.nothing("input", input.len())?;
                self.nothing("proofs", needs.len())?;
                family.prove_padding(context)?
            }
            CircuitId::Wrap => {
                self.nothing("input", input.len())?;
                let bytes = self.only(needs)?;
                let client = Self::client_of(bytes)?;
                if !CircuitId::CLIENTS.contains(&client) {
                    return Err(ProveError::invalid_input(format!("a wrap takes a client proof, not one of {client}")));
                }
                family.prove_wrap(client, self.needed(client, bytes)?, context)?
            }
            CircuitId::RootVerifier => {
                self.nothing("input", input.len())?;
                family.prove_root(self.needed(CircuitId::Outer, self.only(needs)?)?, context)?
            }
            CircuitId::JoinSplit | CircuitId::Account | CircuitId::Inner | CircuitId::Outer => {
                match self.witness(input)? {
                    Witness::JoinSplit(witness) => {
                        self.nothing("proofs", needs.len())?;
                        family.prove_join_split(&witness, context)?
                    }
                    Witness::Account(witness) => {
                        self.nothing("proofs", needs.len())?;
                        family.prove_account(&witness, context)?
                    }
                    Witness::Inner(witness) => {
                        family.prove_inner(&witness, self.all_needed(CircuitId::Wrap, needs)?, context)?
                    }
                    Witness::Outer(witness) => {
                        family.prove_outer(&witness, self.all_needed(CircuitId::Inner, needs)?, context)?
                    }
                }
            }
        };
        let key = family.verification_key(self.circuit)?;
        Ok(Proof::new(self.kind(), proof_file::seal(&proof, &key)))
    }
}

impl CircuitVerifier {
    /// A verifier with `key`.
    pub fn new(key: Arc<VerificationKey>) -> Self {
        Self { key }
    }
}

impl Verifier for CircuitVerifier {
    fn kind(&self) -> Kind {
        self.key.circuit().kind()
    }

    fn statement(&self) -> Statement {
        self.key.statement()
    }

    fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        if *proof.kind() != self.kind() {
            return Err(VerifyError::new("kind", format!("this is a proof of {}", proof.kind())));
        }
        let verified = verify_file(proof.bytes(), &self.key)?;
        let asked = crate::asked::public_inputs(self.key.circuit(), self.key.shape(), input, needs)?;
        if verified.public_inputs() == asked {
            Ok(())
        } else {
            Err(VerifyError::new("public", "the proof holds, but is not of what was asked"))
        }
    }
}
