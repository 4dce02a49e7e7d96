//! One proof through the real client, and what came of it.

use std::error::Error;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use miden_block_prover::LocalBlockProver;
use miden_protocol::MIN_PROOF_SECURITY_LEVEL;
use miden_protocol::batch::{OrderedBatches, ProposedBatch};
use miden_protocol::block::{BlockHeader, BlockInputs, ProposedBlock};
use miden_protocol::transaction::{ProvenTransaction, TransactionInputs};
use miden_protocol::utils::serde::{ByteReader, Deserializable, Serializable, SliceReader};
use miden_remote_prover_client::{RemoteBatchProver, RemoteBlockProver, RemoteTransactionProver};
use miden_tx::TransactionVerifier;
use miden_tx_batch_prover::LocalBatchProver;
use serde_json::{Value, json};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A transaction, from its serialised `TransactionInputs`.
    Transaction,
    /// A batch, from a serialised `ProposedBatch`.
    Batch,
    /// A block, from a serialised `ProposedBlock` or from its batches, header and inputs.
    Block,
}

impl Kind {
    /// The name, as the command line writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Batch => "batch",
            Self::Block => "block",
        }
    }
}

/// How it is asked.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Where, as `http://host:port`.
    pub endpoint: String,
    /// How long the client waits for each answer; without one, as long as it does by itself.
    pub timeout: Option<Duration>,
    /// How often it asks at most: again at once after an error.
    pub asks: u32,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What was asked for.
    pub kind: Kind,
    /// From the first ask to the last answer.
    pub elapsed: Duration,
    /// How often it asked.
    pub asks: u32,
    /// The proof as the client gave it, serialised again.
    pub proof: Option<Vec<u8>>,
    /// Whether the proof holds and answers the request; nothing where there is no proof.
    pub verified: Option<bool>,
    /// Why there is no proof, or what is wrong with it, with everything under it.
    pub error: Option<String>,
    /// The gRPC status under the last error, if there is one.
    pub code: Option<String>,
}

impl Outcome {
    /// There is a proof, and it is a good one.
    pub fn is_good(&self) -> bool {
        self.verified == Some(true)
    }

    /// One object of JSON.
    pub fn json(&self) -> Value {
        json!({
            "ok": self.proof.is_some(),
            "kind": self.kind.name(),
            "seconds": self.elapsed.as_secs_f64(),
            "asks": self.asks,
            "bytes": self.proof.as_ref().map(Vec::len),
            "verified": self.verified,
            "error": self.error,
            "code": self.code,
        })
    }
}

/// A request, decoded before anybody is asked, with the client that asks.
enum Request {
    Transaction(RemoteTransactionProver, Box<TransactionInputs>),
    Batch(RemoteBatchProver, Box<ProposedBatch>),
    Block(RemoteBlockProver, Box<(OrderedBatches, BlockHeader, BlockInputs)>),
}

/// A proof's bytes, and what is wrong with it if something is.
type Answer = (Vec<u8>, Option<anyhow::Error>);

/// Asks for the proof of `input`, and again while there are errors and asks left.
///
/// # Errors
/// The input is no request of `kind`. Whatever the other end does is an [`Outcome`].
pub async fn ask(kind: Kind, input: &[u8], asking: &Asking) -> Result<Outcome> {
    let request = Request::new(kind, input, asking)?;
    let start = Instant::now();
    let mut asks = 0;
    loop {
        asks += 1;
        let answer = request.ask().await;
        let outcome =
            Outcome { kind, elapsed: start.elapsed(), asks, proof: None, verified: None, error: None, code: None };
        match answer {
            Ok((proof, wrong)) => {
                let verified = Some(wrong.is_none());
                return Ok(Outcome { proof: Some(proof), verified, error: wrong.map(|e| format!("{e:#}")), ..outcome });
            }
            Err(error) if asks >= asking.asks => {
                let code = code(error.as_ref());
                return Ok(Outcome { error: Some(format!("{error:#}")), code, ..outcome });
            }
            Err(_) => {}
        }
    }
}

/// The name of the first gRPC status in `error` and what is under it.
fn code(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(status) = error.downcast_ref::<tonic::Status>() {
            return Some(format!("{:?}", status.code()));
        }
        next = error.source();
    }
    None
}

