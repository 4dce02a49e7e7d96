//! What clients see: one address that proves, with limits, a deadline, and the truth about how it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use miden_wire::kind::ProofKind;
use miden_wire::proto::remote_prover::{ProxyStatus, ProxyWorkerStatus, WorkerHealthStatus, WorkerStatus};
use miden_wire::refusal;
use miden_wire::serve::Peer;
use miden_wire::server::{Call, Health as Told, Proofs, ReflectionError, for_browsers, services};
use telemetry::SPANS;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tracing::Instrument as _;

use crate::desk::{Desk, From};
use crate::fleet::{Fleet, Health};
use crate::metrics::Metrics;
use crate::rate::{Limiter, Pass};
use crate::settings::Settings;

/// The proxy, as clients see it. Clones are the same one.
#[derive(Clone)]
pub struct Front {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    desk: Desk,
    fleet: Arc<Fleet>,
    metrics: Arc<Metrics>,
    limiter: Limiter,
    ending: CancellationToken,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Front({})", self.shared.settings.kind)
    }
}

impl Front {
    pub(crate) fn new(
        settings: Settings,
        desk: Desk,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
        ending: CancellationToken,
    ) -> Self {
        let limiter = Limiter::new(settings.rate);
        Self { shared: Arc::new(Shared { settings, desk, fleet, metrics, limiter, ending }) }
    }

    /// Everything that is served to clients.
    ///
    /// # Errors
    /// The description of the services is damaged: an error of the build.
    pub(crate) async fn routes(&self, more: Router) -> Result<(Router, Told), ReflectionError> {
        let (routes, health) = services(self.clone(), self.shared.settings.max_request_bytes).await?;
        let limited = routes.layer(from_fn_with_state(self.clone(), limit));
        Ok((for_browsers(limited.merge(more)), health))
    }

    /// Tells `health` how the proxy is, until it ends.
    pub(crate) async fn tell(&self, health: Told) {
        let mut changes = self.shared.fleet.changes();
        loop {
            changes.borrow_and_update();
            let serving = !self.shared.ending.is_cancelled() && self.shared.fleet.healthy() > 0;
            health.set(serving).await;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                () = self.shared.ending.cancelled() => break,
            }
        }
        health.set(false).await;
    }

    /// The line of the workers, as a version; before it is known, our own.
    pub fn version(&self) -> String {
        let members = self.shared.fleet.members();
        let first = members.iter().map(|member| member.standing()).find(|standing| standing.health == Health::Healthy);
        match (first, self.shared.fleet.line()) {
            (Some(standing), _) => standing.version,
            (None, Some(line)) => format!("{line}.0"),
            (None, None) => self.shared.settings.meze_version.clone(),
        }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Its workers.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.shared.fleet
    }

    /// Requests that wait, and those that a worker has.
    pub fn counts(&self) -> (usize, usize) {
        self.shared.desk.counts()
    }

    /// The metrics of this moment.
    pub fn metrics_text(&self) -> String {
        let Shared { metrics, fleet, .. } = &*self.shared;
        let (waiting, running) = self.counts();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let members = fleet.members();
        let healthy = members.iter().filter(|member| member.is_healthy()).count();
        let free = |member: &&Arc<crate::fleet::Member>| member.is_healthy() && member.has.borrow().is_none();
        metrics.queue_size.set(number(waiting));
        metrics.running.set(number(running));
        metrics.worker_count.set(number(members.len()));
        metrics.healthy.set(number(healthy));
        metrics.worker_busy.set(number(members.len() - members.iter().filter(free).count()));
        metrics.text()
    }

    fn check(&self, call: &Call) -> Result<(), Status> {
        let ours = self.shared.settings.kind;
        let Some(asked) = ProofKind::from_wire(call.proof_type) else {
            return Err(refusal::unknown_kind(call.proof_type));
        };
        if asked != ours {
            return Err(refusal::unsupported(asked, ours));
        }
        if self.shared.ending.is_cancelled() {
            return Err(refusal::not_ready("the proxy is ending"));
        }
        Ok(())
    }

    async fn asked(&self, call: Call) -> Result<(Bytes, From), Status> {
        self.check(&call)?;
        let span = tracing::debug_span!(target: SPANS, "request", bytes = call.payload.len());
        telemetry::follow(&span, call.traceparent.as_deref());
        let traceparent = telemetry::traceparent(&span).or(call.traceparent);
        let timeout = call.timeout.into_iter().chain([self.shared.settings.timeout]).min().unwrap_or_default();
        let asked = self.shared.desk.ask(call.payload, traceparent);
        match tokio::time::timeout(timeout, asked.instrument(span)).await {
            Ok(answer) => answer,
            Err(_) => Err(refusal::timeout()),
        }
    }
}

