//! The dispatcher inside a leader: its store, its verifiers, and the workers, at a broker or in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use blobs::{Blobs, SecretKey};
use dispatch::config::Config;
use dispatch::record::Record;
use dispatch::state::State as Books;
use dispatch::store::{Store, StoreError};
use dispatch_store::OpenOptions;
use dispatcher::{Dispatcher, DispatcherError, Observer, Parts, Running, Sweep, open_router, serve_broker};
use proving::kind::Kind;
use proving::prover::Verifier;
use terminal::Console;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use transport::SetupError;
use transport::local::LocalLink;
use worker::counters::Counters;
use worker::prover::{ProverChild, State};
use worker::run::{RunConfig, Shutdown, run as work};

use crate::settings::CircuitArgs;
use crate::worker::{Kinds, child_config};

/// The kinds that a leader asks for.
pub const KINDS: [Kind; 4] =
    [Kind::EVM_SEGMENT, Kind::EVM_SEGMENT_AGGREGATION, Kind::EVM_BATCH_AGGREGATION, Kind::EVM_BLOCK];

/// The largest input or proof, in bytes.
const MAX_BLOB: usize = 256 << 20;

/// The largest one that passes through a broker, in bytes: as the transport has it.
pub const BROKER_LIMIT: usize = 8 << 20;

/// Where proofs are made.
#[derive(Debug)]
pub enum Workers<'a> {
    /// At the broker of this URL.
    Broker(String),
    /// In so many children of this process, of these circuits.
    Local(u16, &'a CircuitArgs),
}

/// A dispatcher that runs, with whatever brings it workers.
#[derive(Debug)]
pub struct Service {
    /// The way to it.
    pub dispatcher: Dispatcher,
    /// Rings when something became durable.
    pub bell: watch::Receiver<()>,
    ended: JoinHandle<Result<(), DispatcherError>>,
    broker: Option<JoinHandle<Result<(), SetupError>>>,
    local: Vec<JoinHandle<()>>,
    /// Why provers of this process are of no use, as far as that is known.
    useless: Arc<Mutex<Vec<String>>>,
    shutdown: Shutdown,
    stop: CancellationToken,
}

impl Service {
    /// Starts it. What is asked for is kept in `folder`, or in memory without one. Proofs count when `verifiers` say
    /// so.
    ///
    /// # Errors
    /// The store cannot be opened, or no child can be started.
    pub async fn start(
        folder: Option<&Path>,
        verifiers: Vec<Arc<dyn Verifier>>,
        workers: Workers<'_>,
        console: Console,
    ) -> Result<Self> {
        let (rope, bell) = watch::channel(());
        let parts = parts(folder, verifiers, Box::new(Bell(rope)), console).await?;
        let Running { dispatcher, ended } = dispatcher::start(parts).await?;
        let (stop, shutdown) = (CancellationToken::new(), Shutdown::new());
        let (local, useless) = (Vec::new(), Arc::default());
        let mut service = Self { dispatcher, bell, ended, broker: None, local, useless, shutdown, stop };
        match workers {
            Workers::Broker(url) => {
                let (dispatcher, stop) = (service.dispatcher.clone(), service.stop.clone());
                service.broker =
                    Some(tokio::spawn(async move { serve_broker(dispatcher, &url, stop.cancelled()).await }));
            }
            Workers::Local(count, circuits) => {
                for index in 1..=count {
                    service.local.push(service.begin(index, count, circuits, console)?);
                }
            }
        }
        Ok(service)
    }

    fn begin(&self, index: u16, count: u16, circuits: &CircuitArgs, console: Console) -> Result<JoinHandle<()>> {
        let child = child_config(Kinds::All, circuits)?;
        let prover = ProverChild::spawn(child, Counters::new(None)?);
        let name = format!("local-{index}");
        let memory = worker::machine::memory().context("the machine's memory is not known")?;
        let run = RunConfig::new(name.clone(), env!("CARGO_PKG_VERSION"), memory / u64::from(count));
        let (link, shutdown) = (LocalLink::new(self.dispatcher.clone()), self.shutdown.clone());
        let useless = self.useless.clone();
        Ok(tokio::spawn(async move {
            let reason = tokio::select! {
                ended = work(link, prover.clone(), run, shutdown) => match ended {
                    Ok(()) => return,
                    Err(error) => error.to_string(),
                },
                reason = never_ready(&prover) => reason,
            };
            console.note(format!("leader: prover {name} ended: {reason}"));
            useless.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
        }))
    }