impl Request {
    fn new(kind: Kind, input: &[u8], asking: &Asking) -> Result<Self> {
        let endpoint = &asking.endpoint;
        Ok(match kind {
            Kind::Transaction => {
                let client = RemoteTransactionProver::new(endpoint);
                let client = match asking.timeout {
                    Some(timeout) => client.with_timeout(timeout),
                    None => client,
                };
                let inputs = whole(input, TransactionInputs::read_from).context("the input is no transaction")?;
                Self::Transaction(client, Box::new(inputs))
            }
            Kind::Batch => {
                let client = RemoteBatchProver::new(endpoint);
                let client = match asking.timeout {
                    Some(timeout) => client.with_timeout(timeout),
                    None => client,
                };
                let batch = whole(input, ProposedBatch::read_from).context("the input is no batch")?;
                Self::Batch(client, Box::new(batch))
            }
            Kind::Block => {
                let client = RemoteBlockProver::new(endpoint);
                let client = match asking.timeout {
                    Some(timeout) => client.with_timeout(timeout),
                    None => client,
                };
                Self::Block(client, Box::new(block(input).context("the input is no block")?))
            }
        })
    }

    async fn ask(&self) -> Result<Answer> {
        match self {
            Self::Transaction(client, inputs) => {
                let proven = client.prove(inputs).await?;
                Ok((proven.to_bytes(), check_transaction(inputs, &proven).err()))
            }
            Self::Batch(client, proposed) => {
                let proven = client.prove((**proposed).clone()).await?;
                let made = LocalBatchProver::new(MIN_PROOF_SECURITY_LEVEL).prove((**proposed).clone());
                let wrong = match made {
                    Ok(made) if made == proven => None,
                    Ok(_) => Some(anyhow!("the batch is another one than the same request gives here")),
                    Err(error) => Some(error.into()),
                };
                Ok((proven.to_bytes(), wrong))
            }
            Self::Block(client, parts) => {
                let (batches, header, inputs) = &**parts;
                let proof = client.prove(batches.clone(), header, inputs.clone()).await?;
                let made =
                    LocalBlockProver::new(MIN_PROOF_SECURITY_LEVEL).prove(batches.clone(), header, inputs.clone())?;
                let wrong =
                    (made != proof).then(|| anyhow!("the proof is another one than the same request gives here"));
                Ok((proof.to_bytes(), wrong))
            }
        }
    }
}

/// Reads all of `bytes`.
fn whole<'a, T, E: Error + Send + Sync + 'static>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut SliceReader<'a>) -> Result<T, E>,
) -> Result<T> {
    let mut reader = SliceReader::new(bytes);
    let value = read(&mut reader)?;
    if reader.has_more_bytes() {
        bail!("bytes follow it");
    }
    Ok(value)
}

/// What the client has to be given for a block, from either file: `block-request.bin` is just that, and from the
/// proposed block of `block.bin` it is put together again. That only lacks the proofs of unauthenticated notes, which
/// a proposed block does not keep and the blocks of the fixtures do not have.
fn block(bytes: &[u8]) -> Result<(OrderedBatches, BlockHeader, BlockInputs)> {
    let parts = whole(bytes, |reader| {
        let batches = OrderedBatches::read_from(reader)?;
        let header = BlockHeader::read_from(reader)?;
        BlockInputs::read_from(reader).map(|inputs| (batches, header, inputs))
    });
    if let Ok(parts) = parts {
        return Ok(parts);
    }
    let proposed = whole(bytes, ProposedBlock::read_from)?;
    let accounts = proposed.updated_accounts().iter().map(|(id, update)| (*id, update.to_witness())).collect();
    let inputs = BlockInputs::new(
        proposed.prev_block_header().clone(),
        proposed.partial_blockchain().clone(),
        accounts,
        proposed.created_nullifiers().clone(),
        Default::default(),
    );
    let batches = proposed.batches().clone();
    let (header, _) = proposed.into_header_and_body()?;
    Ok((batches, header, inputs))
}

/// Refuses a proven transaction that does not hold or is of other inputs.
fn check_transaction(inputs: &TransactionInputs, proven: &ProvenTransaction) -> Result<()> {
    let account = inputs.account();
    if proven.account_id() != account.id() {
        bail!("the transaction is of another account");
    }
    if proven.account_update().initial_state_commitment() != account.initial_commitment() {
        bail!("the transaction starts from another state of the account");
    }
    if proven.ref_block_commitment() != inputs.block_header().commitment() {
        bail!("the transaction refers to another block");
    }
    if !proven.nullifiers().eq(inputs.input_notes().iter().map(|note| note.note().nullifier())) {
        bail!("the transaction consumes other notes");
    }
    TransactionVerifier::new(MIN_PROOF_SECURITY_LEVEL).verify(proven).context("the proof does not hold")
}
