//! The worker's loop: take a task, have it proved, hand the proof over; again and again, over any number
//! of connections, until it is told to end.
//!
//! The held task and the connection are apart: a lost connection leaves the proof running, and its result
//! waits for the next one.

mod backoff;
mod beats;
mod exit;
mod shutdown;
mod work;

use std::sync::Arc;
use std::time::Duration;

use proving::lease::Token;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use transport::link::{Link, LinkError, Session};
use transport::message::{Answer, Hello, Notice, Offer, Offering, Welcome};

use self::backoff::Backoff;
use self::beats::{Beats, Verdict};
use self::exit::{Due, Exit};
use self::work::{Control, Work};
use crate::counters::unix_ms;
use crate::error::WorkerError;
use crate::prover::ProverChild;

pub use self::shutdown::Shutdown;

/// A connection attempt may take so long.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// After so long a session was a good one, and the next pause is the first again.
const GOOD_SESSION: Duration = Duration::from_secs(5);

/// How a worker presents itself, and how patient it is.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Its name, unique in the fleet and the same after a restart.
    pub worker: String,
    /// The version of its binary, for people.
    pub version: String,
    /// How much memory its tasks may take together, in bytes.
    pub memory_bytes: u64,
    /// How long a task is kept after the connection was lost.
    pub reconnect_grace: Duration,
    /// How long the running task may go on once the worker drains.
    pub drain_grace: Duration,
    /// Puts the worker out of step with others; any number that differs between them.
    pub seed: u64,
}

impl RunConfig {
    /// A worker of this name: five minutes to reconnect, one to drain.
    pub fn new(worker: impl Into<String>, version: impl Into<String>, memory_bytes: u64) -> Self {
        let worker = worker.into();
        let digest = blake3::hash(worker.as_bytes());
        let seed = digest.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        Self {
            worker,
            version: version.into(),
            memory_bytes,
            reconnect_grace: Duration::from_secs(300),
            drain_grace: Duration::from_secs(60),
            seed,
        }
    }
}

/// Works until `shutdown` or dispatch asks for an end; `Ok` then.
///
/// # Errors
/// [`WorkerError::Refused`] where dispatch does not want this worker, and [`WorkerError::Ended`] where its
/// prover has ended.
pub async fn run<L: Link>(
    link: L,
    prover: ProverChild,
    config: RunConfig,
    shutdown: Shutdown,
) -> Result<(), WorkerError> {
    let offers = tokio::select! {
        offers = prover.ready() => offers?,
        () = shutdown.draining() => return Ok(()),
    };
    let exit = Exit::new(shutdown, config.drain_grace);
    let backoff = Backoff::new(config.seed);
    let mut runner = Runner { link, prover, offers, config, exit, backoff, beats: Beats::start()?, work: None };
    while let Some((session, welcome)) = runner.connect().await? {
        match runner.serve(session, &welcome).await {
            Over::Lost(reason) => {
                tracing::warn!(reason, holding = runner.work.is_some(), "the connection to dispatch is lost");
                runner.prover.counters().connection_lost();
            }
            Over::Ended => break,
        }
    }
    Ok(())
}

struct Runner<L: Link> {
    link: L,
    prover: ProverChild,
    offers: Arc<[Offering]>,
    config: RunConfig,
    exit: Exit,
    backoff: Backoff,
    beats: Beats<L::Session>,
    work: Option<Work>,
}

/// Why a session serves no longer.
enum Over {
    Lost(String),
    Ended,
}

/// How a wait for a task ended.
enum Taken {
    Offer(Box<Offer>),
    Draining,
    Over(Over),
}

impl<L: Link> Runner<L> {
    /// Connects, however long it takes; `None` where the worker ends first.
    async fn connect(&mut self) -> Result<Option<(L::Session, Welcome)>, WorkerError> {
        let give_up_at = Instant::now() + self.config.reconnect_grace;
        let mut try_at = Instant::now() + self.backoff.next();
        loop {
            if self.exit.is_draining() && self.control().is_none_or(|control| control.is_silent()) {
                return Ok(None);
            }
            let held = self.control().filter(|control| !control.is_silent());
            let hello = self.hello(held.is_some());
            let attempt = async {
                sleep_until(try_at).await;
                timeout(CONNECT_WITHIN, self.link.connect(hello)).await
            };
            tokio::select! {
                connected = attempt => {
                    let error = match connected {
                        Ok(Ok(connected)) => return Ok(Some(connected)),
                        Ok(Err(LinkError::Refused(reason))) => return Err(WorkerError::Refused(reason)),
                        Ok(Err(error)) => error.to_string(),
                        Err(_) => format!("no answer within {} s", CONNECT_WITHIN.as_secs()),
                    };
                    let pause = self.backoff.next();
                    tracing::debug!(error, ?pause, "not connected");
                    try_at = Instant::now() + pause;
                }
                due = self.exit.due() => if self.follow(due) { return Ok(None) },
                () = sleep_until(give_up_at), if held.is_some() => {
                    tracing::warn!("dispatch was away for too long: the task is given up");
                    held.iter().for_each(Control::silence);
                }
            }
        }
    }

