//! A served dispatcher in memory, and the messages of a worker that talks to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proving::kind::Kind;
use proving::lease::Usage;
use proving::payload::Payload;
use proving::statement::{KeyDigest, Mode, Statement};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use transport::http::{Auth, HttpLink, HttpSettings, Tokens, router, serve};
use transport::memory::MemoryPlane;
use transport::message::{Beat, Done, Held, Hello, Offer, Offering};

/// The token of the work scope.
pub(crate) const WORK: &str = "work-work-work-work";

/// The token of the ask scope.
pub(crate) const ASK: &str = "ask-ask-ask-ask-ask";

/// A gibibyte.
pub(crate) const GIB: u64 = 1 << 30;

/// A dispatcher in memory, served over HTTP until it is dropped.
pub(crate) struct Served {
    pub(crate) plane: MemoryPlane,
    pub(crate) address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    pub(crate) async fn plain() -> Self {
        Self::with(None, auth(|_, _| {})).await
    }

    pub(crate) async fn with(tls: Option<Arc<ServerConfig>>, auth: Auth) -> Self {
        let plane = MemoryPlane::default();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let router = router(plane.clone(), auth);
        let serving = tokio::spawn(serve(socket, tls, router, std::future::pending())).abort_handle();
        Self { plane, address, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn link(&self) -> HttpLink {
        HttpLink::new(&self.url(), WORK, HttpSettings::default()).unwrap()
    }
}

/// A door with both tokens.
pub(crate) fn auth(refused: impl Fn(transport::http::Scope, transport::http::Refusal) + Send + Sync + 'static) -> Auth {
    Auth::new(Tokens::from_text(&format!("work {WORK}\nask {ASK}")).unwrap(), refused)
}

pub(crate) fn statement() -> Statement {
    Statement::of_key(Mode::Test, KeyDigest::from_bytes([1; 32]))
}

/// What a worker with `gib` GiB says first.
pub(crate) fn hello(worker: &str, gib: u64) -> Hello {
    Hello {
        worker: worker.to_owned(),
        version: "1".to_owned(),
        offers: vec![Offering { kind: Kind::ROLLUP_INNER, statement: statement() }],
        memory_bytes: gib * GIB,
        since_ms: 0,
        running: Vec::new(),
    }
}

/// A small task.
pub(crate) fn ask(plane: &MemoryPlane, input: &[u8]) -> proving::id::TaskId {
    plane.ask(Kind::ROLLUP_INNER, statement(), input, GIB, false)
}

pub(crate) fn held(offer: &Offer) -> Held {
    Held { task: offer.task, token: offer.token }
}

pub(crate) fn beat(offer: &Offer) -> Beat {
    Beat { held: held(offer), stage: "proving".to_owned(), done: 1, total: 2, rss_bytes: 3 }
}

pub(crate) fn done(offer: &Offer, output: Payload) -> Done {
    Done { held: held(offer), output, usage: Usage::default() }
}

/// What `future` gives, within ten seconds.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    within(Duration::from_secs(10), future).await
}

pub(crate) async fn within<T>(time: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(time, future).await.expect("it takes too long")
}
