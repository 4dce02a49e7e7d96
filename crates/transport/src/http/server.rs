//! The dispatcher's end: the routes of the work plane, in front of a [`WorkPlane`].

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use futures_util::stream;
use rustls::ServerConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::auth::{Auth, Scope, guarded};
use super::blobs;
use super::problem::Problem;
use super::seats::{Seats, Taken};
use super::wire::{
    AnswerReply, BeatReply, BeatRequest, DoneRequest, FailedRequest, KEEP_ALIVE_MS, NextReply, NextRequest, Opening,
    POLL_MS,
};
use crate::limits::Check;
use crate::message::{Hello, Notice};
use crate::plane::{PlaneError, Role, WorkPlane};
use crate::tls::TlsListener;

/// A hello with all its lists full fits.
const HELLO_LIMIT: usize = 512 * 1024;

/// A reason of full length fits, whatever its characters.
const MESSAGE_LIMIT: usize = 32 * 1024;

/// What every handler has at hand.
#[derive(Debug, Clone)]
pub(super) struct Desk<P> {
    pub(super) plane: P,
    seats: Arc<Seats>,
}

/// The routes of the work plane, as [`http`](crate::http) lists them, for those with a token of the work scope.
///
/// To end its streams, the plane ends the notices of its sessions; waiting requests end with the plane's calls.
pub fn router<P: WorkPlane>(plane: P, auth: Auth) -> Router {
    let desk = Desk { plane, seats: Arc::default() };
    let routes = Router::new()
        .route("/v1/work/session", post(session::<P>))
        .route("/v1/work/next", post(next::<P>))
        .route("/v1/work/beat", post(beat::<P>))
        .route("/v1/work/done", post(done::<P>))
        .route("/v1/work/failed", post(failed::<P>))
        .route("/v1/blobs/{digest}", get(blobs::read::<P>).put(blobs::write::<P>))
        .with_state(desk);
    guarded(routes, auth, Scope::Work)
}

/// Serves `router` until `ended` is ready and the last request is answered; small answers leave at once. Without
/// `tls` the caller has asked [`may_listen`](crate::tls::may_listen) before.
///
/// # Errors
/// The socket's own.
pub async fn serve(
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    ended: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    match tls {
        Some(tls) => axum::serve(TlsListener::new(socket, tls)?, router).with_graceful_shutdown(ended).await,
        None => {
            let socket = socket.tap_io(|stream| {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps small answers back");
                }
            });
            axum::serve(socket, router).with_graceful_shutdown(ended).await
        }
    }
}

async fn session<P: WorkPlane>(State(desk): State<Desk<P>>, body: Body) -> Result<Response, Problem> {
    let hello: Hello = read(body, HELLO_LIMIT).await?;
    hello.check()?;
    // In a task of its own, so that a worker that leaves meanwhile leaves no session behind: what a dropped handler
    // no longer takes is closed by being dropped.
    let opening = tokio::spawn(async move {
        let opened = desk.plane.open(Role::Worker, hello).await?;
        let taken = desk.seats.take(desk.plane.clone(), opened.session);
        let first = line(&Opening { session: taken.key, welcome: opened.welcome })?;
        Ok::<_, Problem>((taken, first, opened.notices))
    });
    let (taken, first, notices) = opening
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the dispatcher could not open a session"))??;
    let stream = lines(taken, first, notices);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], Body::from_stream(stream))
        .into_response())
}

/// The lines of a session. hyper drops it as soon as the socket is closed at the other end, and the seat with it.
fn lines<P: WorkPlane>(
    taken: Taken<P>,
    first: Bytes,
    notices: mpsc::UnboundedReceiver<Notice>,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    let period = Duration::from_millis(KEEP_ALIVE_MS);
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((taken, Some(first), notices, ticks), |(taken, mut first, mut notices, mut ticks)| async move {
        let line = match first.take() {
            Some(first) => first,
            None => tokio::select! {
                notice = notices.recv() => line(&notice?).ok()?,
                _ = ticks.tick() => Bytes::from_static(b"\n"),
            },
        };
        Some((Ok(line), (taken, first, notices, ticks)))
    })
}

async fn next<P: WorkPlane>(State(desk): State<Desk<P>>, body: Body) -> Result<Response, Problem> {
    let request: NextRequest = read(body, MESSAGE_LIMIT).await?;
    let seat = desk.seats.find(request.session)?;
    let Some(done) = request.done else {
        let offer = seat.next(&desk.plane, request.seen, Duration::from_millis(POLL_MS)).await?;
        return match offer {
            Some(offer) => Ok(respond(json(&NextReply { answer: None, offer: Some(&offer) })?)),
            None => Ok(StatusCode::NO_CONTENT.into_response()),
        };
    };
    done.check()?;
    // Both at once, so that the proof and the next lease go to the disk together. The answer is owed whatever becomes
    // of the offer; an offer beside a failed answer is not lost, since it was not seen.
    let offer = seat.next(&desk.plane, request.seen, Duration::ZERO);
    let (answer, offer) = tokio::join!(desk.plane.done(seat.session, done), offer);
    let offer = offer.ok().flatten();
    Ok(respond(json(&NextReply { answer: Some(answer?), offer: offer.as_ref() })?))
}

async fn beat<P: WorkPlane>(State(desk): State<Desk<P>>, body: Body) -> Result<Response, Problem> {
    let request: BeatRequest = read(body, MESSAGE_LIMIT).await?;
    let seat = desk.seats.find(request.session)?;
    request.beat.check()?;
    let live = desk.plane.beat(seat.session, request.beat).await?;
    json(&BeatReply { live }).map(respond)
}

async fn done<P: WorkPlane>(State(desk): State<Desk<P>>, body: Body) -> Result<Response, Problem> {
    let request: DoneRequest = read(body, MESSAGE_LIMIT).await?;
    let seat = desk.seats.find(request.session)?;
    request.done.check()?;
    let answer = desk.plane.done(seat.session, request.done).await?;
    json(&AnswerReply { answer }).map(respond)
}

async fn failed<P: WorkPlane>(State(desk): State<Desk<P>>, body: Body) -> Result<Response, Problem> {
    let request: FailedRequest = read(body, MESSAGE_LIMIT).await?;
    let seat = desk.seats.find(request.session)?;
    request.failed.check()?;
    let answer = desk.plane.failed(seat.session, request.failed).await?;
    json(&AnswerReply { answer }).map(respond)
}

/// The JSON of a body of at most `limit` bytes.
async fn read<T: DeserializeOwned>(body: Body, limit: usize) -> Result<T, Problem> {
    let bytes = to_bytes(body, limit).await.map_err(|error| Problem::unreadable(&error, limit))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| PlaneError::Bad(format!("this is not what is asked here: {error}")).into())
}

/// The bytes of a reply.
pub(super) fn json(value: &impl Serialize) -> Result<Bytes, Problem> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the reply cannot be written: {error}"))
    })
}

fn line(value: &impl Serialize) -> Result<Bytes, Problem> {
    json(value).map(|bytes| [&bytes[..], b"\n"].concat().into())
}

pub(super) fn respond(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
