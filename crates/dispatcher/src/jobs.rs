//! The asking and the admin plane over HTTP: jobs, results, dead letters, workers.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dispatch::event::{Event, NotTaken, Reply};
use dispatch::model::{Job, JobId, Task};
use futures_util::stream::{self, Stream};
use proving::id::TaskId;
use proving::kind::Kind;
use proving::payload::{BlobDigest, Payload};
use serde::Deserialize;
use telemetry::SPANS;
use tracing::{Instrument as _, Span};
use transport::amqp::AmqpServerSettings;
use transport::ask::{Drained, JobEvent, JobRequest, JobView, TaskView, WorkerView};
use transport::http::{Auth, Problem, Scope, guarded};
use transport::plane::{PlaneError, WorkPlane};

use crate::eta::Rest;
use crate::handle::Dispatcher;
use crate::request::{RequestError, submissions};
use crate::views;

/// The largest request for a job, in bytes: about 100,000 tasks.
const JOB_LIMIT: usize = 64 << 20;

/// Everything that one address serves; its workers get tasks of `kinds` only, of all where `None`.
pub fn planes(dispatcher: &Dispatcher, auth: &Auth, kinds: Option<BTreeSet<Kind>>) -> Router {
    Router::new()
        .merge(transport::http::router(dispatcher.only(kinds), auth.clone()))
        .merge(ask_router(dispatcher.clone(), auth.clone()))
        .merge(admin_router(dispatcher.clone(), auth.clone()))
        .merge(open_router(dispatcher.clone()))
        .layer(middleware::from_fn_with_state(dispatcher.clone(), count))
}

/// Counts what is refused for what it says. Tokens are counted where they are looked at.
async fn count(State(dispatcher): State<Dispatcher>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        dispatcher.shared.metrics.request_refused(status.as_u16());
    }
    response
}

/// Hands tasks out through the broker at `url`, until `ended` is ready.
///
/// # Errors
/// The URL is none.
pub async fn serve_broker(
    dispatcher: Dispatcher,
    url: &str,
    ended: impl Future<Output = ()> + Send,
) -> Result<(), transport::SetupError> {
    let counting = dispatcher.clone();
    let garbage = move || counting.message_refused();
    transport::amqp::serve(dispatcher, url, AmqpServerSettings::default(), garbage, ended).await
}

/// The routes of the asking plane, for those with a token of its scope.
pub fn ask_router(dispatcher: Dispatcher, auth: Auth) -> Router {
    let routes = Router::new()
        .route("/v1/jobs", post(submit).get(list))
        .route("/v1/jobs/{job}", get(show))
        .route("/v1/jobs/{job}/cancel", post(cancel))
        .route("/v1/jobs/{job}/retry", post(retry))
        .route("/v1/jobs/{job}/events", get(events))
        .route("/v1/jobs/{job}/result", get(result))
        .route("/v1/tasks/{task}", get(task))
        .route("/v1/tasks/{task}/result", get(task_result))
        .route("/v1/dead-letters", get(dead_letters))
        .route("/v1/inputs/{digest}", axum::routing::put(input))
        .with_state(dispatcher);
    guarded(routes, auth, Scope::Ask)
}

/// The routes of the admin plane, for those with a token of its scope.
pub fn admin_router(dispatcher: Dispatcher, auth: Auth) -> Router {
    let routes = Router::new()
        .route("/v1/workers", get(workers))
        .route("/v1/workers/{worker}/drain", post(drain))
        .route("/v1/workers/{worker}/clear", post(clear))
        .with_state(dispatcher);
    guarded(routes, auth, Scope::Admin)
}

/// The routes that need no token: whether it lives, its numbers, and the description of all routes.
pub fn open_router(dispatcher: Dispatcher) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(serde_json::json!({ "ok": true })) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/openapi.json", get(openapi))
        .with_state(dispatcher)
}

async fn ready(State(dispatcher): State<Dispatcher>) -> Result<Response, Problem> {
    dispatcher.look(|_| ()).await?;
    Ok(Json(serde_json::json!({ "ok": true })).into_response())
}

