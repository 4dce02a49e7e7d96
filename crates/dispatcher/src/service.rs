//! Starting a dispatcher: from a store and a place for blobs to a handle and a running loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use blobs::Blobs;
use dispatch::config::Config;
use dispatch::engine::Engine;
use dispatch::store::Store;
use proving::prover::Verifier;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::DispatcherError;
use crate::driver::{Clock, Driver};
use crate::events::Events;
use crate::handle::{Dispatcher, Shared};
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::sweep::{self, Sweep};
use crate::verify::Checker;

/// What a dispatcher is made of.
pub struct Parts {
    /// Settings of the state machine.
    pub config: Config,
    /// Where decisions are kept.
    pub store: Arc<dyn Store>,
    /// Where inputs and proofs are kept.
    pub blobs: Arc<Blobs>,
    /// What can be checked here. Workers of other classes are trusted.
    pub verifiers: Vec<Arc<dyn Verifier>>,
    /// The largest blob, in bytes.
    pub max_blob_bytes: usize,
    /// What a CPU-hour costs, in whatever currency.
    pub price: Option<f64>,
    /// When blobs go that nothing names.
    pub sweep: Sweep,
    /// Who sees everything that becomes durable; `()` is nobody.
    pub observer: Box<dyn Observer>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("config", &self.config).field("store", &self.store).finish_non_exhaustive()
    }
}

/// A dispatcher that runs.
#[derive(Debug)]
pub struct Running {
    /// The way to it.
    pub dispatcher: Dispatcher,
    /// Ends with it, with an error if it had to: the store belongs to somebody else, or cannot be read.
    pub ended: JoinHandle<Result<(), DispatcherError>>,
}

/// Starts one, from what its store has.
///
/// # Errors
/// What is kept cannot be read.
pub async fn start(parts: Parts) -> Result<Running, DispatcherError> {
    let Parts { config, store, blobs, verifiers, max_blob_bytes, price, sweep: when, mut observer } = parts;
    let clock = Clock::start();
    let kept = store.load().await?;
    let engine = Engine::start(config.clone(), &kept, clock.now())?;
    drop(kept);
    observer.started(engine.state());
    let (inputs, heard) = mpsc::unbounded_channel();
    let events = Arc::new(Events::new(engine.state().durable().last_record));
    let metrics = Arc::new(Metrics::new(config.kinds.iter().cloned().collect(), price)?);
    let checker = Checker::new(verifiers, blobs.clone());
    let shared = Shared {
        inputs: inputs.clone(),
        blobs: blobs.clone(),
        checker: checker.clone(),
        events: events.clone(),
        metrics: metrics.clone(),
        scrape: Default::default(),
        clock,
        max_blob_bytes,
        lease_ms: config.lease_ms,
        beat_ms: config.beat_ms,
        price,
        requests: AtomicU64::new(1),
        sessions: AtomicU64::new(1),
    };
    let driver = Driver {
        config,
        store,
        engine,
        clock,
        inputs: heard,
        back: inputs,
        checker,
        blobs,
        events,
        metrics,
        traces: Default::default(),
        observer,
        waiting: HashMap::new(),
        sessions: HashMap::new(),
        looks: Default::default(),
    };
    let dispatcher = Dispatcher { shared: Arc::new(shared), kinds: None };
    let sweeping = tokio::spawn(sweep::sweep(dispatcher.clone(), when));
    let ended = tokio::spawn(async move {
        let outcome = driver.run().await;
        sweeping.abort();
        outcome
    });
    Ok(Running { dispatcher, ended })
}
