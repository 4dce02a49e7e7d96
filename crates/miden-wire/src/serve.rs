//! The connections under a service: HTTP/1.1 and HTTP/2 in clear text on one port, and limits, so that nobody who is
//! slow, or many, keeps others out.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::{Request, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::guard::{Budget, Guarded};

/// Where a request came from: the other end of its connection, whatever its headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Limits on connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// Requests at the same time in one connection.
    pub streams: u32,
    /// How long the headers of a request may take.
    pub headers_within: Duration,
    /// How long a whole request may take to arrive.
    pub body_within: Duration,
    /// Bytes of all requests that are arriving.
    pub arriving_bytes: usize,
    /// A connection without a request for so long is closed.
    pub idle_within: Duration,
    /// How often a silent HTTP/2 connection is asked whether somebody is there.
    pub ping_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            streams: 256,
            headers_within: Duration::from_secs(10),
            body_within: Duration::from_secs(60),
            arriving_bytes: 512 << 20,
            idle_within: Duration::from_secs(900),
            ping_every: Duration::from_secs(20),
        }
    }
}

/// Serves `routes` at `socket` until `stop`; then takes no more connections and requests, and gives those that run
/// `grace` to end.
pub async fn serve(mut socket: TcpListener, routes: Router, limits: Limits, stop: CancellationToken, grace: Duration) {
    let (tracker, cut) = (TaskTracker::new(), CancellationToken::new());
    let seats = Arc::new(Semaphore::new(limits.connections));
    let budget = Budget::new(limits.arriving_bytes);
    loop {
        let accepted = async {
            let seat = Arc::clone(&seats).acquire_owned().await.ok();
            (Listener::accept(&mut socket).await, seat)
        };
        let ((stream, peer), seat) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        let connection = Connection { routes: routes.clone(), limits: limits.clone(), budget: budget.clone(), peer };
        let (stop, cut) = (stop.clone(), cut.clone());
        tracker.spawn(async move {
            let _seat = seat;
            tokio::select! {
                () = connection.serve(stream, stop) => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(socket);
    tracker.close();
    if tokio::time::timeout(grace, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "requests are cut off: the grace is over");
        cut.cancel();
        tracker.wait().await;
    }
}

struct Connection {
    routes: Router,
    limits: Limits,
    budget: Budget,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, stop: CancellationToken) {
        let Self { routes, limits, budget, peer } = self;
        // Without it small answers wait for the other end's delayed acknowledgement.
        let quick = stream.set_nodelay(true).is_ok();
        if !quick || !tokio::time::timeout(limits.headers_within, speaks(&stream)).await.unwrap_or(false) {
            tracing::debug!(%peer, "a connection said nothing");
            return;
        }
        let activity = Arc::new(Activity::default());
        let active = Arc::clone(&activity);
        let within = limits.body_within;
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(|body| Guarded::new(Body::new(body), budget.clone(), within).boxed());
            request.extensions_mut().insert(Peer(peer));
            let (running, routes) = (active.begin(), routes.clone());
            async move {
                let _running = running;
                routes.oneshot(request).await
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.headers_within);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .keep_alive_interval(limits.ping_every)
            .keep_alive_timeout(limits.ping_every);
        let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = either(stop.cancelled(), activity.none_for(limits.idle_within)) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error = %error, "a connection ended badly");
        }
    }
}

/// Waits until a client has said enough to tell its version of HTTP; whether it has.
async fn speaks(stream: &TcpStream) -> bool {
    const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut first = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut first).await {
            Ok(0) | Err(_) => return false,
            Ok(said) if said == first.len() || first[..said] != PREFACE[..said] => return true,
            // What was seen stays to be seen: there is nothing else to wait for than time.
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Requests of a connection.
#[derive(Debug)]
struct Activity {
    running: AtomicUsize,
    last: Mutex<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        Self { running: AtomicUsize::new(0), last: Mutex::new(Instant::now()) }
    }
}

/// A request of a connection, for as long as it lives.
struct Running(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(self))
    }

    /// Waits until there was no request for so long.
    async fn none_for(&self, idle: Duration) {
        loop {
            let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match idle.checked_sub(since).filter(|left| !left.is_zero()) {
                Some(left) => tokio::time::sleep(left).await,
                None if self.running.load(Ordering::Acquire) == 0 => return,
                None => tokio::time::sleep(idle).await,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}
