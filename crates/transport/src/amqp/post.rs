//! The dispatcher's way out, which outlives connections.

use std::time::Duration;

use lapin::options::QueuePurgeOptions;
use lapin::types::ShortString;
use lapin::{Channel, Connection, Queue};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::broker::{ANSWER, Broken, Fate, confirming, declare_queue, publish};
use super::wire::Outgoing;

/// What is wrong with a connection may take its time to show in its channels.
const AGAIN: Duration = Duration::from_millis(100);

/// The channels of one connection.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// To workers' private queues.
    replies: Channel,
    /// To the queues of offers, and what is done with these. A broker that has lost the leader of one of them may keep
    /// a whole channel waiting, so no reply goes over this one.
    offers: Channel,
    silent: CancellationToken,
}

impl Lines {
    /// Opens them.
    pub(super) async fn open(connection: &Connection) -> Result<Self, Broken> {
        let (replies, offers) = (confirming(connection).await?, confirming(connection).await?);
        Ok(Self { replies, offers, silent: CancellationToken::new() })
    }

    /// Whether both are open, as far as is known.
    pub(super) fn connected(&self) -> bool {
        self.replies.status().connected() && self.offers.status().connected()
    }

    /// Waits until one of them did not answer. The connection may seem to live, but is of no use.
    pub(super) async fn silent(&self) {
        self.silent.cancelled().await;
    }

    /// The channel for what concerns queues.
    pub(super) fn queues(&self) -> &Channel {
        &self.offers
    }

    fn note(&self, error: &Broken) {
        if matches!(error, Broken::Silent) {
            self.silent.cancel();
        }
    }
}

/// Where to.
#[derive(Debug, Clone, Copy)]
enum To {
    Worker,
    Offers,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Post(watch::Receiver<Option<Lines>>);

impl Post {
    /// A way out over whatever connection there is at the time.
    pub(super) fn new(lines: watch::Receiver<Option<Lines>>) -> Self {
        Self(lines)
    }

    /// The channels, as soon as there are some; never, when the server has ended.
    async fn lines(&self) -> Lines {
        let mut current = self.0.clone();
        let usable = |lines: &Option<Lines>| {
            lines.as_ref().is_some_and(|lines| lines.connected() && !lines.silent.is_cancelled())
        };
        if let Ok(lines) = current.wait_for(usable).await
            && let Some(lines) = lines.as_ref()
        {
            return lines.clone();
        }
        std::future::pending().await
    }

    /// Says something to a worker, over as many connections as it takes until its fate is known: it may arrive twice.
    pub(super) async fn reply(&self, queue: &ShortString, message: &Outgoing) -> Fate {
        self.publish(To::Worker, queue, message).await
    }

    /// Puts an offer into its queue, in the same way.
    pub(super) async fn offer(&self, queue: &ShortString, message: &Outgoing) -> Fate {
        self.publish(To::Offers, queue, message).await
    }

    async fn publish(&self, to: To, queue: &ShortString, message: &Outgoing) -> Fate {
        loop {
            let lines = self.lines().await;
            let channel = match to {
                To::Worker => &lines.replies,
                To::Offers => &lines.offers,
            };
            match publish(channel, queue, message).await {
                Ok(fate) => return fate,
                Err(error) => {
                    tracing::debug!(%queue, %error, "a message goes out again");
                    lines.note(&error);
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Declares a queue of offers; says how much is in it.
    pub(super) async fn declare(&self, queue: &str) -> Result<Queue, Broken> {
        let lines = self.lines().await;
        answered(&lines, declare_queue(&lines.offers, queue)).await
    }

    /// Empties a queue of offers.
    pub(super) async fn purge(&self, queue: &str) -> Result<(), Broken> {
        let lines = self.lines().await;
        let purging = async {
            lines.offers.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
            Ok(())
        };
        answered(&lines, purging).await
    }
}

async fn answered<T>(lines: &Lines, asking: impl Future<Output = Result<T, Broken>>) -> Result<T, Broken> {
    let answer = tokio::time::timeout(ANSWER, asking).await.unwrap_or(Err(Broken::Silent));
    answer.inspect_err(|error| lines.note(error))
}
