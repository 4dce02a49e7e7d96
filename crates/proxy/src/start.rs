//! Putting a proxy together: dispatcher, desk, fleet, seats, and what is served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use blobs::Blobs;
use dispatch::config::Config;
use dispatch::store::Store;
use dispatcher::{DispatcherError, Parts, Running, Sweep};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::control_page;
use crate::desk::{Desk, MAX_KEPT, Notes};
use crate::fleet::{Fleet, FleetError, Member};
use crate::front::Front;
use crate::metrics::Metrics;
use crate::page::{metrics_page, status_page};
use crate::register::{Register, WITHIN};
use crate::seat::Keeper;
use crate::settings::Settings;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Its dispatcher does not.
    #[error(transparent)]
    Dispatcher(#[from] DispatcherError),
    /// A worker's address is none.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Two metrics of one name: an error of the program.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    /// An error of the build.
    #[error("the services cannot be described")]
    Reflection(#[from] miden_wire::server::ReflectionError),
}

/// Adds and removes workers, with all that follows.
#[derive(Clone)]
pub struct Members {
    fleet: Arc<Fleet>,
    keeper: Keeper,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Members({})", self.count())
    }
}

impl Members {
    /// Adds workers; those that are known already stay as they are.
    ///
    /// # Errors
    /// One is no address, or there are too many; then none is added.
    pub fn add(&self, addresses: &[String]) -> Result<(), FleetError> {
        self.fleet.add(addresses)?.into_iter().for_each(|member| self.look_after(member));
        Ok(())
    }

    /// Adds a worker that has to come again within `within`.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn register(&self, address: &str, within: Duration) -> Result<(), FleetError> {
        self.fleet.register(address, within)?.into_iter().for_each(|member| self.look_after(member));
        Ok(())
    }

    /// Takes workers off the list: each ends what it has.
    pub fn remove(&self, addresses: &[String]) {
        self.fleet.remove(addresses);
        self.fleet.forget_line_if_alone();
    }

    /// Takes a worker off the list that registered itself.
    pub fn leave(&self, address: &str) {
        self.fleet.leave(address);
        self.fleet.forget_line_if_alone();
    }

    /// How many are on the list.
    pub fn count(&self) -> usize {
        self.fleet.len()
    }

    fn look_after(&self, member: Arc<Member>) {
        let (fleet, watched) = (self.fleet.clone(), member.clone());
        self.tasks.spawn(async move { fleet.watch(&watched).await });
        self.tasks.spawn(self.keeper.clone().keep(member));
    }
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Proxy {
    /// What clients see; to be served on the public address.
    pub routes: Router,
    /// What the status port shows.
    pub status: Router,
    /// What the metrics port shows.
    pub metrics: Router,
    /// What the control port takes.
    pub control: Router,
    /// How it is.
    pub front: Front,
    /// Its workers.
    pub members: Members,
    /// Ends with its dispatcher.
    pub ended: JoinHandle<Result<(), DispatcherError>>,
    dispatcher: dispatcher::Dispatcher,
    ending: CancellationToken,
    telling: JoinHandle<()>,
    late: JoinHandle<()>,
}

/// Starts a proxy whose requests are kept in `store` and `blobs`. With a `token`, workers may register themselves.
///
/// # Errors
/// See [`ProxyError`].
pub async fn start(
    settings: Settings,
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    token: Option<&str>,
) -> Result<Proxy, ProxyError> {
    let metrics = Arc::new(Metrics::new()?);
    let fleet = Arc::new(Fleet::new(&settings, metrics.clone()));
    let ending = CancellationToken::new();
    let desk = Desk::new(&settings, fleet.clone(), metrics.clone(), ending.clone());
    let parts = Parts {
        config: config(&settings),
        store,
        blobs,
        verifiers: Vec::new(),
        max_blob_bytes: settings.max_proof_bytes.max(settings.max_request_bytes),
        price: None,
        // Proofs are named by their jobs for as long as they are kept.
        sweep: Sweep { every: Duration::from_secs(20), age: Duration::from_secs(60) },
        observer: Box::new(Notes(desk.clone())),
    };
    let Running { dispatcher, ended } = dispatcher::start(parts).await?;
    desk.open(dispatcher.clone());

    let keeper = Keeper {
        dispatcher: dispatcher.clone(),
        desk: desk.clone(),
        fleet: fleet.clone(),
        silence: settings.silence,
        timeout: settings.timeout,
    };
    let members = Members { fleet: fleet.clone(), keeper, tasks: TaskTracker::new() };
    members.add(&settings.workers)?;
    let front = Front::new(settings, desk, fleet.clone(), metrics, ending.clone());
    let more = token.map_or_else(Router::new, |token| {
        tonic::service::Routes::new(Register::service(members.clone(), token)).prepare().into_axum_router()
    });
    // Only one of the two may answer what neither knows.
    let (routes, health) = front.routes(more.reset_fallback()).await?;
    let telling = tokio::spawn({
        let front = front.clone();
        async move { front.tell(health).await }
    });
    let late = tokio::spawn(remove_late(members.clone()));
    Ok(Proxy {
        routes,
        status: status_page(front.clone()),
        metrics: metrics_page(front.clone()),
        control: control_page(members.clone()),
        front,
        members,
        ended,
        dispatcher,
        ending,
        telling,
        late,
    })
}

impl Proxy {
    /// Takes no more requests; those that run may end.
    pub fn drain(&self) {
        self.ending.cancel();
    }

    /// Ends, after what was noted down is kept.
    pub async fn end(self) -> Result<(), DispatcherError> {
        self.drain();
        self.late.abort();
        // It has one more thing to tell.
        let _ = self.telling.await;
        self.dispatcher.end();
        self.ended.await.unwrap_or(Ok(()))
    }
}

async fn remove_late(members: Members) {
    loop {
        tokio::time::sleep(WITHIN / 6).await;
        members.fleet.remove_late(Instant::now());
        members.fleet.forget_line_if_alone();
    }
}

fn config(settings: &Settings) -> Config {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut config = Config {
        // The proxy itself sees first when a worker is silent.
        lease_ms: ms(settings.silence).saturating_mul(2).max(2000),
        // No worker comes back with a lease: the calls end with the proxy.
        grace_ms: 100,
        max_failures: settings.retries.saturating_add(1),
        // A single worker tries again; with others, one of them does.
        avoid_ms: 1_000,
        kinds: [settings.kind.kind()].into(),
        keep_finished_tasks: MAX_KEPT,
        // The desk decides what is given again; what it has still to hear of stays in any case.
        keep_finished_ms: ms(settings.keep).max(60_000),
        ..Config::default()
    };
    config.limits.input_bytes = settings.max_request_bytes as u64;
    config
}
