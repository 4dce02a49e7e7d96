//! Beats, from a thread and runtime of their own: whatever else the worker is busy with, dispatch hears
//! that it lives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proving::lease::Token;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use transport::link::{LinkError, Session};
use transport::message::{Beat, Held, Welcome};

use crate::error::WorkerError;
use crate::prover::Standing;

/// What a beat brought to light.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The lease is lost.
    Stale(Token),
    /// The connection is lost.
    Lost(String),
}

/// The task that is beaten for, and how far it is.
#[derive(Clone)]
pub(super) struct Pulse {
    pub(super) held: Held,
    pub(super) standing: watch::Receiver<Standing>,
}

/// A connection to beat over. The number tells its verdicts from those of the one before.
struct Connection<S> {
    number: u64,
    session: Arc<S>,
    every: Duration,
    lease: Duration,
}

impl<S> Clone for Connection<S> {
    fn clone(&self) -> Self {
        Self { session: Arc::clone(&self.session), ..*self }
    }
}

/// The thread's strings. It ends when they are dropped.
pub(super) struct Beats<S> {
    connection: watch::Sender<Option<Connection<S>>>,
    number: u64,
    verdicts: mpsc::UnboundedReceiver<(u64, Verdict)>,
    pulse: Arc<Mutex<Option<Pulse>>>,
}

impl<S: Session> Beats<S> {
    /// Starts the thread, which beats for nothing yet.
    pub(super) fn start() -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::System { what: "the thread for beats cannot be started".into(), source };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (connection, connections) = watch::channel(None);
        let (judge, verdicts) = mpsc::unbounded_channel();
        let pulse = Arc::new(Mutex::new(None));
        let own = Arc::clone(&pulse);
        let thread = std::thread::Builder::new().name("beats".to_owned());
        thread.spawn(move || runtime.block_on(beat_on(connections, &own, &judge))).map_err(failed)?;
        Ok(Self { connection, number: 0, verdicts, pulse })
    }

    /// Beats over this session from now on.
    pub(super) fn attach(&mut self, session: Arc<S>, welcome: &Welcome) {
        self.number += 1;
        self.connection.send_replace(Some(Connection {
            number: self.number,
            session,
            every: Duration::from_millis(welcome.beat_ms.max(1)),
            lease: Duration::from_millis(welcome.lease_ms.max(1)),
        }));
    }

    /// Lets go of the session.
    pub(super) fn detach(&self) {
        self.connection.send_replace(None);
    }

    /// Beats for this task from now on, or for none.
    pub(super) fn beat_for(&self, pulse: Option<Pulse>) {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner) = pulse;
    }

    /// The next verdict about the present session. Safe to drop and call again.
    pub(super) async fn verdict(&mut self) -> Verdict {
        loop {
            match self.verdicts.recv().await {
                Some((number, verdict)) if number == self.number => return verdict,
                Some(_) => {}
                // Without the thread nobody beats, and the lease is as good as lost with the connection.
                None => return Verdict::Lost("the thread for beats has ended".to_owned()),
            }
        }
    }
}

async fn beat_on<S: Session>(
    mut connections: watch::Receiver<Option<Connection<S>>>,
    pulse: &Mutex<Option<Pulse>>,
    judge: &mpsc::UnboundedSender<(u64, Verdict)>,
) {
    loop {
        let connection = connections.borrow_and_update().clone();
        let changed = connections.changed();
        let open = match connection {
            None => changed.await,
            Some(connection) => tokio::select! {
                changed = changed => changed,
                verdict = beat_over(&connection, pulse, judge) => {
                    let _ = judge.send((connection.number, verdict));
                    drop(connection);
                    connections.changed().await
                }
            },
        };
        if open.is_err() {
            return;
        }
    }
}

/// Beats until the connection is lost.
async fn beat_over<S: Session>(
    connection: &Connection<S>,
    pulse: &Mutex<Option<Pulse>>,
    judge: &mpsc::UnboundedSender<(u64, Verdict)>,
) -> Verdict {
    let mut ticks = interval(connection.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(Pulse { held, standing }) = pulse.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            continue;
        };
        let Standing { stage, done, total, rss_bytes, .. } = standing.borrow().clone();
        let beat = Beat { held, stage, done, total, rss_bytes };
        match timeout(connection.lease, connection.session.beat(&beat)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                let _ = judge.send((connection.number, Verdict::Stale(held.token)));
            }
            Ok(Err(LinkError::Lost(reason) | LinkError::Refused(reason))) => return Verdict::Lost(reason),
            Ok(Err(error)) => tracing::warn!(%error, "a beat was not sent"),
            Err(_) => return Verdict::Lost("a beat was not answered within the lease".to_owned()),
        }
    }
}
