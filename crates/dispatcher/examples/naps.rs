//! A dispatcher with workers that sleep, all in one process and in memory: something to watch without a proof system.
//!
//! `cargo run -p dispatcher --example naps` says the address; the token is `MEZE_TOKEN`. A task of the kinds
//! `test.sleep`, `test.pair` and `test.top` sleeps for as many milliseconds as its input says, and panics for the input
//! `panic`, the first time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blobs::{Blobs, SecretKey};
use bytes::Bytes;
use dispatch::config::Config;
use dispatch::store::MemoryDisk;
use dispatcher::{Dispatcher, Parts, admin_router, ask_router, open_router, start};
use proving::id::TaskId;
use proving::kind::Kind;
use proving::lease::{Cause, Usage};
use tokio::net::TcpListener;
use transport::http::{Auth, Tokens, serve};
use transport::link::{Link as _, LinkError, Session as _};
use transport::local::LocalLink;
use transport::message::{Beat, Done, Failed, Held, Hello, Offer, Offering};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const KINDS: [&str; 3] = ["test.sleep", "test.pair", "test.top"];
const STEPS: u64 = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = telemetry::Options::from_env("dispatcher")?;
    let _guard = telemetry::init(&options)?;
    let kinds = KINDS.iter().map(|kind| kind.parse()).collect::<Result<_, _>>()?;
    let config = Config { kinds, ..Config::default() };
    let store = Arc::new(MemoryDisk::default().open());
    let parts = Parts {
        config,
        store,
        blobs: Arc::new(Blobs::open("memory:", SecretKey::random()).await?),
        verifiers: Vec::new(),
        max_blob_bytes: 1 << 20,
        price: Some(0.05),
        sweep: Default::default(),
        observer: Box::new(()),
    };
    let running = start(parts).await?;
    let dispatcher = running.dispatcher;
    let panicked = Arc::default();
    for number in 1..=4 {
        tokio::spawn(work(dispatcher.clone(), format!("napper-{number}"), Arc::clone(&panicked)));
    }
    let token = std::env::var("MEZE_TOKEN").map_err(|_| "put a token of 16 characters or more into MEZE_TOKEN")?;
    let counting = dispatcher.clone();
    let refused = move |scope, refusal| counting.token_refused(scope, refusal);
    let auth = Auth::new(Tokens::from_text(&format!("admin {token}"))?, refused);
    let routes = ask_router(dispatcher.clone(), auth.clone())
        .merge(admin_router(dispatcher.clone(), auth))
        .merge(open_router(dispatcher));
    let socket = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8082")).await?;
    println!("http://{}", socket.local_addr()?);
    serve(socket, None, routes, std::future::pending()).await?;
    Ok(())
}

async fn work(dispatcher: Dispatcher, worker: String, panicked: Arc<Mutex<HashSet<TaskId>>>) -> Result<(), Failure> {
    let offering = |kind: &str| -> Result<Offering, Failure> {
        Ok(Offering { kind: kind.parse::<Kind>()?, statement: "test/line/sleep".parse()? })
    };
    let offers = KINDS.into_iter().map(offering).collect::<Result<_, _>>()?;
    let hello = Hello {
        worker,
        version: "example".to_owned(),
        offers,
        memory_bytes: 1 << 30,
        since_ms: 0,
        running: Vec::new(),
    };
    let (session, _) = LocalLink::new(dispatcher).connect(hello).await?;
    loop {
        let offer = session.next().await?;
        let text = String::from_utf8_lossy(&session.fetch(&offer.input).await?).into_owned();
        let held = Held { task: offer.task, token: offer.token };
        if text == "panic" && panicked.lock().unwrap_or_else(PoisonError::into_inner).insert(offer.task) {
            tokio::time::sleep(Duration::from_millis(900)).await;
            let reason = "it had a bad dream".to_owned();
            session.failed(&Failed { held, cause: Cause::Panic, reason, usage: Usage::default() }).await?;
            continue;
        }
        let ms = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(2000);
        nap(&session, &offer, held, ms).await?;
    }
}

async fn nap(session: &impl transport::link::Session, offer: &Offer, held: Held, ms: u64) -> Result<(), LinkError> {
    for done in 0..STEPS {
        let beat = Beat { held, stage: "asleep".to_owned(), done, total: STEPS, rss_bytes: 1 << 20 };
        if !session.beat(&beat).await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(ms / STEPS)).await;
    }
    let output = session.store(Bytes::copy_from_slice(offer.task.as_bytes()), false).await?;
    let usage = Usage { wall_ms: ms, cpu_ms: ms / 2, peak_memory_bytes: 1 << 20 };
    session.done(&Done { held, output, usage }).await.map(drop)
}
