//! Checks the proofs of the four kinds, with a key of one's own.

use std::sync::Arc;

use evm_arithmetization::PublicValues;
use proving::error::{VerifyError, with_sources};
use proving::kind::Kind;
use proving::prover::{Proof, Verifier};
use proving::statement::Statement;

use crate::asked;
use crate::key::VerificationKey;
use crate::recursive::{Level, RecursiveProof};
use crate::task::TaskInput;

/// Checks one of the four kinds.
#[derive(Debug)]
pub struct EvmVerifier {
    level: Level,
    key: Arc<VerificationKey>,
}

/// Verifiers of all four kinds.
pub fn verifiers(key: &Arc<VerificationKey>) -> Vec<EvmVerifier> {
    Level::ALL.map(|level| EvmVerifier { level, key: Arc::clone(key) }).into()
}

impl Verifier for EvmVerifier {
    fn kind(&self) -> Kind {
        self.level.kind()
    }

    fn statement(&self) -> Statement {
        self.key.statement()
    }

    fn verify(&self, input: &[u8], needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        if *proof.kind() != self.level.kind() {
            return Err(VerifyError::new("kind", format!("this is a proof of {}", proof.kind())));
        }
        let proof = RecursiveProof::from_bytes(proof.bytes())
            .map_err(|error| VerifyError::new("format", with_sources(&error)))?;
        if proof.level() != self.level {
            return Err(VerifyError::new("kind", format!("this is a proof of {} inside", proof.level())));
        }
        proof.verify(&self.key)?;
        let input = TaskInput::from_bytes(input).map_err(|error| VerifyError::new("input", with_sources(&error)))?;
        if input.kind() != self.level.kind() {
            return Err(VerifyError::new("input", format!("this is the input of {}", input.kind())));
        }
        answers(&input, needs, &proof.public_values()?)
    }
}

/// Whether a proof that says `values` answers the task. The needs are proofs that were verified before.
fn answers(input: &TaskInput, needs: &[&[u8]], values: &PublicValues) -> Result<(), VerifyError> {
    match (input, needs) {
        (TaskInput::Segment(segment), []) => asked::segment(values, segment),
        (TaskInput::SegmentAggregation { dummy: true }, [only]) => asked::follows(values, &said(only)?),
        (TaskInput::SegmentAggregation { dummy: false }, [left, right]) => {
            asked::follows(values, &asked::join_segments(&said(left)?, &said(right)?)?)
        }
        (TaskInput::BatchAggregation, [left, right]) => {
            asked::follows(values, &asked::join_batches(&said(left)?, &said(right)?)?)
        }
        (TaskInput::Block { previous: None }, [whole, previous]) => {
            asked::follows(values, &asked::block(&said(whole)?, Some(&said(previous)?))?)
        }
        (TaskInput::Block { previous }, [whole]) => {
            let previous = previous.as_ref().map(|previous| previous.public_values()).transpose()?;
            asked::follows(values, &asked::block(&said(whole)?, previous.as_ref())?)
        }
        _ => Err(VerifyError::new("needs", format!("{} is not the number of needs of this task", needs.len()))),
    }
}

fn said(need: &[u8]) -> Result<PublicValues, VerifyError> {
    let proof = RecursiveProof::from_bytes(need).map_err(|error| VerifyError::new("needs", with_sources(&error)))?;
    proof.public_values()
}
