//! The worker's end: how it reaches the dispatcher through the broker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Connection, Consumer};

use super::broker::{confirming, connect, parse};
use super::names::OfferClass;
use super::session::{AmqpSession, Secrets};
use super::talk::{Talk, listen, lost, unexpected};
use super::wire::{Reply, Request};
use crate::http::BlobClient;
use crate::limits::Check as _;
use crate::link::{Link, LinkError};
use crate::message::{Hello, Welcome};
use crate::setup::SetupError;

/// How a worker's AMQP behaves; the default is right but for tests.
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a beat may take. Longer than over HTTP: the broker writes it to disk first.
    pub beat: Duration,
    /// How long any other call may take.
    pub call: Duration,
    /// How long the dispatcher may be silent.
    pub silence: Duration,
}

impl Default for AmqpSettings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            beat: Duration::from_secs(5),
            call: Duration::from_secs(30),
            silence: Duration::from_secs(6),
        }
    }
}

/// The way to a dispatcher through a broker.
#[derive(Clone)]
pub struct AmqpLink {
    uri: AMQPUri,
    blobs: Option<BlobClient>,
    secrets: Secrets,
    settings: AmqpSettings,
}

impl fmt::Debug for AmqpLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not its URL, which has a password.
        f.debug_struct("AmqpLink").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl AmqpLink {
    /// The dispatcher behind the broker at `url`. Secrets and payloads over the dispatcher's limit take `blobs`.
    ///
    /// # Errors
    /// [`SetupError::Broker`] for a URL that is none; nothing is sent yet.
    pub fn new(url: &str, blobs: Option<BlobClient>, settings: AmqpSettings) -> Result<Self, SetupError> {
        Ok(Self { uri: parse(url)?, blobs, secrets: Secrets::default(), settings })
    }

    async fn open(&self, connection: &Connection) -> Result<(Talk, Consumer), LinkError> {
        let channel = confirming(connection).await.map_err(lost)?;
        let private = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), private, FieldTable::default()).await.map_err(lost)?;
        let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let name = queue.name().clone();
        // A channel of its own: publishing waits on the other one.
        let inbox = connection.create_channel().await.map_err(lost)?;
        let replies =
            inbox.basic_consume(name.clone(), "".into(), consume, FieldTable::default()).await.map_err(lost)?;
        Ok((Talk::new(channel, name, self.settings.clone()), replies))
    }
}

impl Link for AmqpLink {
    type Session = AmqpSession;

    async fn connect(&self, hello: Hello) -> Result<(AmqpSession, Welcome), LinkError> {
        hello.check().map_err(|error| LinkError::Refused(error.to_string()))?;
        let classes = OfferClass::of_worker(&hello);
        let name = format!("meze worker {}", hello.worker);
        let connection = connect(&self.uri, &name, self.settings.connect).await.map_err(lost)?;
        let opening = tokio::time::timeout(self.settings.connect, self.open(&connection)).await;
        let (talk, replies) = opening.map_err(|_| LinkError::Lost("the broker does not answer".to_owned()))??;
        let connection = Arc::new(connection);
        let listening = listen(&talk, replies, Arc::clone(&connection));
        match talk.ask(None, Request::Hello(hello), self.settings.call).await? {
            Reply::Welcome(opening) => {
                let queues = classes.iter().map(OfferClass::queue).collect();
                let session = AmqpSession::new(
                    talk,
                    &opening,
                    queues,
                    (self.blobs.clone(), self.secrets.clone()),
                    connection,
                    listening,
                );
                Ok((session, opening.welcome))
            }
            other => Err(unexpected(&other)),
        }
    }
}
