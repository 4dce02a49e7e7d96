//! Workers that are tasks of this process: each with a session of its own over HTTP, none with a prover.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::Usage;
use proving::payload::Payload;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use transport::http::HttpLink;
use transport::link::{Link as _, LinkError, Session as _};
use transport::message::{Beat, Done, Held, Hello, Offer, Offering};

use crate::fleet::sleep;

/// A worker got a task.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) task: TaskId,
    pub(super) at: Instant,
    /// How long it was without one, since it gave its last result; `None` for the first.
    pub(super) gap: Option<Duration>,
}

/// Sleepers of this process.
pub(super) struct Fleet {
    workers: JoinSet<()>,
    pub(super) got: mpsc::UnboundedReceiver<Got>,
    pub(super) completed: Arc<AtomicU64>,
}

impl Fleet {
    /// Connects so many workers, and waits until all of them wait for tasks.
    pub(super) async fn start(link: &HttpLink, workers: usize, name: &str) -> Result<Self> {
        let (tell, got) = mpsc::unbounded_channel();
        let completed = Arc::new(AtomicU64::new(0));
        let mut set = JoinSet::new();
        for index in 0..workers {
            let hello = Hello {
                worker: format!("{name}-{index}"),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                offers: vec![Offering { kind: Kind::TEST_SLEEP, statement: sleep::statement() }],
                memory_bytes: 1 << 30,
                since_ms: 0,
                running: Vec::new(),
            };
            let (link, tell, completed) = (link.clone(), tell.clone(), completed.clone());
            set.spawn(async move {
                // A dispatcher that is killed in the middle ends them; new ones are started then.
                if let Err(error) = work(&link, hello, &tell, &completed).await {
                    tracing::debug!(%error, "a sleeper ended");
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(300 + workers as u64)).await;
        Ok(Self { workers: set, got, completed })
    }

    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// The workers that have ended by themselves.
    pub(super) fn alive(&mut self) -> usize {
        while self.workers.try_join_next().is_some() {}
        self.workers.len()
    }
}

async fn work(
    link: &HttpLink,
    hello: Hello,
    tell: &mpsc::UnboundedSender<Got>,
    completed: &AtomicU64,
) -> Result<(), LinkError> {
    let (session, welcome) = link.connect(hello).await?;
    let mut given: Option<Instant> = None;
    let mut next: Option<Offer> = None;
    loop {
        let offer = match next.take() {
            Some(offer) => offer,
            None => session.next().await?,
        };
        let at = Instant::now();
        let gap = given.map(|given| at.duration_since(given));
        // The measurement may have ended.
        let _ = tell.send(Got { task: offer.task, at, gap });
        let held = Held { task: offer.task, token: offer.token };
        let (ms, output) = answer(&offer);
        nap(&session, held, Duration::from_millis(ms), welcome.beat_ms).await?;
        let usage = Usage { wall_ms: ms, cpu_ms: ms, peak_memory_bytes: 1 << 20 };
        given = Some(Instant::now());
        let (_, offered) = session.done_and_next(&Done { held, output, usage }).await?;
        completed.fetch_add(1, Ordering::Relaxed);
        next = offered;
    }
}

/// Sleeps, and beats meanwhile.
async fn nap<S: transport::link::Session>(
    session: &S,
    held: Held,
    time: Duration,
    beat_ms: u64,
) -> Result<(), LinkError> {
    let end = tokio::time::Instant::now() + time;
    let period = Duration::from_millis(beat_ms);
    while end > tokio::time::Instant::now() + period {
        tokio::time::sleep(period).await;
        session.beat(&Beat { held, stage: "sleep".to_owned(), done: 0, total: 0, rss_bytes: 0 }).await?;
    }
    tokio::time::sleep_until(end).await;
    Ok(())
}

fn answer(offer: &Offer) -> (u64, Payload) {
    let inline = |payload: &Payload| match payload {
        Payload::Inline(bytes) => bytes.clone(),
        Payload::Blob { .. } => Vec::new(),
    };
    let input = inline(&offer.input);
    let text = String::from_utf8_lossy(&input);
    let ms = text.split_whitespace().find_map(|word| word.strip_prefix("ms=")?.parse().ok()).unwrap_or(0);
    let needs: Vec<Vec<u8>> = offer.needs.iter().map(inline).collect();
    let needs: Vec<&[u8]> = needs.iter().map(Vec::as_slice).collect();
    (ms, Payload::Inline(sleep::proof_of(&input, &needs)))
}