impl Proofs for Front {
    async fn prove(&self, call: Call) -> Result<Bytes, Status> {
        let metrics = &self.shared.metrics;
        let mut ending = Ending { metrics, began: Instant::now(), outcome: "gone" };
        let answer = self.asked(call).await;
        ending.outcome = match &answer {
            Ok((_, From::Proved)) => "proved",
            Ok((_, From::Kept)) => "kept",
            Err(status) => word(status.code()),
        };
        if let Err(status) = &answer {
            let ours = matches!(status.code(), Code::Cancelled | Code::Unavailable | Code::ResourceExhausted);
            if ours {
                metrics.request_failure_count.inc();
            }
        }
        answer.map(|(proof, _)| proof)
    }

    fn status(&self) -> WorkerStatus {
        WorkerStatus {
            version: self.version(),
            supported_proof_type: self.shared.settings.kind.to_wire(),
            ready: self.shared.fleet.healthy() > 0,
            // As a worker behind another proxy it takes more than one request.
            busy: false,
            meze_version: self.shared.settings.meze_version.clone(),
        }
    }

    fn proxy_status(&self) -> Option<ProxyStatus> {
        let worker = |member: &Arc<crate::fleet::Member>| {
            let standing = member.standing();
            let status = match standing.health {
                Health::Unknown => WorkerHealthStatus::Unknown,
                Health::Healthy => WorkerHealthStatus::Healthy,
                Health::Unhealthy { .. } => WorkerHealthStatus::Unhealthy,
            };
            ProxyWorkerStatus { address: member.address.clone(), version: standing.version, status: status.into() }
        };
        Some(ProxyStatus {
            version: self.version(),
            supported_proof_type: self.shared.settings.kind.to_wire(),
            workers: self.shared.fleet.members().iter().map(worker).collect(),
            meze_version: self.shared.settings.meze_version.clone(),
        })
    }
}

/// Counts how a request ended, also when its client leaves.
struct Ending<'a> {
    metrics: &'a Metrics,
    began: Instant,
    outcome: &'static str,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.metrics.ended(self.outcome, self.began.elapsed());
    }
}

/// A code as a label.
fn word(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "invalid_argument",
        Code::ResourceExhausted => "resource_exhausted",
        Code::Cancelled | Code::DeadlineExceeded => "timeout",
        Code::Unavailable => "unavailable",
        Code::Internal => "internal",
        _ => "other",
    }
}

/// Counts requests for proofs, and refuses those of addresses that ask too often, before their bodies are read.
async fn limit(State(front): State<Front>, request: Request, next: Next) -> Response {
    if !request.uri().path().ends_with(".Api/Prove") {
        return next.run(request).await;
    }
    let Shared { metrics, limiter, settings, .. } = &*front.shared;
    metrics.request_count.inc();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let Some(address) = client(peer, request.headers(), settings.forwarded) else {
        return next.run(request).await;
    };
    match limiter.pass(address, Instant::now()) {
        Pass::Yes => return next.run(request).await,
        Pass::FirstNo => metrics.rate_limit_violations.inc(),
        Pass::No => {}
    }
    metrics.rate_limited_requests.inc();
    metrics.ended("rate_limited", Duration::ZERO);
    let mut response = refusal::rate_limited(settings.rate).into_http::<axum::body::Body>().into_response();
    for (name, value) in
        [("x-rate-limit-limit", settings.rate), ("x-rate-limit-remaining", 0), ("x-rate-limit-reset", 1)]
    {
        response.headers_mut().insert(name, HeaderValue::from(value));
    }
    response
}

/// Whose request it is: the other end of the connection, or, behind a reverse proxy that the operator trusts, the
/// address that this one saw, which is the last in the header.
fn client(peer: Option<SocketAddr>, headers: &HeaderMap, forwarded: bool) -> Option<IpAddr> {
    let last = || {
        let value = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        let text = value.rsplit(',').next()?.trim();
        text.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
    };
    forwarded.then(last).flatten().or_else(|| peer.map(|peer| peer.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_only_when_told_to_and_the_last_one_does() {
        let peer: SocketAddr = "10.0.0.9:1000".parse().unwrap();
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static(value),
            )])
        };
        let forged = headers("127.0.0.1, 192.0.2.7");
        assert_eq!(client(Some(peer), &forged, false), Some(peer.ip()));
        assert_eq!(client(Some(peer), &forged, true), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(client(Some(peer), &headers("[2001:db8::1]:443"), true), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(client(Some(peer), &headers("nonsense"), true), Some(peer.ip()));
    }
}
