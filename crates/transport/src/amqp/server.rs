//! The dispatcher's end: one connection to the broker at a time, for as long as the dispatcher lives.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::broker::{Broken, confirming, connect, declare, parse};
use super::desk::Desk;
use super::guests::Guests;
use super::names::WORK_QUEUE;
use super::post::{Lines, Post};
use super::wire::Garbage;
use crate::plane::WorkPlane;
use crate::setup::SetupError;

/// How many requests are answered at the same time.
const REQUESTS: u16 = 256;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The pauses between attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A connection that has lasted so long is no part of an outage any more.
const CALM: Duration = Duration::from_secs(60);

/// How the dispatcher's AMQP behaves; the default is right but for tests.
#[derive(Debug, Clone)]
pub struct AmqpServerSettings {
    /// The largest blob that is carried in a message, in bytes; larger ones take the URL of the dispatcher's blobs.
    pub inline_limit: usize,
    /// How often each worker is looked for: its death is noticed as soon.
    pub ping: Duration,
    /// How long workers have to come back after the dispatcher's own connection was lost.
    pub grace: Duration,
    /// For how long nobody loses a lease by a broker that is away.
    pub outage: Duration,
}

impl Default for AmqpServerSettings {
    fn default() -> Self {
        Self {
            inline_limit: 8 << 20,
            ping: Duration::from_millis(500),
            grace: Duration::from_secs(10),
            outage: Duration::from_secs(600),
        }
    }
}

/// Serves workers at the broker until `ended` is ready; then their sessions are closed. A broker that is not there is
/// waited for. `garbage` is called for each message that is dead-lettered because nobody understands it.
///
/// # Errors
/// [`SetupError::Broker`] for a URL that is none.
pub async fn serve<P: WorkPlane>(
    plane: P,
    url: &str,
    settings: AmqpServerSettings,
    garbage: impl Fn() + Send + Sync,
    ended: impl Future<Output = ()> + Send,
) -> Result<(), SetupError> {
    let uri = parse(url)?;
    let (lines, post) = watch::channel(None);
    let post = Post::new(post);
    let guests = Arc::new(Guests::new(plane.clone(), post.clone()));
    let desk = Arc::new(Desk { plane, guests: Arc::clone(&guests), post, inline_limit: settings.inline_limit });
    let server = Server { uri, settings, lines, desk, garbage };
    let _closing = Closing(guests);
    tokio::select! {
        () = ended => {}
        () = server.run() => {}
        () = server.excuse() => {}
    }
    Ok(())
}

/// Closes all sessions when the server ends, or is dropped.
struct Closing<P: WorkPlane>(Arc<Guests<P>>);

impl<P: WorkPlane> Drop for Closing<P> {
    fn drop(&mut self) {
        self.0.depart_all();
    }
}

struct Server<P, G> {
    uri: AMQPUri,
    settings: AmqpServerSettings,
    lines: watch::Sender<Option<Lines>>,
    desk: Arc<Desk<P>>,
    garbage: G,
}

impl<P: WorkPlane, G: Fn() + Send + Sync> Server<P, G> {
    async fn run(&self) {
        let mut pause = PAUSES.0;
        for connection in 1u64.. {
            let began = Instant::now();
            let Err(error) = self.connected(connection).await;
            self.lines.send_replace(None);
            tracing::warn!(%error, "no connection to the broker: trying again");
            if began.elapsed() > PAUSES.1 {
                pause = PAUSES.0;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// From the loss of a connection until those who lost theirs with it had the time to come back, silence costs
    /// nobody his lease: their proofs go on, and nobody else could be told to make them over this broker. A connection
    /// that comes and goes is one outage.
    async fn excuse(&self) {
        let mut connected = self.lines.subscribe();
        let mut ticks = interval(self.settings.ping);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut lost, mut back): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // However short a loss is, it is seen. The sender is ours, so this never fails.
                _ = connected.changed() => back = None,
            }
            if connected.borrow_and_update().is_none() {
                lost.get_or_insert_with(Instant::now);
                back = None;
            } else {
                back.get_or_insert_with(Instant::now);
            }
            let steady = back.map_or(Duration::ZERO, |back| back.elapsed());
            if steady > CALM {
                lost = None;
            }
            if steady <= self.settings.grace && lost.is_some_and(|lost| lost.elapsed() < self.settings.outage) {
                self.desk.guests.excuse();
            }
        }
    }

    /// Serves over one connection until it breaks. Anything that goes wrong with it, or with a channel of it, ends it:
    /// there is no half-dead state to sit in.
    async fn connected(&self, number: u64) -> Result<std::convert::Infallible, Broken> {
        let connection = connect(&self.uri, "meze dispatcher", CONNECT).await?;
        let (lines, pinging, requests) =
            tokio::time::timeout(CONNECT, open(&connection)).await.map_err(|_| Broken::Silent)??;
        self.lines.send_replace(Some(lines.clone()));
        tracing::info!("connected to the broker");
        let served = self.answer((&lines, &pinging), requests, number).await;
        // It may be dead already.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "".into())).await;
        served
    }

    async fn answer(
        &self,
        (lines, pinged): (&Lines, &Channel),
        mut requests: Consumer,
        number: u64,
    ) -> Result<std::convert::Infallible, Broken> {
        let since = Instant::now();
        let mut answering = JoinSet::new();
        let mut pings = interval(self.settings.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let pinging = async {
            loop {
                pings.tick().await;
                if !lines.connected() {
                    break Broken::Silent;
                }
                let graced = since.elapsed() < self.settings.grace;
                if let Err(error) = self.desk.guests.ping(pinged, number, graced).await {
                    break error;
                }
            }
        };
        tokio::pin!(pinging);
        loop {
            tokio::select! {
                error = &mut pinging => return Err(error),
                () = lines.silent() => return Err(Broken::Silent),
                delivery = requests.next() => {
                    let delivery = delivery.ok_or(Broken::Silent)??;
                    let desk = Arc::clone(&self.desk);
                    answering.spawn(async move { desk.serve(delivery, number).await });
                }
                Some(answered) = answering.join_next() => match answered {
                    Ok(Ok(None)) => {}
                    Ok(Ok(Some(Garbage(why)))) => {
                        tracing::warn!(%why, "dead-lettered a message that nobody understands");
                        (self.garbage)();
                    }
                    Ok(Err(error)) => return Err(error),
                    Err(error) => tracing::error!(%error, "answering a worker failed"),
                },
            }
        }
    }
}

/// The way out, the channel to ping on, and what comes in.
async fn open(connection: &Connection) -> Result<(Lines, Channel, Consumer), Broken> {
    let (lines, pinging) = (Lines::open(connection).await?, confirming(connection).await?);
    declare(lines.queues()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(REQUESTS, BasicQosOptions::default()).await?;
    let consume = BasicConsumeOptions::default();
    let requests =
        channel.basic_consume(WORK_QUEUE.into(), "dispatcher".into(), consume, FieldTable::default()).await?;
    Ok((lines, pinging, requests))
}
