//! Workers and the network to them: connecting, asking, beating, listening, and losing sight of each other.

use std::collections::BTreeMap;

use proving::lease::{Cause, Token, Usage};
use proving::payload::{BlobDigest, Payload};

use super::fired::Fired;
use super::labour::Running;
use super::process::Asks;
use super::world::{MS, What, World};
use crate::event::{Held, Notice, Offer};
use crate::model::Class;

/// A call without an answer for so long means that the connection is gone.
const PATIENCE: u64 = 4_000 * MS;

/// A worker process on some machine.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) classes: Vec<Class>,
    pub(super) memory: u64,
    pub(super) slots: usize,
    /// It takes its tasks from the broker.
    pub(super) consumer: bool,
    pub(super) liar: bool,
    pub(super) alive: bool,
    pub(super) frozen_until: u64,
    pub(super) cut_off_until: u64,
    pub(super) connection: Option<usize>,
    pub(super) greeted: bool,
    pub(super) connect_at: u64,
    pub(super) running: Vec<Running>,
    pub(super) asks: BTreeMap<u64, u64>,
    pub(super) draining: bool,
    /// Calls that wait for an answer: when they were made, and whether they were about a lease that was over.
    pub(super) calls: BTreeMap<u64, (u64, bool)>,
    /// Messages of the broker that are being claimed.
    pub(super) claiming: BTreeMap<u64, u64>,
}

/// A connection of a worker with a dispatcher.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) worker: usize,
    pub(super) process: usize,
    /// The dispatcher has it open.
    pub(super) seen: bool,
    /// Nothing passes any more.
    pub(super) cut: bool,
    pub(super) asks: Asks,
    /// When the last message in each direction arrives, to see which one overtakes it.
    last: [u64; 2],
}

/// What a worker says.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Hello(Vec<Held>),
    Ask,
    Unask(u64),
    Claim(Held, bool),
    Beat(Held),
    Done(Held, Payload, Usage),
    Failed(Held, Cause, Usage),
    BlobLost(BlobDigest),
}

/// What it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Welcome,
    Offer,
    Claim(Held),
    Beat(Held),
    /// And whether it is a proof.
    Result(Held, bool),
}

/// What it is told.
#[derive(Debug)]
pub(super) enum Letter {
    Welcome(Vec<Token>),
    Offer(u64, Box<Offer>),
    Nothing(u64),
    NoSession,
    Claim(u64, Held, Option<Token>),
    Beat(u64, Held, bool),
    Answer(u64, Held),
    Notice(Notice),
}

impl Call {
    pub(super) fn asked(&self) -> Asked {
        match self {
            Self::Hello(_) => Asked::Welcome,
            Self::Ask | Self::Unask(_) | Self::BlobLost(_) => Asked::Offer,
            Self::Claim(held, _) => Asked::Claim(*held),
            Self::Beat(held) => Asked::Beat(*held),
            Self::Done(held, ..) => Asked::Result(*held, true),
            Self::Failed(held, ..) => Asked::Result(*held, false),
        }
    }
}

impl World {
    pub(super) fn add_worker(&mut self) -> usize {
        let classes = (0..3).filter(|_| self.random.one_in(2)).collect::<Vec<_>>();
        let classes = if classes.is_empty() { vec![self.random.below(3)] } else { classes };
        let number = self.workers.len();
        self.workers.push(Worker {
            name: format!("worker-{number}"),
            classes: classes.into_iter().map(super::asker::class).collect(),
            memory: self.random.between(4, 17),
            slots: [1, 1, 2, 4][self.random.below(4)],
            consumer: self.random.one_in(4),
            liar: self.random.one_in(8),
            alive: true,
            frozen_until: 0,
            cut_off_until: 0,
            connection: None,
            greeted: false,
            connect_at: 0,
            running: Vec::new(),
            asks: BTreeMap::new(),
            draining: false,
            calls: BTreeMap::new(),
            claiming: BTreeMap::new(),
        });
        let after = self.random.between(1, 600) * MS;
        self.soon(after, What::Step(number));
        number
    }

    /// What a worker does several times a second.
    pub(super) fn step(&mut self, w: usize) {
        let worker = &self.workers[w];
        if worker.frozen_until > self.now {
            self.soon(worker.frozen_until - self.now, What::Step(w));
            return;
        }
        let after = self.random.between(300, 500) * MS;
        self.soon(after, What::Step(w));
        let worker = &mut self.workers[w];
        match worker.connection {
            _ if !worker.alive => worker.alive = self.now >= worker.connect_at,
            None if self.now >= worker.connect_at => self.connect(w),
            None => {}
            Some(connection) => {
                let silent = worker.calls.values().any(|(at, _)| self.now - at > PATIENCE);
                if silent {
                    self.cut(connection);
                } else if worker.greeted {
                    self.work(w, connection);
                }
            }
        }
    }

    fn connect(&mut self, w: usize) {
        let worker = &self.workers[w];
        let Some(process) = self.live().filter(|_| worker.cut_off_until <= self.now) else { return };
        let running: Vec<Held> = worker.running.iter().map(|running| running.held).collect();
        let connection = self.connections.len();
        self.connections.push(Connection {
            worker: w,
            process,
            seen: true,
            cut: false,
            asks: BTreeMap::new(),
            last: [0; 2],
        });
        let worker = &mut self.workers[w];
        worker.connection = Some(connection);
        worker.greeted = false;
        self.call(w, Call::Hello(running), false);
    }

