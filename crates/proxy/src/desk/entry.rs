//! One request, and everybody who waits for it.

use std::time::Instant;

use bytes::Bytes;
use dispatch::model::JobId;
use tokio::sync::watch;
use tonic::Status;

/// What everybody is told.
pub(super) type Outcome = Result<Bytes, Status>;

/// Tells an entry from a later one of the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Serial(pub(super) u64);

/// See the module.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) serial: Serial,
    /// Its job, once the dispatcher has it.
    pub(super) job: Option<JobId>,
    pub(super) waiters: usize,
    /// How many have attached so far.
    pub(super) turns: u64,
    /// The request, unless it is of a run before: then its blob has it.
    pub(super) payload: Option<Bytes>,
    /// A worker has it.
    pub(super) running: bool,
    /// Since when it waits, until it was first handed out.
    pub(super) since: Option<Instant>,
    pub(super) outcome: watch::Sender<Option<Outcome>>,
}

impl Entry {
    /// A new one, with one who waits.
    pub(super) fn new(serial: Serial, payload: Option<Bytes>) -> Self {
        let outcome = watch::Sender::new(None);
        Self { serial, job: None, waiters: 1, turns: 0, payload, running: false, since: Some(Instant::now()), outcome }
    }
}