async fn metrics(State(dispatcher): State<Dispatcher>) -> Response {
    let text = dispatcher.metrics().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

async fn submit(State(dispatcher): State<Dispatcher>, body: Body) -> Result<Response, Problem> {
    let body = to_bytes(body, JOB_LIMIT).await.map_err(|error| Problem::unreadable(&error, JOB_LIMIT))?;
    let request: JobRequest = serde_json::from_slice(&body).map_err(|error| Problem::bad(error.to_string()))?;
    drop(body);
    let span = submit_span(&request);
    taken(dispatcher, request).instrument(span).await
}

/// The span of a submission, in the trace of its first task that is in one.
fn submit_span(request: &JobRequest) -> Span {
    let (job, tasks) = (&request.name, request.tasks.len());
    let span = tracing::debug_span!(target: SPANS, parent: None, "submit", %job, tasks);
    telemetry::follow(&span, request.tasks.iter().find_map(|task| task.traceparent.as_deref()));
    span
}

async fn taken(dispatcher: Dispatcher, mut request: JobRequest) -> Result<Response, Problem> {
    request.trace(telemetry::current_traceparent());
    let now = dispatcher.shared.clock.now();
    let submits = submissions(request, now).map_err(|error: RequestError| Problem::bad(error.to_string()))?;
    let classes = || submits.iter().flat_map(|submit| &submit.tasks).map(|task| &task.class);
    if let Some(class) = classes().find(|class| dispatcher.shared.checker.is_without_key(class)) {
        let (kind, statement) = (&class.kind, &class.statement);
        return Err(Problem::bad(format!("there is no key here to check {kind} under {statement}")));
    }
    let named = submits.first().filter(|_| submits.len() > 1).map(|submit| (submit.owner.clone(), submit.name.clone()));
    let is_new = match named {
        Some((owner, name)) => dispatcher.look(move |state| state.job_named(&owner, &name).is_none()).await?,
        None => false,
    };
    let mut job = None;
    for submit in submits {
        match dispatcher.call(|request| Event::Submit { request, submit }).await? {
            Reply::Submitted(id, _) => job = Some(id),
            reply => {
                // A job that is not taken as a whole is not taken in part.
                if let Some(job) = job.filter(|_| is_new) {
                    dispatcher.call(|request| Event::Cancel { request, job }).await?;
                }
                return Err(not_taken(reply));
            }
        }
    }
    let Some(job) = job else { return Err(Problem::bad("an empty request")) };
    Ok((StatusCode::CREATED, Json(view(&dispatcher, job, false).await?)).into_response())
}

fn not_taken(reply: Reply) -> Problem {
    let Reply::NotTaken(reason) = reply else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the dispatcher gave no answer: try again");
    };
    let status = match reason {
        NotTaken::NoJob(_) => StatusCode::NOT_FOUND,
        NotTaken::Over(_)
        | NotTaken::Sealed(_)
        | NotTaken::NotFailed(_)
        | NotTaken::Invalid(_)
        | NotTaken::Bereft(_) => StatusCode::CONFLICT,
        NotTaken::TooMuch { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, reason.to_string())
}

fn no_job(job: JobId) -> Problem {
    not_taken(Reply::NotTaken(NotTaken::NoJob(job)))
}

async fn view(dispatcher: &Dispatcher, job: JobId, tasks: bool) -> Result<JobView, Problem> {
    let price = dispatcher.shared.price;
    let found = dispatcher
        .look(move |state| {
            let found = state.durable().jobs.get(&job)?;
            let rest = (tasks || found.tasks.len() <= ESTIMATED).then(|| Rest::gather(state, found)).flatten();
            Some((views::job_view(state, job, found, price, tasks), rest))
        })
        .await?;
    let (view, rest) = found.ok_or_else(|| no_job(job))?;
    Ok(estimated(view, rest))
}

fn estimated(view: JobView, rest: Option<Rest>) -> JobView {
    JobView { eta: rest.map(|rest| rest.estimate()), ..view }
}

/// Jobs of more tasks have an estimate only when they are asked for alone.
const ESTIMATED: usize = 1_000;

/// Which jobs to list.
#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    limit: Option<usize>,
}

