//! A worker on the list, and what is known of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use miden_wire::client::Worker;
use proving::id::TaskId;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The longest reason that is kept of a worker's own, in characters.
const MAX_REASON: usize = 300;

/// How a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It was not checked yet.
    Unknown,
    /// It takes requests.
    Healthy,
    /// It gets none.
    Unhealthy {
        /// Checks that failed, one after the other.
        failed_attempts: u32,
        /// Why.
        reason: String,
    },
}

/// What is known of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How it is.
    pub health: Health,
    /// What it says its version is; empty before it answered.
    pub version: String,
    /// It is of Meze: what is taken back from it stops at once.
    pub is_meze: bool,
}

/// A worker on the list.
#[derive(Debug)]
pub struct Member {
    /// `host:port`.
    pub address: String,
    pub(crate) worker: Worker,
    pub(crate) standing: watch::Sender<Standing>,
    /// It is not on the list any more: it ends what it has, and gets nothing else.
    pub(crate) removed: CancellationToken,
    pub(super) recheck: Notify,
    /// Until when it stays, if it has to come again and again.
    until: Mutex<Option<Instant>>,
    /// The task that it has, until it has really stopped.
    pub(crate) has: watch::Sender<Option<TaskId>>,
}

impl Member {
    /// A worker that was not checked yet.
    pub(super) fn new(address: String, worker: Worker) -> Self {
        let standing = Standing { health: Health::Unknown, version: String::new(), is_meze: false };
        Self {
            address,
            worker,
            standing: watch::Sender::new(standing),
            removed: CancellationToken::new(),
            recheck: Notify::new(),
            until: Mutex::new(None),
            has: watch::Sender::new(None),
        }
    }

    /// What is known of it.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    pub(super) fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.standing.borrow().health == Health::Healthy
    }

    /// It failed a request in a way that says that it is gone.
    pub(crate) fn failed(&self, reason: &str) {
        self.note(Err(reason.to_owned()));
        self.recheck.notify_one();
    }

    /// Notes how a check went: the version that it said, and whether it is Meze's.
    pub(super) fn note(&self, outcome: Result<(String, bool), String>) {
        self.standing.send_if_modified(|standing| {
            let before = standing.clone();
            match outcome {
                Ok((version, is_meze)) => {
                    *standing = Standing { health: Health::Healthy, version, is_meze };
                }
                Err(reason) => {
                    let failed = match standing.health {
                        Health::Unhealthy { failed_attempts, .. } => failed_attempts,
                        _ => 0,
                    };
                    standing.health = Health::Unhealthy {
                        failed_attempts: failed.saturating_add(1),
                        reason: reason.chars().take(MAX_REASON).collect(),
                    };
                }
            }
            *standing != before
        });
    }

    pub(super) fn failures(&self) -> u32 {
        match self.standing.borrow().health {
            Health::Unhealthy { failed_attempts, .. } => failed_attempts,
            _ => 0,
        }
    }
}
