//! A message broker: a queue of offers in front of workers that are not known, with redelivery and loss.

use proving::lease::Token;

use super::fired::Fired;
use super::process::{Caller, POOLS};
use super::worker::Call;
use super::world::{MS, What, World};
use crate::event::{Event, Held, Hello, Offer, Reply, SessionId};

/// The broker, which outlives dispatchers and workers.
#[derive(Debug, Default)]
pub(super) struct Broker {
    pub(super) messages: Vec<Message>,
    /// Every offer that was ever a message, by its number.
    offers: Vec<Offer>,
}

/// An offer in the queue, until it is acknowledged.
#[derive(Debug)]
pub(super) struct Message {
    number: u64,
    pool: SessionId,
    to: Option<usize>,
    redelivered: bool,
}

/// A dispatcher's session with the broker.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) session: SessionId,
    asks: usize,
}

impl World {
    /// What a dispatcher does for its broker several times a second.
    pub(super) fn pool(&mut self, process: usize) {
        self.soon(500 * MS, What::Pool(process));
        let consumers = self.workers.iter().filter(|worker| worker.consumer).count();
        if consumers == 0 {
            return;
        }
        let Some(pool) = &self.processes[process].pool else {
            let session = SessionId(POOLS + self.number());
            self.processes[process].pool = Some(Pool { session, asks: 0 });
            let request = self.request(Caller::Pool(process, session));
            let classes = (0..3).map(super::asker::class).collect();
            let hello = Hello {
                worker: "pool".to_owned(),
                pool: true,
                classes,
                memory_bytes: u64::MAX,
                since_ms: 0,
                running: Vec::new(),
            };
            self.hear(process, Event::Hello { request, session, hello });
            return;
        };
        let session = pool.session;
        let queued = self.broker.messages.iter().filter(|message| message.pool == session).count();
        let missing = (consumers + 2).saturating_sub(queued + pool.asks);
        for _ in 0..missing {
            let request = self.request(Caller::Pool(process, session));
            if let Some(pool) = &mut self.processes[process].pool {
                pool.asks += 1;
            }
            self.hear(process, Event::Ask { request, session });
        }
    }

    /// A pool is answered.
    pub(super) fn pooled(&mut self, process: usize, session: SessionId, reply: Reply) {
        let Some(pool) = self.processes[process].pool.as_mut().filter(|pool| pool.session == session) else { return };
        if let Reply::Offer(offer) = reply {
            pool.asks -= 1;
            self.judge.granted(&offer.held);
            let number = self.broker.offers.len() as u64;
            self.broker.offers.push(*offer);
            self.broker.messages.push(Message { number, pool: session, to: None, redelivered: false });
        }
    }

    /// The broker's connection with the dispatcher is gone, and maybe all of its messages.
    pub(super) fn lose_pool(&mut self, process: usize) {
        let Some(pool) = self.processes[process].pool.take() else { return };
        self.fire(Fired::PoolLost);
        if self.random.one_in(2) && !self.broker.messages.is_empty() {
            self.fire(Fired::BrokerEmptied);
            self.broker.messages.clear();
        }
        self.hear(process, Event::Gone { session: pool.session });
        for connection in 0..self.connections.len() {
            let behind = &self.connections[connection];
            if behind.process == process && behind.seen && self.workers[behind.worker].consumer {
                self.fire(Fired::Excused);
                self.hear(process, Event::Excuse { session: SessionId(connection as u64) });
            }
        }
    }

    /// A worker takes messages out of the queue, as far as it has hands for them.
    pub(super) fn consume(&mut self, w: usize) {
        loop {
            let worker = &self.workers[w];
            if worker.running.len() + worker.claiming.len() >= worker.slots {
                return;
            }
            let suits = |message: &&mut Message| {
                let class = &self.broker.offers[message.number as usize].spec.class;
                message.to.is_none() && worker.classes.iter().any(|can| can.kind == class.kind)
            };
            let Some(message) = self.broker.messages.iter_mut().find(suits) else { return };
            message.to = Some(w);
            let (number, redelivered) = (message.number, message.redelivered);
            let held = self.broker.offers[number as usize].held;
            let call = self.call(w, Call::Claim(held, redelivered), false);
            self.workers[w].claiming.insert(call, number);
        }
    }

    /// A claim was answered.
    pub(super) fn claimed(&mut self, w: usize, message: u64, held: Held, token: Option<Token>) {
        match token {
            Some(token) => {
                let mut offer = self.broker.offers[message as usize].clone();
                offer.held = Held { task: held.task, token };
                if !self.workers[w].running.iter().any(|running| running.held == offer.held) {
                    self.take(w, offer, Some(message));
                }
            }
            None => {
                let worker = &self.workers[w];
                let class = &self.broker.offers[message as usize].spec.class;
                if !worker.classes.contains(class) || self.broker.offers[message as usize].memory_bytes > worker.memory
                {
                    self.fire(Fired::ClaimUnfit);
                }
                self.acknowledge(w, Some(message));
            }
        }
    }

    pub(super) fn acknowledge(&mut self, w: usize, message: Option<u64>) {
        self.broker.messages.retain(|kept| Some(kept.number) != message || kept.to != Some(w));
    }

    /// The broker lost sight of a worker: what it had not acknowledged is delivered again.
    pub(super) fn undeliver(&mut self, w: usize) {
        let mut again = 0;
        for message in self.broker.messages.iter_mut().filter(|message| message.to == Some(w)) {
            message.to = None;
            message.redelivered = true;
            again += 1;
        }
        (0..again).for_each(|_| self.fire(Fired::Redelivered));
    }

    /// A worker that lost the dispatcher while claiming lets go of the messages, or claims them once more.
    pub(super) fn let_go(&mut self, claiming: impl IntoIterator<Item = u64>) {
        for number in claiming {
            let redelivered = self.random.one_in(2);
            if let Some(message) = self.broker.messages.iter_mut().find(|message| message.number == number) {
                message.to = None;
                message.redelivered |= redelivered;
            }
        }
    }
}