async fn list(
    State(dispatcher): State<Dispatcher>,
    Query(query): Query<Listing>,
) -> Result<Json<Vec<JobView>>, Problem> {
    let price = dispatcher.shared.price;
    let jobs = dispatcher.look(move |state| {
        let wanted = state.durable().jobs.iter().rev().filter(|(_, job)| {
            (!query.open || job.open()) && query.owner.as_ref().is_none_or(|owner| job.owner.as_str() == owner)
        });
        let limit = query.limit.unwrap_or(50).min(1000);
        // Of large jobs the list gives no estimate: it takes longer than all the rest.
        let rest = |job: &Job| (job.tasks.len() <= ESTIMATED).then(|| Rest::gather(state, job)).flatten();
        let view = |(id, job): (&JobId, &Job)| (views::job_view(state, *id, job, price, false), rest(job));
        wanted.take(limit).map(view).collect::<Vec<_>>()
    });
    Ok(Json(jobs.await?.into_iter().map(|(view, rest)| estimated(view, rest)).collect()))
}

async fn show(State(dispatcher): State<Dispatcher>, Path(job): Path<String>) -> Result<Json<JobView>, Problem> {
    let job = find(&dispatcher, &job).await?;
    Ok(Json(view(&dispatcher, job, true).await?))
}

/// A job by its number or its name.
async fn find(dispatcher: &Dispatcher, text: &str) -> Result<JobId, Problem> {
    if let Ok(number) = text.parse() {
        return Ok(JobId(number));
    }
    let name = text.to_owned();
    let found = dispatcher.look(move |state| {
        let named = state.durable().jobs.iter().rev().find(|(_, job)| job.name == name);
        named.map(|(id, _)| *id)
    });
    found.await?.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no job of this name"))
}

async fn cancel(State(dispatcher): State<Dispatcher>, Path(job): Path<String>) -> Result<Json<JobView>, Problem> {
    let job = find(&dispatcher, &job).await?;
    match dispatcher.call(|request| Event::Cancel { request, job }).await? {
        Reply::Job(job, _) => Ok(Json(view(&dispatcher, job, false).await?)),
        reply => Err(not_taken(reply)),
    }
}

async fn retry(State(dispatcher): State<Dispatcher>, Path(job): Path<String>) -> Result<Json<JobView>, Problem> {
    let job = find(&dispatcher, &job).await?;
    match dispatcher.call(|request| Event::Retry { request, job }).await? {
        Reply::Job(job, _) => Ok(Json(view(&dispatcher, job, false).await?)),
        reply => Err(not_taken(reply)),
    }
}

/// Where to watch on from.
#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    cursor: Option<u64>,
}

async fn events(
    State(dispatcher): State<Dispatcher>,
    Path(job): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = find(&dispatcher, &job).await?;
    let last_seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let start = dispatcher.look(move |state| {
        let durable = state.durable();
        durable.jobs.contains_key(&job).then_some(durable.last_record)
    });
    let start = start.await?.ok_or_else(|| no_job(job))?;
    let cursor = last_seen.or(from.cursor).unwrap_or(start);
    let stream = watch(dispatcher, job, cursor);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(5))).into_response())
}

/// Events as they come, and every second, while nothing else comes, how the job stands.
fn watch(
    dispatcher: Dispatcher,
    job: JobId,
    cursor: u64,
) -> impl Stream<Item = Result<axum::response::sse::Event, Infallible>> {
    let bell = dispatcher.shared.events.bell();
    let start = (dispatcher, bell, cursor, Vec::<JobEvent>::new(), false);
    stream::unfold(start, move |(dispatcher, mut bell, mut cursor, mut queued, mut told)| async move {
        loop {
            if let Some(event) = queued.pop() {
                let sse = axum::response::sse::Event::default().id(event.number.to_string()).event("job");
                return Some((Ok(sse.json_data(&event).ok()?), (dispatcher, bell, cursor, queued, told)));
            }
            let events = dispatcher.shared.events.clone();
            let since = cursor;
            let looked = dispatcher.look(move |state| {
                let tasks = state.durable().jobs.get(&job).map(|job| &job.tasks);
                events.since(since, job, |task| tasks.is_some_and(|tasks| tasks.contains(task)))
            });
            (queued, cursor) = looked.await.ok()?;
            queued.reverse();
            if !queued.is_empty() {
                told = false;
                continue;
            }
            if !told {
                told = true;
                let view = view(&dispatcher, job, true).await.ok()?;
                let sse = axum::response::sse::Event::default().event("view").json_data(&view).ok()?;
                return Some((Ok(sse), (dispatcher, bell, cursor, queued, told)));
            }
            // A second without news still moves the progress and the estimate.
            let rung = tokio::time::timeout(Duration::from_secs(1), bell.changed()).await;
            match rung {
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
                Err(_) => told = false,
            }
        }
    })
}

