//! How a worker takes one offer out of many queues.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use futures_util::stream::{self, select_all};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, BasicRejectOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::broker::Broken;
use super::talk::{Talk, lost, unexpected};
use super::wire::{Garbage, Key, Reply, Request, offer};
use crate::link::LinkError;
use crate::message::{Held, Offer};

/// What a worker knows about its queues. Who holds it may take offers.
#[derive(Debug)]
pub(super) struct Taking {
    pub(super) talk: Talk,
    pub(super) session: Key,
    queues: Vec<String>,
    /// Where to ask first, so that every queue has its turn.
    turn: usize,
    connection: Arc<Connection>,
    /// A channel with nothing taken on it.
    pulling: Option<Channel>,
    /// One that was claimed for somebody who no longer waited for it.
    ready: Option<Offer>,
}

/// An offer that is not claimed yet. What else was taken on its channel goes back when the channel is closed.
struct Taken {
    delivery: Delivery,
    waited_on: Option<Channel>,
}

impl Taking {
    pub(super) fn new(talk: Talk, session: Key, queues: Vec<String>, connection: Arc<Connection>) -> Self {
        Self { talk, session, queues, turn: 0, connection, pulling: None, ready: None }
    }

    /// The next offer that this worker may have. Safe to drop at any time: the taking goes on until what was taken is
    /// either claimed, and there for the next call, or given back.
    pub(super) async fn next(mut taking: OwnedMutexGuard<Self>) -> Result<Offer, LinkError> {
        let unwanted = CancellationToken::new();
        let _unwanted = unwanted.clone().drop_guard();
        let working = tokio::spawn(async move {
            let taken = taking.fill(&unwanted).await;
            (taking, taken)
        });
        let (mut taking, taken) = working.await.map_err(|_| LinkError::Lost("taking an offer failed".to_owned()))?;
        taken?;
        taking.ready.take().ok_or_else(|| LinkError::Lost("the offer was no longer wanted".to_owned()))
    }

    /// Gets an offer ready, unless it is unwanted before one comes.
    async fn fill(&mut self, unwanted: &CancellationToken) -> Result<(), LinkError> {
        while self.ready.is_none() && !unwanted.is_cancelled() {
            let taken = match self.pull().await.map_err(lost)? {
                Some(taken) => Some(taken),
                None => self.wait(unwanted).await.map_err(lost)?,
            };
            if let Some(taken) = taken {
                self.claim(taken).await?;
            }
        }
        Ok(())
    }

    /// Asks each queue once.
    async fn pull(&mut self) -> Result<Option<Taken>, Broken> {
        let channel = match &self.pulling {
            Some(channel) => channel,
            None => self.pulling.insert(self.connection.create_channel().await?),
        };
        for step in 0..self.queues.len() {
            let index = (self.turn + step) % self.queues.len();
            let queue = self.queues[index].as_str().into();
            if let Some(message) = channel.basic_get(queue, BasicGetOptions::default()).await? {
                self.turn = index + 1;
                return Ok(Some(Taken { delivery: message.delivery, waited_on: None }));
            }
        }
        Ok(None)
    }

    /// Waits on all queues until one has an offer, or until it is unwanted.
    async fn wait(&self, unwanted: &CancellationToken) -> Result<Option<Taken>, Broken> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        let consuming = self.queues.iter().map(|queue| {
            let consume = BasicConsumeOptions::default();
            channel.basic_consume(queue.as_str().into(), "".into(), consume, FieldTable::default())
        });
        let consumers = try_join_all(consuming).await?;
        // A queue that is gone ends its stream: to wait for the others alone would be to wait for less, unnoticed.
        let ends = |consumer: lapin::Consumer| {
            consumer.map(|delivery| delivery.map_err(Broken::from)).chain(stream::iter([Err(Broken::Silent)]))
        };
        let mut deliveries = select_all(consumers.into_iter().map(ends));
        let first = tokio::select! {
            delivery = deliveries.next() => delivery,
            () = unwanted.cancelled() => {
                channel.close(200, "".into()).await?;
                return Ok(None);
            }
        };
        match first {
            Some(delivery) => Ok(Some(Taken { delivery: delivery?, waited_on: Some(channel) })),
            None => Err(Broken::Silent),
        }
    }

    /// Claims what was taken, acknowledges it, and keeps the offer if it is this worker's now.
    async fn claim(&mut self, taken: Taken) -> Result<(), LinkError> {
        let Taken { delivery, waited_on } = taken;
        match offer(&delivery.properties, &delivery.data) {
            Ok(mut offer) => {
                let held = Held { task: offer.task, token: offer.token };
                let within = self.talk.settings().call;
                match self.talk.ask(Some(self.session), Request::Claim(held), within).await? {
                    Reply::Claimed(token) => {
                        self.ready = token.map(|token| {
                            offer.token = token;
                            offer
                        });
                    }
                    other => return Err(unexpected(&other)),
                }
                delivery.ack(BasicAckOptions::default()).await.map_err(lost)?;
            }
            Err(Garbage(why)) => {
                tracing::warn!(%why, queue = %delivery.routing_key, "dead-lettered an offer that nobody understands");
                delivery.reject(BasicRejectOptions { requeue: false }).await.map_err(lost)?;
            }
        }
        if let Some(channel) = waited_on {
            channel.close(200, "".into()).await.map_err(lost)?;
        }
        Ok(())
    }
}