    /// Says something to the dispatcher; returns the number of the call.
    pub(super) fn call(&mut self, w: usize, call: Call, stale: bool) -> u64 {
        let number = self.number();
        let Some(connection) = self.workers[w].connection else { return number };
        let waits = !matches!(call, Call::Ask | Call::Unask(_) | Call::BlobLost(_));
        if waits {
            self.workers[w].calls.insert(number, (self.now, stale));
        }
        let repeatable = matches!(call, Call::Beat(_) | Call::Done(..) | Call::Failed(..) | Call::Claim(..));
        if repeatable && self.unlucky(25) {
            self.fire(Fired::Twice);
            let after = self.delay(connection, 0);
            self.soon(after, What::Deliver(connection, number, call.clone()));
        }
        let after = self.delay(connection, 0);
        self.soon(after, What::Deliver(connection, number, call));
        number
    }

    /// The dispatcher says something to a worker.
    pub(super) fn post(&mut self, connection: usize, letter: Letter) {
        let after = self.delay(connection, 1);
        self.soon(after, What::Hand(connection, letter));
    }

    fn delay(&mut self, connection: usize, way: usize) -> u64 {
        let mut after = self.random.between(1, 20) * MS;
        if self.unlucky(40) {
            self.fire(Fired::Late);
            after += self.random.between(100, 1_500) * MS;
        }
        let worker = &self.workers[self.connections[connection].worker];
        after += worker.cut_off_until.saturating_sub(self.now);
        let arrives = self.now + after;
        if arrives < self.connections[connection].last[way] {
            self.fired.count(Fired::Overtaken);
        }
        let last = &mut self.connections[connection].last[way];
        *last = arrives.max(*last);
        after
    }

    /// A connection is lost: both ends learn it, each in its time.
    pub(super) fn cut(&mut self, connection: usize) {
        if std::mem::replace(&mut self.connections[connection].cut, true) {
            return;
        }
        let (there, here) = (self.random.between(1, 100) * MS, self.random.between(1, 100) * MS);
        self.soon(there, What::Gone(connection));
        self.soon(here, What::LostSight(connection));
    }

    /// A worker learns that its connection is gone.
    pub(super) fn lost_sight(&mut self, connection: usize) {
        let w = self.connections[connection].worker;
        let after = self.random.between(10, 1_000) * MS;
        let worker = &mut self.workers[w];
        if worker.connection != Some(connection) {
            return;
        }
        worker.connection = None;
        worker.greeted = false;
        worker.connect_at = self.now + after;
        worker.asks.clear();
        worker.calls.clear();
        worker.running.iter_mut().for_each(|running| running.posted = None);
        let claiming = std::mem::take(&mut worker.claiming);
        self.let_go(claiming.into_values());
    }

    /// A worker dies, with everything that it knew.
    pub(super) fn die_worker(&mut self, w: usize, unseen: bool) {
        let after = self.random.between(100, 3_000) * MS;
        let unseen_for = self.random.between(500, 8_000) * MS;
        let worker = &mut self.workers[w];
        worker.alive = false;
        worker.running.clear();
        worker.draining = false;
        worker.greeted = false;
        worker.asks.clear();
        worker.calls.clear();
        worker.claiming.clear();
        worker.connect_at = self.now + after;
        if let Some(connection) = worker.connection.take() {
            self.connections[connection].cut = true;
            let learns = if unseen { unseen_for } else { MS };
            self.soon(learns, What::Gone(connection));
        }
        self.undeliver(w);
    }

    /// A worker is told something.
    pub(super) fn hand(&mut self, connection: usize, letter: Letter) {
        let w = self.connections[connection].worker;
        let worker = &mut self.workers[w];
        if self.connections[connection].cut || worker.connection != Some(connection) {
            return;
        }
        let until = worker.frozen_until.max(worker.cut_off_until);
        if until > self.now {
            let after = until - self.now + MS;
            self.soon(after, What::Hand(connection, letter));
            return;
        }
        match letter {
            Letter::Welcome(stale) => {
                worker.calls.clear();
                worker.greeted = true;
                worker.running.retain(|running| running.result.is_some() || !stale.contains(&running.held.token));
            }
            Letter::Offer(call, offer) => {
                if worker.asks.remove(&call).is_some() {
                    self.take(w, *offer, None);
                }
            }
            Letter::Nothing(call) => {
                worker.asks.remove(&call);
                self.fire(Fired::Withdrawn);
            }
            Letter::NoSession => {
                if !worker.draining {
                    self.cut(connection);
                }
            }
            Letter::Claim(call, held, token) => {
                if worker.calls.remove(&call).is_some()
                    && let Some(message) = worker.claiming.remove(&call)
                {
                    self.claimed(w, message, held, token);
                }
            }
            Letter::Beat(call, held, live) => {
                let Some((_, stale)) = worker.calls.remove(&call) else { return };
                if !live {
                    worker.running.retain(|running| running.result.is_some() || running.held != held);
                }
                let owner = self.live() == Some(self.connections[connection].process);
                assert!(!live || !stale || !owner, "work that nobody wants any more is not stopped");
            }
            Letter::Answer(call, held) => {
                worker.calls.remove(&call);
                self.rid(w, held);
            }
            Letter::Notice(Notice::Stop(token)) => {
                worker.running.retain(|running| running.result.is_some() || running.held.token != token);
            }
            Letter::Notice(Notice::Drain) => worker.draining = true,
        }
    }
}
