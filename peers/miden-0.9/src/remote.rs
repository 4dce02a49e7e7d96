//! Asking a service with Miden's own client.

use anyhow::{Error, Result, bail};
use miden_objects::utils::Serializable;
use miden_proving_service_client::proving_service::batch_prover::RemoteBatchProver;
use miden_proving_service_client::proving_service::block_prover::RemoteBlockProver;
use miden_proving_service_client::proving_service::tx_prover::RemoteTransactionProver;
use miden_tx::TransactionProver;
use tonic::Status;

use crate::input::{Input, Kind};

/// A client of one service, which connects when it is first asked and keeps its connection.
pub(crate) enum Remote {
    Transaction(RemoteTransactionProver),
    Batch(RemoteBatchProver),
    Block(RemoteBlockProver),
}

impl Remote {
    /// The client of a kind for a service at an endpoint.
    pub(crate) fn new(kind: Kind, endpoint: &str) -> Self {
        match kind {
            Kind::Transaction => Self::Transaction(RemoteTransactionProver::new(endpoint)),
            Kind::Batch => Self::Batch(RemoteBatchProver::new(endpoint)),
            Kind::Block => Self::Block(RemoteBlockProver::new(endpoint)),
        }
    }

    /// Asks for a proof: its bytes, after the client's own checks.
    pub(crate) async fn prove(&self, input: &Input) -> Result<Vec<u8>> {
        Ok(match (self, input) {
            (Self::Transaction(client), Input::Transaction(witness)) => {
                client.prove((**witness).clone()).await?.to_bytes()
            }
            (Self::Batch(client), Input::Batch(batch)) => client.prove((**batch).clone()).await?.to_bytes(),
            (Self::Block(client), Input::Block(block)) => client.prove((**block).clone()).await?.to_bytes(),
            _ => bail!("the client is of another kind than the input"),
        })
    }
}

/// The name of the gRPC status under an error, like RESOURCE_EXHAUSTED, if a status is under it.
pub(crate) fn code(error: &Error) -> Option<String> {
    let status = error.chain().find_map(|cause| cause.downcast_ref::<Status>())?;
    let mut name = String::new();
    for letter in format!("{:?}", status.code()).chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    Some(name)
}