async fn result(State(dispatcher): State<Dispatcher>, Path(job): Path<String>) -> Result<Response, Problem> {
    let job = find(&dispatcher, &job).await?;
    let found = dispatcher.look(move |state| {
        let found = state.durable().jobs.get(&job)?;
        let root = found.root.and_then(|root| output(state.durable().tasks.get(&root)?));
        Some((root, found.open()))
    });
    match found.await?.ok_or_else(|| no_job(job))? {
        (Some(payload), _) => bytes(&dispatcher, payload).await,
        (None, true) => Err(Problem::new(StatusCode::CONFLICT, "the job still runs: it has no result yet")),
        (None, false) => Err(Problem::new(StatusCode::NOT_FOUND, "the job ended without a result")),
    }
}

fn output(task: &Task) -> Option<Payload> {
    task.accepted().map(|accepted| accepted.output.clone())
}

async fn bytes(dispatcher: &Dispatcher, payload: Payload) -> Result<Response, Problem> {
    let bytes = match payload {
        Payload::Inline(bytes) => bytes.into(),
        Payload::Blob { digest, .. } => dispatcher.read_blob(digest).await?,
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

fn task_id(text: &str) -> Result<TaskId, Problem> {
    text.parse().map_err(|_| Problem::bad("a task id is 64 lowercase hex digits"))
}

async fn task(State(dispatcher): State<Dispatcher>, Path(task): Path<String>) -> Result<Json<TaskView>, Problem> {
    let id = task_id(&task)?;
    let found = dispatcher.look(move |state| {
        let task = state.durable().tasks.get(&id)?;
        Some(views::task_view(state, &id, task))
    });
    found.await?.map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such task"))
}

async fn task_result(State(dispatcher): State<Dispatcher>, Path(task): Path<String>) -> Result<Response, Problem> {
    let id = task_id(&task)?;
    let found = dispatcher.look(move |state| state.durable().tasks.get(&id).and_then(output)).await?;
    match found {
        Some(payload) => bytes(&dispatcher, payload).await,
        None => Err(Problem::new(StatusCode::NOT_FOUND, "there is no proof of this task")),
    }
}

async fn dead_letters(State(dispatcher): State<Dispatcher>) -> Result<Json<Vec<TaskView>>, Problem> {
    Ok(Json(dispatcher.look(views::dead_letters).await?))
}

async fn input(
    State(dispatcher): State<Dispatcher>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let digest: BlobDigest = digest.parse().map_err(|_| Problem::bad("a blob's name is 64 lowercase hex digits"))?;
    let secret = headers.get("meze-secret").is_some_and(|value| value == "true");
    let limit = dispatcher.max_blob_bytes();
    let bytes = to_bytes(body, limit).await.map_err(|error| Problem::unreadable(&error, limit))?;
    if BlobDigest::of(&bytes) != digest {
        return Err(Problem::bad("the bytes do not have this digest"));
    }
    Ok(Json(dispatcher.write_blob(bytes, secret).await?).into_response())
}

async fn workers(State(dispatcher): State<Dispatcher>) -> Result<Json<Vec<WorkerView>>, Problem> {
    Ok(Json(dispatcher.look(views::workers).await?))
}

async fn drain(State(dispatcher): State<Dispatcher>, Path(worker): Path<String>) -> Result<Json<Drained>, Problem> {
    drained(dispatcher.call(|request| Event::Drain { request, worker }).await?)
}

async fn clear(State(dispatcher): State<Dispatcher>, Path(worker): Path<String>) -> Result<Json<Drained>, Problem> {
    drained(dispatcher.call(|request| Event::Clear { request, worker }).await?)
}

fn drained(reply: Reply) -> Result<Json<Drained>, Problem> {
    match reply {
        Reply::Drained(0) => Err(Problem::new(StatusCode::NOT_FOUND, "no such worker is connected")),
        Reply::Drained(sessions) => Ok(Json(Drained { sessions })),
        _ => Err(PlaneError::Unavailable("it gave no answer".to_owned()).into()),
    }
}
