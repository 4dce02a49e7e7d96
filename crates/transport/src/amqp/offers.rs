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

    /// The next offer that this worker may have. Safe to drop at any time: what is not claimed goes back, what is
    /// claimed is there for the next call.
    pub(super) async fn next(mut taking: OwnedMutexGuard<Self>) -> Result<Offer, LinkError> {
        loop {
            if let Some(offer) = taking.ready.take() {
                return Ok(offer);
            }
            let taken = match taking.pull().await.map_err(lost)? {
                Some(taken) => taken,
                None => taking.wait().await.map_err(lost)?,
            };
            // From here to the end, whoever waits: an offer that is claimed is this worker's.
            let claiming = tokio::spawn(async move {
                let claimed = taking.claim(taken).await;
                (taking, claimed)
            });
            let claimed;
            (taking, claimed) = claiming.await.map_err(|_| LinkError::Lost("claiming an offer failed".to_owned()))?;
            claimed?;
        }
    }

    /// Asks each queue once.
    async fn pull(&mut self) -> Result<Option<Taken>, Broken> {
        // Taken out, so that a call that is dropped drops the channel and with it what was on its way.
        let channel = match self.pulling.take() {
            Some(channel) => channel,
            None => self.connection.create_channel().await?,
        };
        for step in 0..self.queues.len() {
            let index = (self.turn + step) % self.queues.len();
            let queue = self.queues[index].as_str().into();
            if let Some(message) = channel.basic_get(queue, BasicGetOptions::default()).await? {
                self.turn = index + 1;
                self.pulling = Some(channel);
                return Ok(Some(Taken { delivery: message.delivery, waited_on: None }));
            }
        }
        self.pulling = Some(channel);
        Ok(None)
    }

    /// Waits on all queues.
    async fn wait(&self) -> Result<Taken, Broken> {
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
        match select_all(consumers.into_iter().map(ends)).next().await {
            Some(delivery) => Ok(Taken { delivery: delivery?, waited_on: Some(channel) }),
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