    /// Why nobody proves any more, where provers are in this process and none of them is left.
    pub fn is_alone(&self) -> Option<String> {
        let useless = self.useless.lock().unwrap_or_else(PoisonError::into_inner);
        useless.last().filter(|_| useless.len() >= self.local.len()).cloned()
    }

    /// Serves health, readiness and metrics, until it ends.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn show(&self, address: SocketAddr, console: Console) -> Result<()> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the leader's HTTP cannot listen on {address}: choose another --http"))?;
        console.note(format!("leader: its HTTP is on http://{}", listener.local_addr()?));
        let (routes, stop) = (open_router(self.dispatcher.clone()), self.stop.clone());
        tokio::spawn(async move { axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await });
        Ok(())
    }

    /// Ends: workers are sent away, and what was noted down is kept.
    ///
    /// # Errors
    /// The store failed meanwhile.
    pub async fn end(self) -> Result<()> {
        self.shutdown.end_now();
        for worker in self.local {
            // What it has to say it said.
            let _ = worker.await;
        }
        self.stop.cancel();
        if let Some(broker) = self.broker {
            let _ = broker.await;
        }
        self.dispatcher.end();
        match self.ended.await {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether its workers are at a broker.
    pub fn has_broker(&self) -> bool {
        self.broker.is_some()
    }

    /// Whether the dispatcher has ended by itself.
    pub fn is_over(&self) -> bool {
        self.ended.is_finished()
    }
}

/// Waits until a prover that was never ready is down; one that was ready is started again and again.
async fn never_ready(prover: &ProverChild) -> String {
    let mut state = prover.watch();
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Down(reason) => return reason,
            State::Ready(_) => return std::future::pending().await,
            State::Starting => {}
        }
        if state.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Rings at whatever an asker might wait for.
struct Bell(watch::Sender<()>);

impl Observer for Bell {
    fn started(&mut self, _: &Books) {
        self.0.send_replace(());
    }

    fn records(&mut self, _: &Books, records: &[Record]) {
        let news = |record: &Record| {
            matches!(record, Record::Accepted { .. } | Record::Ended { .. } | Record::JobEnded { .. })
        };
        if records.iter().any(news) {
            self.0.send_replace(());
        }
    }
}

async fn parts(
    folder: Option<&Path>,
    verifiers: Vec<Arc<dyn Verifier>>,
    observer: Box<dyn Observer>,
    console: Console,
) -> Result<Parts> {
    let (store, place, key) = match folder {
        None => {
            (dispatch_store::open("memory:", OpenOptions::default()).await?, "memory:".to_owned(), SecretKey::random())
        }
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
            let store = open(&inside(folder, "dispatch.sqlite")?, folder, console).await?;
            (store, inside(folder, "blobs")?, SecretKey::load_or_create(folder.join("secret.key"))?)
        }
    };
    let blobs = Arc::new(Blobs::open(&place, key).await?.with_limit(MAX_BLOB as u64));
    Ok(Parts {
        config: Config { kinds: KINDS.into_iter().collect(), ..Config::default() },
        store,
        blobs,
        verifiers,
        max_blob_bytes: MAX_BLOB,
        price: None,
        sweep: Sweep::default(),
        observer,
    })
}

/// Opens the store, after whoever has it now.
async fn open(location: &str, folder: &Path, console: Console) -> Result<Arc<dyn Store>> {
    match dispatch_store::open(location, OpenOptions::default()).await {
        Err(StoreError::Held { .. }) => {
            console.note(format!(
                "leader: another leader works in {}: waiting for its end; --data-dir takes another folder",
                folder.display()
            ));
            Ok(dispatch_store::open(location, OpenOptions::default().standby(true)).await?)
        }
        opened => Ok(opened?),
    }
}

/// A file or folder in a data folder, as stores and blobs are named.
fn inside(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    path.to_str().map(str::to_owned).with_context(|| format!("{} is not written in UTF-8", path.display()))
}
