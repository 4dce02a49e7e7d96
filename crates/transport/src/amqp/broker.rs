//! The broker as both sides see it: connecting, declaring, and publishing until it is known what became of it.

use std::time::Duration;

use futures_util::future::try_join_all;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind, Queue};

use super::names::{DEAD_QUEUE, WORK_QUEUE};
use super::wire::Outgoing;
use crate::setup::SetupError;

/// A peer that is silent for twice as long is gone, unless the URL says otherwise. In seconds.
const HEARTBEAT: u16 = 5;

/// More dead letters than this push the oldest out.
const DEAD_LETTERS: i32 = 10_000;

/// A broker that does not say for so long what became of a message, or does not do what it is told, is not there.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// Why the broker does not do what it should; the connection is of no use after any of them.
#[derive(Debug)]
pub(super) enum Broken {
    /// The library's.
    Amqp(lapin::Error),
    /// It does not answer in time.
    Silent,
    /// It cannot keep a message.
    NotKept,
    /// A message that cannot be written, which is a mistake of ours.
    Unwritable(serde_json::Error),
}

impl From<lapin::Error> for Broken {
    fn from(error: lapin::Error) -> Self {
        Self::Amqp(error)
    }
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Amqp(error) => write!(f, "the broker: {error}"),
            Self::Silent => f.write_str("the broker does not answer"),
            Self::NotKept => f.write_str("the broker could not keep a message"),
            Self::Unwritable(error) => write!(f, "a message cannot be written: {error}"),
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in its queue, on disk if it is persistent.
    Kept,
    /// There is no such queue.
    Returned,
}

/// Reads the broker's URL. Its password is never shown.
pub(super) fn parse(url: &str) -> Result<AMQPUri, SetupError> {
    let mut uri: AMQPUri = url.parse().map_err(|_| SetupError::Broker)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    Ok(uri)
}

/// Connects once.
pub(super) async fn connect(uri: &AMQPUri, name: &str, within: Duration) -> Result<Connection, Broken> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connecting = Connection::connect_uri(uri.clone(), properties);
    Ok(tokio::time::timeout(within, connecting).await.map_err(|_| Broken::Silent)??)
}

/// A channel on which the broker says what becomes of each message.
pub(super) async fn confirming(connection: &Connection) -> Result<Channel, Broken> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Declares what there is whoever is connected.
pub(super) async fn declare(channel: &Channel) -> Result<(), Broken> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(DEAD_QUEUE.into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
    let mut bounded = classic();
    bounded.insert("x-max-length".into(), AMQPValue::LongInt(DEAD_LETTERS));
    channel.queue_declare(DEAD_QUEUE.into(), QueueDeclareOptions::durable(), bounded).await?;
    let (dead, bind) = (ShortString::from(DEAD_QUEUE), QueueBindOptions::default());
    channel.queue_bind(dead.clone(), dead, ShortString::from(""), bind, FieldTable::default()).await?;
    declare_queue(channel, WORK_QUEUE).await?;
    Ok(())
}

/// Declares a queue that outlives the broker and sends its garbage to the dead; says how much is in it.
pub(super) async fn declare_queue(channel: &Channel, name: &str) -> Result<Queue, Broken> {
    let mut arguments = classic();
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(DEAD_QUEUE.into()));
    Ok(channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?)
}

/// Said, so that it holds at brokers that make other queues where nothing is said.
fn classic() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
    arguments
}

/// Publishes to a queue, and waits until it is known what became of it. That it was kept may be wrong where there is
/// no such queue and others publish to another at the same time; that it was returned never is.
pub(super) async fn publish(channel: &Channel, queue: &ShortString, message: &Outgoing) -> Result<Fate, Broken> {
    match confirmed(channel, queue, message).await? {
        Some(returned) if returned == *queue => Ok(Fate::Returned),
        _ => Ok(Fate::Kept),
    }
}

/// Publishes a message to many queues, and says which of them are not there. Nothing else may be published on this
/// channel meanwhile.
pub(super) async fn missing(
    channel: &Channel,
    queues: impl Iterator<Item = &ShortString>,
    message: &Outgoing,
) -> Result<Vec<ShortString>, Broken> {
    let returned = try_join_all(queues.map(|queue| confirmed(channel, queue, message))).await?;
    Ok(returned.into_iter().flatten().collect())
}

/// Publishes a message, and gives the queue of one that came back: this one's, or another's that was under way on the
/// channel. For the broker may confirm many at once, and then the library hands what came back to the earliest of them.
/// So only of all messages together is it known which came back; whoever asks for one alone must bear to be told that
/// it was kept when it was not.
async fn confirmed(channel: &Channel, queue: &ShortString, message: &Outgoing) -> Result<Option<ShortString>, Broken> {
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let publishing = async {
        let properties = message.properties.clone();
        channel.basic_publish("".into(), queue.clone(), mandatory, &message.body, properties).await?.await
    };
    match tokio::time::timeout(ANSWER, publishing).await.map_err(|_| Broken::Silent)?? {
        Confirmation::Ack(returned) => Ok(returned.map(|message| message.delivery.routing_key)),
        Confirmation::Nack(_) | Confirmation::NotRequested => Err(Broken::NotKept),
    }
}