    fn hello(&self, holding: bool) -> Hello {
        let running = self.work.iter().filter(|_| holding).map(Work::held).collect();
        Hello {
            worker: self.config.worker.clone(),
            version: self.config.version.clone(),
            offers: self.offers.to_vec(),
            memory_bytes: self.config.memory_bytes,
            since_ms: unix_ms(),
            running,
        }
    }

    fn control(&self) -> Option<Control> {
        self.work.as_ref().map(Work::control)
    }

    /// Does what is due of the end; whether the worker ends now.
    fn follow(&mut self, due: Due) -> bool {
        follow(due, &mut self.exit, self.work.as_ref().map(Work::control))
    }

    /// Takes and does tasks for as long as the session lasts.
    async fn serve(&mut self, mut session: L::Session, welcome: &Welcome) -> Over {
        let mut notices = Notices(Some(session.notices()));
        let (session, began) = (Arc::new(session), Instant::now());
        if let Some(work) = &self.work
            && welcome.stale.contains(&work.held().token)
        {
            tracing::info!(token = %work.held().token, "the lease went to another meanwhile");
            work.control().silence();
        }
        self.beats.attach(Arc::clone(&session), welcome);
        let over = loop {
            if self.work.is_none() {
                match self.take(&*session, &mut notices).await {
                    Taken::Offer(offer) => self.begin(*offer),
                    Taken::Draining => break Over::Ended,
                    Taken::Over(over) => break over,
                }
            }
            if let Some(over) = self.finish(&*session, &mut notices).await {
                break over;
            }
            self.beats.beat_for(None);
            self.work = None;
        };
        self.beats.detach();
        if began.elapsed() > GOOD_SESSION {
            self.backoff.reset();
        }
        over
    }

    fn begin(&mut self, offer: Offer) {
        tracing::info!(task = %offer.task, token = %offer.token, kind = %offer.kind, "took a task");
        self.backoff.reset();
        let work = Work::new(offer);
        self.beats.beat_for(Some(work.pulse()));
        self.work = Some(work);
    }

    /// Waits for a task, once the child is ready for one.
    async fn take(&mut self, session: &L::Session, notices: &mut Notices) -> Taken {
        let Self { prover, exit, .. } = self;
        let next = async {
            prover.ready().await.map_err(|error| LinkError::Lost(error.to_string()))?;
            session.next().await
        };
        let mut next = std::pin::pin!(next);
        loop {
            if exit.is_draining() {
                return Taken::Draining;
            }
            tokio::select! {
                offer = &mut next => return match offer {
                    Ok(offer) => Taken::Offer(Box::new(offer)),
                    Err(error) => Taken::Over(Over::Lost(error.to_string())),
                },
                // A stop is of a task that is over already.
                notice = notices.next() => if let Notice::Drain = notice { exit.drain() },
                due = exit.due() => if follow(due, exit, None) { return Taken::Over(Over::Ended) },
            }
        }
    }

    /// Sees the held task through; `None` when it is over.
    async fn finish(&mut self, session: &L::Session, notices: &mut Notices) -> Option<Over> {
        let Self { prover, exit, beats, work, backoff, .. } = self;
        let work = work.as_mut()?;
        let (held, control) = (work.held(), work.control());
        let mut advance = std::pin::pin!(work.advance(session, prover));
        loop {
            let stop = |token: Token| {
                if token == held.token {
                    tracing::info!(%token, "the task is to be stopped");
                    control.silence();
                }
            };
            tokio::select! {
                answer = &mut advance => return match answer {
                    Ok(answer) => {
                        backoff.reset();
                        log_answer(answer.as_ref(), held.token);
                        None
                    }
                    Err(error) => Some(Over::Lost(error.to_string())),
                },
                notice = notices.next() => match notice {
                    Notice::Stop(token) => stop(token),
                    Notice::Drain => exit.drain(),
                },
                verdict = beats.verdict() => match verdict {
                    Verdict::Stale(token) => stop(token),
                    Verdict::Lost(reason) => return Some(Over::Lost(reason)),
                },
                due = exit.due() => if follow(due, exit, Some(control.clone())) { return Some(Over::Ended) },
            }
        }
    }
}

/// Does what is due of the end; whether the worker ends now.
fn follow(due: Due, exit: &mut Exit, running: Option<Control>) -> bool {
    match due {
        Due::Drain => exit.drain(),
        Due::HandBack => {
            tracing::info!("the grace is over: the running task is handed back");
            running.iter().for_each(Control::hand_back);
            exit.handed_back();
        }
        Due::End => return true,
    }
    false
}

/// What dispatch says unasked, until the session's end.
struct Notices(Option<mpsc::UnboundedReceiver<Notice>>);

impl Notices {
    /// The next one, or none for ever after the end: that the session is over shows in every call anyway.
    async fn next(&mut self) -> Notice {
        if let Some(notices) = &mut self.0
            && let Some(notice) = notices.recv().await
        {
            return notice;
        }
        self.0 = None;
        std::future::pending().await
    }
}

fn log_answer(answer: Option<&Answer>, token: Token) {
    match answer {
        None => tracing::info!(%token, "the task was stopped"),
        Some(Answer::Accepted) => tracing::info!(%token, "the report is accepted"),
        Some(Answer::Stale) => tracing::info!(%token, "the lease was lost before the report"),
        Some(Answer::Refused { reason }) => tracing::warn!(%token, reason, "the proof was refused"),
    }
}
