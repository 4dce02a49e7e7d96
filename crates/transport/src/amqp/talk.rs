//! A worker's requests to the dispatcher, and the replies that find their way back to them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::types::ShortString;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::{mpsc, oneshot};

use super::broker::{Broken, Fate, publish};
use super::client::AmqpSettings;
use super::names::WORK_QUEUE;
use super::wire::{Garbage, Key, Outgoing, Reply, Request, Sender, reply};
use crate::lifeline::Lifeline;
use crate::link::LinkError;
use crate::message::Notice;

/// A worker's connection, as far as asking goes. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Talk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    channel: Channel,
    reply_to: ShortString,
    settings: AmqpSettings,
    life: Lifeline,
    asked: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<Reply>>>,
}

/// What the broker's end means for a worker.
pub(super) fn lost(error: impl Into<Broken>) -> LinkError {
    LinkError::Lost(error.into().to_string())
}

/// A reply to something else.
pub(super) fn unexpected(reply: &Reply) -> LinkError {
    LinkError::Refused(format!("it answers with something else than it was asked: {reply:?}"))
}

impl Talk {
    pub(super) fn new(channel: Channel, reply_to: ShortString, settings: AmqpSettings) -> Self {
        let (life, asked, waiting) = (Lifeline::default(), AtomicU64::default(), Mutex::default());
        Self(Arc::new(Inner { channel, reply_to, settings, life, asked, waiting }))
    }

    pub(super) fn life(&self) -> &Lifeline {
        &self.0.life
    }

    pub(super) fn settings(&self) -> &AmqpSettings {
        &self.0.settings
    }

    /// Asks, and waits for the reply.
    pub(super) async fn ask(&self, session: Option<Key>, said: Request, within: Duration) -> Result<Reply, LinkError> {
        let inner = &*self.0;
        let correlation = inner.asked.fetch_add(1, Ordering::Relaxed).to_string();
        let sender = Sender { session, reply_to: inner.reply_to.clone(), correlation: correlation.as_str().into() };
        let message = Outgoing::request(&said, &sender).map_err(lost)?;
        let waiting = Waiting::new(inner, correlation);
        let asking = async {
            if publish(&inner.channel, &WORK_QUEUE.into(), &message).await.map_err(lost)? == Fate::Returned {
                return Err(LinkError::Lost("no dispatcher has been at this broker yet".to_owned()));
            }
            waiting.reply().await
        };
        let silent = |_| LinkError::Lost("dispatch does not answer".to_owned());
        match inner.life.during(async { tokio::time::timeout(within, asking).await.map_err(silent)? }).await? {
            Reply::Error(refused) => {
                let error = LinkError::from(refused);
                if matches!(error, LinkError::Lost(_)) {
                    inner.life.end();
                }
                Err(error)
            }
            reply => Ok(reply),
        }
    }

    fn deliver(&self, correlation: &str, reply: Reply) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(correlation);
        // Whoever asked may have given up.
        if let Some(waiting) = waiting {
            let _ = waiting.send(reply);
        }
    }
}

/// A reply that somebody waits for, until it is dropped.
struct Waiting<'a> {
    inner: &'a Inner,
    correlation: String,
    reply: oneshot::Receiver<Reply>,
}

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner, correlation: String) -> Self {
        let (sender, reply) = oneshot::channel();
        inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(correlation.clone(), sender);
        Self { inner, correlation, reply }
    }

    async fn reply(mut self) -> Result<Reply, LinkError> {
        (&mut self.reply).await.map_err(|_| LinkError::Lost("the session has ended".to_owned()))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.correlation);
    }
}

/// Hands replies and notices on, until the session ends or the dispatcher is silent; then closes the connection.
pub(super) fn listen(
    talk: &Talk,
    replies: Consumer,
    connection: Arc<Connection>,
) -> (mpsc::UnboundedReceiver<Notice>, Listening) {
    let (notices, receiver) = mpsc::unbounded_channel();
    let talk = talk.clone();
    let life = talk.life().clone();
    tokio::spawn(async move {
        let error = tokio::select! {
            error = hear(&talk, replies, notices) => error,
            () = talk.life().ended() => LinkError::Lost("the worker ended it".to_owned()),
        };
        tracing::info!(%error, "the session has ended");
        talk.life().end();
        // It may be dead already; then its parts end with it.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "".into())).await;
    });
    (receiver, Listening(life))
}

/// Ends the session when it is dropped, and so the connection.
#[derive(Debug)]
pub(super) struct Listening(Lifeline);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn hear(talk: &Talk, mut replies: Consumer, notices: mpsc::UnboundedSender<Notice>) -> LinkError {
    let silence = talk.settings().silence;
    loop {
        let delivery = match tokio::time::timeout(silence, replies.next()).await {
            Err(_) => return LinkError::Lost(format!("dispatch was silent for {silence:?}")),
            Ok(None) => return LinkError::Lost("the broker ended the session".to_owned()),
            Ok(Some(Err(error))) => return lost(error),
            Ok(Some(Ok(delivery))) => delivery,
        };
        match reply(&delivery.properties, delivery.data) {
            Ok(Reply::Ping) => {}
            Ok(Reply::Closed) => return LinkError::Lost("dispatch ended the session".to_owned()),
            Ok(Reply::Notice(notice)) => {
                // Nobody may be interested in them.
                let _ = notices.send(notice);
            }
            Ok(reply) => match delivery.properties.correlation_id() {
                Some(correlation) => talk.deliver(correlation.as_str(), reply),
                None => tracing::warn!("dispatch answers something that nobody asked"),
            },
            Err(Garbage(why)) => tracing::warn!(%why, "dispatch said something that this worker does not know"),
        }
    }
}
