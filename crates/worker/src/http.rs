//! The worker's own small HTTP: is it alive, is it ready, what did it count, which keys has it, and, as the
//! proof generator that it replaces had it, proofs made on the spot.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use proving::kind::Kind;
use proving::lease::Cause;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::error::WorkerError;
use crate::prover::{Attempt, ProverChild, Request, Standing, State as ChildState};

/// So many direct requests may wait for the child or run in it.
const WAITING_REQUESTS: usize = 8;

/// Where and how it listens.
#[derive(Clone)]
pub struct HttpConfig {
    /// The address; loopback and port 8083 unless told otherwise.
    pub bind: SocketAddr,
    /// Before every path, such as `/prod/halloumi`; empty for none.
    pub prefix: String,
    /// Needed as a bearer token to create a proof; `None` leaves that open to whoever can connect.
    pub token: Option<String>,
    /// The longest body of a request for a proof, in bytes.
    pub max_body_bytes: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 8083));
        Self { bind, prefix: String::new(), token: None, max_body_bytes: 64 << 20 }
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bind, prefix, token, max_body_bytes } = self;
        let token = token.as_ref().map(|_| "hidden");
        write!(f, "HttpConfig({bind}, {prefix:?}, token {token:?}, {max_body_bytes} bytes)")
    }
}

/// The verification keys that a worker shows, as bytes in their own format.
pub trait Keys: Send + Sync + 'static {
    /// The kinds that have one.
    fn kinds(&self) -> Vec<Kind>;

    /// The key of one kind. It may take its time to build one: it is called on a thread that may block.
    fn key(&self, kind: &Kind) -> Option<Bytes>;
}

/// Reads the body of a request for a proof.
pub trait Direct: Send + Sync + 'static {
    /// The proof that `body` asks for, or one sentence about what is wrong with it.
    ///
    /// # Errors
    /// The sentence, which goes to the caller.
    fn decode(&self, body: Bytes) -> Result<Request, String>;
}

struct Service {
    prover: ProverChild,
    keys: Arc<dyn Keys>,
    direct: Arc<dyn Direct>,
    token: Option<blake3::Hash>,
    places: Semaphore,
}

/// Listens and answers until the future is dropped.
///
/// # Errors
/// [`WorkerError::System`] where the address cannot be had.
pub async fn serve(
    config: &HttpConfig,
    prover: ProverChild,
    keys: Arc<dyn Keys>,
    direct: Arc<dyn Direct>,
) -> Result<(), WorkerError> {
    let failed = |source| WorkerError::System {
        what: format!("the worker's HTTP address {} cannot be used; choose another port", config.bind),
        source,
    };
    let listener = TcpListener::bind(config.bind).await.map_err(failed)?;
    axum::serve(listener, router(config, prover, keys, direct)).await.map_err(failed)
}

/// The routes, under the configured prefix.
pub fn router(config: &HttpConfig, prover: ProverChild, keys: Arc<dyn Keys>, direct: Arc<dyn Direct>) -> Router {
    let token = config.token.as_ref().map(|token| blake3::hash(token.as_bytes()));
    let service = Arc::new(Service { prover, keys, direct, token, places: Semaphore::new(WAITING_REQUESTS) });
    let routes = Router::new()
        .route("/health", get(|| async { Json(json!({ "alive": true })) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/verification-keys", get(list_keys))
        .route("/verification-keys/{kind}", get(key))
        .route("/get-join-split-vk", get(|State(service): Own| known_key(service, Kind::ROLLUP_JOIN_SPLIT)))
        .route("/get-account-vk", get(|State(service): Own| known_key(service, Kind::ROLLUP_ACCOUNT)))
        .route("/create-proof", post(create_proof).layer(DefaultBodyLimit::max(config.max_body_bytes)));
    let prefix = config.prefix.trim_matches('/');
    let nested = if prefix.is_empty() {
        routes.route("/", get(root))
    } else {
        // Both with and without the last slash, which nesting alone would tell apart.
        let prefix = format!("/{prefix}");
        Router::new().route(&prefix, get(root)).route(&format!("{prefix}/"), get(root)).nest(&prefix, routes)
    };
    nested.fallback(|| async { refuse(StatusCode::NOT_FOUND, "there is nothing here") }).with_state(service)
}

type Own = State<Arc<Service>>;

fn refuse(status: StatusCode, why: impl fmt::Display) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

fn raw(bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

impl Service {
    /// Why it cannot prove now, if it cannot.
    fn why_not_ready(&self) -> Option<String> {
        match self.prover.state() {
            ChildState::Ready(_) => None,
            ChildState::Starting => Some("the prover is starting".to_owned()),
            ChildState::Down(reason) => Some(format!("the prover is down: {reason}")),
        }
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // Digests compare in constant time, and hide the length too.
        given.is_some_and(|given| blake3::hash(given) == *token)
    }
}

async fn root(State(service): Own) -> Response {
    Json(json!({ "serviceName": "halloumi", "isReady": service.why_not_ready().is_none() })).into_response()
}

async fn ready(State(service): Own) -> Response {
    match service.why_not_ready() {
        None => Json(json!({ "ready": true })).into_response(),
        Some(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn metrics(State(service): Own) -> Response {
    match service.prover.counters().text() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn list_keys(State(service): Own) -> Response {
    Json(service.keys.kinds()).into_response()
}

async fn key(State(service): Own, Path(kind): Path<String>) -> Response {
    match kind.parse() {
        Ok(kind) => known_key(service, kind).await,
        Err(error) => refuse(StatusCode::BAD_REQUEST, format!("{kind:?}: {error}")),
    }
}

async fn known_key(service: Arc<Service>, kind: Kind) -> Response {
    let asked = kind.clone();
    let found = tokio::task::spawn_blocking(move || service.keys.key(&asked)).await;
    match found {
        Ok(Some(key)) => raw(key),
        Ok(None) => refuse(StatusCode::NOT_FOUND, format!("this worker has no verification key of {kind}")),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("the key of {kind} cannot be built")),
    }
}

async fn create_proof(State(service): Own, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    if !service.is_allowed(&headers) {
        return refuse(StatusCode::UNAUTHORIZED, "a bearer token is needed to create a proof");
    }
    if let Some(why) = service.why_not_ready() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    let request = match body.map_err(|error| (error.status(), error.body_text())) {
        Ok(body) => service.direct.decode(body).map_err(|why| (StatusCode::BAD_REQUEST, why)),
        Err(refused) => Err(refused),
    };
    let request = match request {
        Ok(request) => request,
        Err((status, why)) => return refuse(status, why),
    };
    let Ok(_place) = service.places.try_acquire() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many requests are waiting: try again later");
    };
    // A caller who goes away drops this future, and the proof with it.
    let Attempt { outcome, .. } =
        service.prover.prove(request, CancellationToken::new(), watch::Sender::new(Standing::default())).await;
    match outcome {
        Ok(proof) => raw(proof),
        Err(failure) => {
            let status = match failure.cause {
                Cause::InvalidInput => StatusCode::BAD_REQUEST,
                Cause::Returned => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refuse(status, failure)
        }
    }
}
