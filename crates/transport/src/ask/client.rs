//! The asker's end: submits jobs, follows them, and fetches their proofs.

use std::time::Duration;

use bytes::Bytes;
use proving::error::with_sources;
use proving::id::TaskId;
use proving::payload::{BlobDigest, MAX_INLINE_BYTES};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::{Drained, Input, JobEvent, JobRequest, JobStanding, JobView, TaskView, WorkerView};
use crate::http::{ErrorBody, HttpSettings, Wire};
use crate::setup::SetupError;

/// Why the dispatcher did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It understood and says no.
    #[error("{reason}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// Why.
        reason: String,
    },
    /// It cannot be reached, or cannot take anything now; trying again may help.
    #[error("the dispatcher cannot be reached: {0}")]
    Away(String),
    /// It says something else than it should.
    #[error("this is not a dispatcher of this version: {0}")]
    NotUnderstood(String),
}

/// The way of an asker, or an operator, to a dispatcher. Clones share their connections.
#[derive(Debug, Clone)]
pub struct AskClient {
    wire: Wire,
}

impl AskClient {
    /// The dispatcher at `url`, with a token of the ask or admin scope.
    ///
    /// # Errors
    /// [`SetupError`] with the setting that is at fault; nothing is sent yet.
    pub fn new(url: &str, token: &str, settings: HttpSettings) -> Result<Self, SetupError> {
        Ok(Self { wire: Wire::new(url, token, settings)? })
    }

