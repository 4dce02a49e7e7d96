//! The way to the collector: HTTP, from the thread that gathers spans, and nowhere else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Runtime;

use crate::TelemetryError;

/// How long the collector may take for a portion of spans.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client with a runtime of its own: the thread that exports has none, and the process may have none either.
pub(crate) struct Collector {
    client: reqwest::Client,
    runtime: Runtime,
    /// The last portion did not arrive: said once, not each time.
    away: AtomicBool,
}

impl Collector {
    pub(crate) fn new() -> Result<Self, TelemetryError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TelemetryError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(PATIENCE)
            .build()
            .map_err(|error| TelemetryError::Collector(error.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| TelemetryError::Collector(error.into()))?;
        Ok(Self { client, runtime, away: AtomicBool::new(false) })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.client.execute(request.try_into()?).await?;
        let mut answer = Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            *headers = response.headers().clone();
        }
        Ok(answer.body(response.bytes().await?)?)
    }

    fn note(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let wrong = match outcome {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        match (wrong, self.away.load(Ordering::Relaxed)) {
            (Some(reason), false) => tracing::warn!(reason, "traces do not reach the collector"),
            (None, true) => tracing::info!("traces reach the collector again"),
            (wrong, _) => return self.away.store(wrong.is_some(), Ordering::Relaxed),
        }
        self.away.fetch_xor(true, Ordering::Relaxed);
    }
}

impl HttpClient for Collector {
    // The trait is declared with `async_trait`; this is the signature that it stands for.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let outcome = self.runtime.block_on(self.send(request));
            self.note(&outcome);
            outcome
        })
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}
