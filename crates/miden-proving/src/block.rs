//! Blocks: Miden 0.15 has no proof of a block yet. Its prover looks at nothing and its proof is zero bytes long.
//!
//! A request comes in one of two encodings. The published client of 0.13 to 0.15 writes a `ProposedBlock`, while the
//! server of the same versions reads a `BlockProofRequest`, so that upstream's two ends do not understand each other.
//! Here each of them is read, and has to be read to the last byte.

use miden_block_prover::LocalBlockProver;
use miden_protocol::batch::OrderedBatches;
use miden_protocol::block::{BlockHeader, BlockInputs, BlockProof, ProposedBlock};
use miden_protocol::utils::serde::{Deserializable, Serializable};
use proving::context::ProveContext;
use proving::error::{ProveError, VerifyError};
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};
use proving::statement::Statement;

use crate::decode::{NotDecoded, of_kind, whole, whole_with, without_panic};
use crate::{SECURITY_LEVEL, alone, statement};

/// Proves and checks blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks;

/// What a request for a block's proof is, by who wrote it.
enum Request {
    /// `BlockProofRequest`, as upstream's server reads it: the batches, the header, the inputs.
    Parts(Box<(OrderedBatches, BlockHeader, BlockInputs)>),
    /// `ProposedBlock`, as upstream's client writes it. Upstream's prover cannot be given one, and would look at
    /// nothing in it, so that it is read and dropped.
    Proposed,
}

fn read(input: &[u8]) -> Result<Request, NotDecoded> {
    let parts = whole_with(input, "the batches, header and inputs of a block of Miden 0.15", |reader| {
        Ok((OrderedBatches::read_from(reader)?, BlockHeader::read_from(reader)?, BlockInputs::read_from(reader)?))
    });
    match parts {
        Ok(parts) => Ok(Request::Parts(Box::new(parts))),
        Err(_) => {
            whole::<ProposedBlock>(input, "a block of Miden 0.15 in either of its two encodings")?;
            Ok(Request::Proposed)
        }
    }
}

impl Prover for Blocks {
    fn kind(&self) -> Kind {
        Kind::MIDEN_BLOCK
    }

    fn statement(&self) -> Result<Statement, ProveError> {
        Ok(statement())
    }

    fn prove(&self, input: &[u8], needs: &[&[u8]], context: &ProveContext) -> Result<Proof, ProveError> {
        alone(needs)?;
        context.step("decode", 0, 3)?;
        let request = read(input).map_err(NotDecoded::into_prove_error)?;
        context.step("prove", 1, 3)?;
        let proof = match request {
            Request::Parts(parts) => {
                let (batches, header, inputs) = *parts;
                LocalBlockProver::new(SECURITY_LEVEL)
                    .prove(batches, &header, inputs)
                    .map_err(|source| ProveError::worker("failed to prove block").with_source(source))?
            }
            Request::Proposed => BlockProof {},
        };
        context.step("encode", 2, 3)?;
        Ok(Proof::new(Kind::MIDEN_BLOCK, proof.to_bytes()))
    }
}

impl Verifier for Blocks {
    fn kind(&self) -> Kind {
        Kind::MIDEN_BLOCK
    }

    fn statement(&self) -> Statement {
        statement()
    }

    fn verify(&self, input: &[u8], _needs: &[&[u8]], proof: &Proof) -> Result<(), VerifyError> {
        of_kind(proof, &Kind::MIDEN_BLOCK)?;
        without_panic(|| {
            read(input).map_err(|error| error.into_verify_error("request"))?;
            whole::<BlockProof>(proof.bytes(), "a proof of a block of Miden 0.15, which is empty")
                .map_err(|error| error.into_verify_error("encoding"))?;
            Ok(())
        })
    }
}
