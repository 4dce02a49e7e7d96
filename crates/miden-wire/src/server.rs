//! What a worker and a proxy serve: `Prove` and the status under the names of both lines, health, reflection, and all
//! of it for browsers too.

use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_web::GrpcWebLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::proto::DESCRIPTORS;
use crate::proto::proving_service::api_server as old;
use crate::proto::remote_prover::{
    Proof, ProofRequest, ProxyStatus, WorkerStatus, api_server as new, proxy_status_api_server as proxy_status,
    worker_status_api_server as worker_status,
};
use crate::proto::status::status_api_server as old_status;

/// Why the services cannot be described to clients that ask for reflection.
pub use tonic_reflection::server::Error as ReflectionError;

/// The names under which health is told, beside that of the whole server.
const NAMES: [&str; 2] = ["remote_prover.Api", "proving_service.Api"];

/// The most bytes of a request, unless told otherwise.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 32 << 20;

/// A request for a proof.
#[derive(Clone)]
pub struct Call {
    /// The type of proof, as a number; it may be none that is known.
    pub proof_type: i32,
    /// The witness.
    pub payload: Bytes,
    /// How long the client says that it waits.
    pub timeout: Option<Duration>,
    /// The client's trace.
    pub traceparent: Option<String>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Call(type {}, {} bytes)", self.proof_type, self.payload.len())
    }
}

/// Who makes proofs.
pub trait Proofs: Clone + Send + Sync + 'static {
    /// Makes one. Dropped when the client is gone.
    fn prove(&self, call: Call) -> impl Future<Output = Result<Bytes, Status>> + Send;

    /// How it is, in a worker's words.
    fn status(&self) -> WorkerStatus;

    /// How it is, in a proxy's words, if it is one.
    fn proxy_status(&self) -> Option<ProxyStatus>;
}

/// Tells clients whether requests are served.
#[derive(Clone)]
pub struct Health(HealthReporter);

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

impl Health {
    /// Says so, under every name.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in NAMES.into_iter().chain([""]) {
            self.0.set_service_status(name, status).await;
        }
    }
}

#[derive(Clone)]
struct Adapter<P>(P);

impl<P: Proofs> Adapter<P> {
    async fn prove(&self, request: Request<ProofRequest>) -> Result<Response<Proof>, Status> {
        let text = |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok());
        let timeout = text("grpc-timeout").and_then(timeout);
        let traceparent = text("traceparent").map(str::to_owned);
        let ProofRequest { proof_type, payload } = request.into_inner();
        let payload = self.0.prove(Call { proof_type, payload, timeout, traceparent }).await?;
        Ok(Response::new(Proof { payload }))
    }
}

/// What a `grpc-timeout` says: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[tonic::async_trait]
impl<P: Proofs> new::Api for Adapter<P> {
    async fn prove(&self, request: Request<ProofRequest>) -> Result<Response<Proof>, Status> {
        Self::prove(self, request).await
    }
}

#[tonic::async_trait]
impl<P: Proofs> old::Api for Adapter<P> {
    async fn prove(&self, request: Request<ProofRequest>) -> Result<Response<Proof>, Status> {
        Self::prove(self, request).await
    }
}

#[tonic::async_trait]
impl<P: Proofs> worker_status::WorkerStatusApi for Adapter<P> {
    async fn status(&self, _: Request<()>) -> Result<Response<WorkerStatus>, Status> {
        Ok(Response::new(self.0.status()))
    }
}

#[tonic::async_trait]
impl<P: Proofs> old_status::StatusApi for Adapter<P> {
    async fn status(&self, _: Request<()>) -> Result<Response<WorkerStatus>, Status> {
        Ok(Response::new(self.0.status()))
    }
}

#[tonic::async_trait]
impl<P: Proofs> proxy_status::ProxyStatusApi for Adapter<P> {
    async fn status(&self, _: Request<()>) -> Result<Response<ProxyStatus>, Status> {
        let status = self.0.proxy_status();
        status.map(Response::new).ok_or_else(|| Status::unimplemented("this is a worker, not a proxy"))
    }
}

/// The services, without what is around them for browsers; and what tells their health, which is *not serving* until
/// told otherwise.
///
/// # Errors
/// The description of the services, for reflection, is damaged.
pub async fn services(proofs: impl Proofs, max_request_bytes: usize) -> Result<(Router, Health), ReflectionError> {
    let (reporter, health_server) = tonic_health::server::health_reporter();
    let health = Health(reporter);
    health.set(false).await;
    let is_proxy = proofs.proxy_status().is_some();
    let adapter = Adapter(proofs);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::new(new::ApiServer::new(adapter.clone()).max_decoding_message_size(max_request_bytes))
        .add_service(old::ApiServer::new(adapter.clone()).max_decoding_message_size(max_request_bytes))
        .add_service(worker_status::WorkerStatusApiServer::new(adapter.clone()))
        .add_service(old_status::StatusApiServer::new(adapter.clone()))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .add_service(health_server);
    if is_proxy {
        routes = routes.add_service(proxy_status::ProxyStatusApiServer::new(adapter));
    }
    Ok((routes.prepare().into_axum_router(), health))
}

/// Makes services understandable for browsers: gRPC-web, and CORS on every answer, errors too.
pub fn for_browsers(services: Router) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .max_age(Duration::from_secs(24 * 3600))
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(
            ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(axum::http::HeaderName::from_static),
        ));
    services.layer(GrpcWebLayer::new()).layer(cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (text, expected) in [
            ("10S", Some(Duration::from_secs(10))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("1H", Some(Duration::from_secs(3600))),
            ("123456789S", None),
            ("S", None),
            ("", None),
            ("10", None),
            ("10ü", None),
            ("-1S", None),
        ] {
            assert_eq!(timeout(text), expected, "{text:?}");
        }
    }
}