    /// Submits a job, or more of one. Safe to repeat. Tasks that are in no trace go into that of the current span.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn submit(&self, request: &JobRequest) -> Result<JobView, AskError> {
        if let Some(traceparent) = telemetry::current_traceparent() {
            let mut traced = request.clone();
            traced.trace(Some(traceparent));
            return self.json(self.wire.post("jobs").json(&traced)).await;
        }
        self.json(self.wire.post("jobs").json(request)).await
    }

    /// Stores an input, unless it is small enough to travel in the request. Safe to repeat.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn input(&self, bytes: Bytes, secret: bool) -> Result<Input, AskError> {
        if bytes.is_empty() && !secret {
            return Ok(Input::Empty);
        }
        if bytes.len() <= MAX_INLINE_BYTES && !secret {
            return Ok(Input::Hex(hex::encode(bytes)));
        }
        let (digest, length) = (BlobDigest::of(&bytes), bytes.len() as u64);
        let mut request = self.wire.put(&format!("inputs/{digest}")).body(bytes);
        if secret {
            request = request.header("meze-secret", "true");
        }
        self.answered(request.timeout(self.wire.settings.call * 4)).await?;
        Ok(Input::Blob { digest, bytes: length })
    }

    /// The newest jobs, without their tasks.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn jobs(&self, open: bool, limit: usize) -> Result<Vec<JobView>, AskError> {
        self.json(self.wire.get("jobs").query(&[("open", open.to_string()), ("limit", limit.to_string())])).await
    }

    /// A job by number or name, with its tasks.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn job(&self, job: &str) -> Result<JobView, AskError> {
        self.json(self.wire.get(&format!("jobs/{}", segment(job)))).await
    }

    /// Wants a job no more.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn cancel(&self, job: &str) -> Result<JobView, AskError> {
        self.json(self.wire.post(&format!("jobs/{}/cancel", segment(job)))).await
    }

    /// Tries the dead letters of a failed job again.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn retry(&self, job: &str) -> Result<JobView, AskError> {
        self.json(self.wire.post(&format!("jobs/{}/retry", segment(job)))).await
    }

    /// The proof of a job's root.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn result(&self, job: &str) -> Result<Bytes, AskError> {
        self.bytes(&format!("jobs/{}/result", segment(job))).await
    }

    /// The proof of a task.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn task_result(&self, task: &TaskId) -> Result<Bytes, AskError> {
        self.bytes(&format!("tasks/{task}/result")).await
    }

    /// Every dead letter.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn dead_letters(&self) -> Result<Vec<TaskView>, AskError> {
        self.json(self.wire.get("dead-letters")).await
    }

    /// Every connected worker; takes a token of the admin scope.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn workers(&self) -> Result<Vec<WorkerView>, AskError> {
        self.json(self.wire.get("workers")).await
    }

    /// Sends a worker home after its running task; takes a token of the admin scope.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn drain(&self, worker: &str) -> Result<Drained, AskError> {
        self.json(self.wire.post(&format!("workers/{}/drain", segment(worker)))).await
    }

    /// Trusts a suspended worker again; takes a token of the admin scope.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn clear(&self, worker: &str) -> Result<Drained, AskError> {
        self.json(self.wire.post(&format!("workers/{}/clear", segment(worker)))).await
    }

    /// Waits until a job is over, through restarts of the dispatcher, and calls `seen` about every second with how
    /// it stands.
    ///
    /// # Errors
    /// [`AskError::Refused`], and [`AskError::Away`] when nobody answered for as long as `patience`.
    pub async fn wait(
        &self,
        job: &str,
        patience: Duration,
        mut seen: impl FnMut(&JobView),
    ) -> Result<JobView, AskError> {
        let mut away_since = None;
        loop {
            match self.job(job).await {
                Ok(view) => {
                    away_since = None;
                    seen(&view);
                    if view.state != JobStanding::Open {
                        return Ok(view);
                    }
                    self.news(job, view.cursor).await;
                }
                Err(AskError::Away(reason)) => {
                    let since = *away_since.get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() >= patience {
                        return Err(AskError::Away(reason));
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns when something happened to a job after `cursor`, or after a second.
    async fn news(&self, job: &str, cursor: u64) {
        let listen = async {
            let Ok(mut watching) = self.watch(job, Some(cursor)).await else {
                return tokio::time::sleep(Duration::from_millis(100)).await;
            };
            while let Ok(Some(news)) = watching.next().await {
                if matches!(news, News::Event(_)) {
                    return;
                }
            }
        };
        // A second without news is news enough: progress and estimate have moved.
        let _ = tokio::time::timeout(Duration::from_secs(1), listen).await;
    }

    /// Follows a job's events from `cursor` on, or from now.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn watch(&self, job: &str, cursor: Option<u64>) -> Result<Watching, AskError> {
        let mut request = self.wire.get(&format!("jobs/{}/events", segment(job)));
        if let Some(cursor) = cursor {
            request = request.query(&[("cursor", cursor.to_string())]);
        }
        Ok(Watching { response: accepted(request.send().await.map_err(away)?).await?, heard: Vec::new(), searched: 0 })
    }

    async fn bytes(&self, path: &str) -> Result<Bytes, AskError> {
        self.answered(self.wire.get(path).timeout(self.wire.settings.call * 4)).await?.bytes().await.map_err(away)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, AskError> {
        let bytes = self.answered(request.timeout(self.wire.settings.call)).await?.bytes().await.map_err(away)?;
        serde_json::from_slice(&bytes).map_err(|error| AskError::NotUnderstood(error.to_string()))
    }

    async fn answered(&self, request: RequestBuilder) -> Result<Response, AskError> {
        accepted(request.send().await.map_err(away)?).await
    }
}

/// What a watched job says.
#[derive(Debug)]
pub enum News {
    /// Something happened.
    Event(JobEvent),
    /// So it stands.
    View(Box<JobView>),
}

/// The events of a job, as they come.
#[derive(Debug)]
pub struct Watching {
    response: Response,
    heard: Vec<u8>,
    /// How much of it is known to have no end of an event: views of large jobs come in many chunks.
    searched: usize,
}

/// An event is never longer than this, in bytes.
const MAX_EVENT: usize = 64 << 20;

impl Watching {
    /// The next one; `None` when the dispatcher ends the stream.
    ///
    /// # Errors
    /// [`AskError::Away`] when the connection is lost: watch again from the last cursor.
    pub async fn next(&mut self) -> Result<Option<News>, AskError> {
        loop {
            let new = &self.heard[self.searched..];
            if let Some(end) = new.windows(2).position(|pair| pair == b"\n\n").map(|end| end + self.searched) {
                self.searched = 0;
                let block: Vec<u8> = self.heard.drain(..end + 2).collect();
                if let Some(news) = read(&String::from_utf8_lossy(&block))? {
                    return Ok(Some(news));
                }
                continue;
            }
            self.searched = self.heard.len().saturating_sub(1);
            if self.heard.len() > MAX_EVENT {
                return Err(AskError::NotUnderstood("an event without an end".to_owned()));
            }
            match self.response.chunk().await.map_err(away)? {
                Some(chunk) => self.heard.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

fn read(block: &str) -> Result<Option<News>, AskError> {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim_start())
    };
    let Some(text) = field("data") else { return Ok(None) };
    let wrong = |error: serde_json::Error| AskError::NotUnderstood(error.to_string());
    match field("event") {
        Some("job") => Ok(Some(News::Event(serde_json::from_str(text).map_err(wrong)?))),
        Some("view") => Ok(Some(News::View(Box::new(serde_json::from_str(text).map_err(wrong)?)))),
        _ => Ok(None),
    }
}

/// A name as one segment of a path; what else has to be escaped is by whoever joins the path.
fn segment(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

fn away(error: reqwest::Error) -> AskError {
    AskError::Away(with_sources(&error.without_url()))
}

async fn accepted(response: Response) -> Result<Response, AskError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.bytes().await.map_err(away)?;
    let said = serde_json::from_slice::<ErrorBody>(&text).map(|body| body.error);
    let reason = said.unwrap_or_else(|_| format!("it answers {status}"));
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Err(AskError::Away(reason))
        }
        _ => Err(AskError::Refused { status: status.as_u16(), reason }),
    }
}
