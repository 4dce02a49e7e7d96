//! The way to a worker of either line: its status, and a proof.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::kind::ProofKind;
use crate::proto::meze::Registration;
use crate::proto::meze::workers_client::WorkersClient;
use crate::proto::proving_service::api_client::ApiClient as OldApi;
use crate::proto::remote_prover::api_client::ApiClient as NewApi;
use crate::proto::remote_prover::worker_status_api_client::WorkerStatusApiClient as NewStatus;
use crate::proto::remote_prover::{ProofRequest, WorkerStatus};
use crate::proto::status::status_api_client::StatusApiClient as OldStatus;

/// A text that is no worker's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a worker's address: write host:port, as in 127.0.0.1:50051 or [::1]:50051")]
pub struct NotAnAddress(String);

/// Checks `host:port`.
///
/// # Errors
/// It is none.
pub fn address(text: &str) -> Result<String, NotAnAddress> {
    let wrong = || NotAnAddress(text.chars().take(128).collect());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good_host = match bare {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    if good_host && port > 0 { Ok(format!("{host}:{port}")) } else { Err(wrong()) }
}

/// How long a proxy may take to hear of a worker.
const PATIENCE: Duration = Duration::from_secs(5);

/// The dialect that a worker speaks, once that is known.
const UNKNOWN: u8 = 0;
const NEW: u8 = 1;
const OLD: u8 = 2;

/// A worker. Clones share its connection, which is made when it is first needed and made again when it breaks.
#[derive(Debug, Clone)]
pub struct Worker {
    channel: Channel,
    dialect: Arc<AtomicU8>,
    max_proof_bytes: usize,
}

impl Worker {
    /// The worker at `host:port`; nothing is sent yet. The name is resolved with every connection, and a connection whose
    /// other end says nothing at all for `silence` is given up.
    ///
    /// # Errors
    /// It is no address.
    pub fn new(
        at: &str,
        connect_within: Duration,
        silence: Duration,
        max_proof_bytes: usize,
    ) -> Result<Self, NotAnAddress> {
        let at = address(at)?;
        let endpoint = Endpoint::from_shared(format!("http://{at}")).map_err(|_| NotAnAddress(at))?;
        let channel = endpoint
            .connect_timeout(connect_within)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(silence)
            .keep_alive_timeout(silence)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .connect_lazy();
        Ok(Self { channel, dialect: Arc::new(AtomicU8::new(UNKNOWN)), max_proof_bytes })
    }

    /// Takes the worker to be of the 0.8 or 0.9 line, without asking it.
    pub fn assume_old(&self) {
        self.dialect.store(OLD, Ordering::Relaxed);
    }

    /// How it is. The first answer also tells its line.
    ///
    /// # Errors
    /// The worker's own, or `UNAVAILABLE`, or `CANCELLED` when it does not answer in time.
    pub async fn status(&self, within: Duration) -> Result<WorkerStatus, Status> {
        let ask = async {
            if self.dialect.load(Ordering::Relaxed) != OLD {
                let asked = NewStatus::new(self.channel.clone()).status(()).await;
                match asked {
                    Err(status) if status.code() == Code::Unimplemented => {}
                    answer => {
                        self.learn(answer.is_ok().then_some(NEW));
                        return answer;
                    }
                }
            }
            let answer = OldStatus::new(self.channel.clone()).status(()).await;
            // A worker that was replaced by one of another line is asked in both ways again.
            self.learn(Some(if answer.is_ok() { OLD } else { UNKNOWN }));
            answer
        };
        match tokio::time::timeout(within, ask).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Status::cancelled(format!("no answer within {} s", within.as_secs_f32()))),
        }
    }

    fn learn(&self, dialect: Option<u8>) {
        if let Some(dialect) = dialect {
            self.dialect.store(dialect, Ordering::Relaxed);
        }
    }

    /// A proof. Dropped, the request is taken back.
    ///
    /// # Errors
    /// The worker's own, or `UNAVAILABLE` when there is no worker or its connection breaks.
    pub async fn prove(&self, kind: ProofKind, payload: Bytes, traceparent: Option<&str>) -> Result<Bytes, Status> {
        let mut request = Request::new(ProofRequest { proof_type: kind.to_wire(), payload });
        if let Some(value) = traceparent.and_then(|text| text.parse().ok()) {
            request.metadata_mut().insert("traceparent", value);
        }
        let limit = self.max_proof_bytes;
        let answer = match self.dialect.load(Ordering::Relaxed) {
            OLD => OldApi::new(self.channel.clone()).max_decoding_message_size(limit).prove(request).await,
            _ => NewApi::new(self.channel.clone()).max_decoding_message_size(limit).prove(request).await,
        };
        Ok(answer?.into_inner().payload)
    }
}

/// Makes a worker known to a proxy, again and again.
#[derive(Clone)]
pub struct Registrar {
    channel: Channel,
    address: String,
    token: MetadataValue<Ascii>,
}

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registrar({})", self.address)
    }
}

impl Registrar {
    /// Registers the worker at `address` with the proxy at `url`, `http://host:port`.
    ///
    /// # Errors
    /// One of the two is no address, or the token has characters that no header carries.
    pub fn new(url: &str, address: &str, token: &str) -> Result<Self, NotAnAddress> {
        let wrong = |text: &str| NotAnAddress(text.chars().take(128).collect());
        let at = self::address(url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/'))?;
        let endpoint = Endpoint::from_shared(format!("http://{at}")).map_err(|_| wrong(url))?;
        let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect_lazy();
        let token = format!("Bearer {token}").parse().map_err(|_| NotAnAddress("(the token)".to_owned()))?;
        Ok(Self { channel, address: self::address(address)?, token })
    }

    fn request(&self) -> Request<Registration> {
        let mut request = Request::new(Registration { address: self.address.clone() });
        request.metadata_mut().insert("authorization", self.token.clone());
        request
    }

    /// Comes again for as long as the future is polled.
    pub async fn keep(&self) {
        let mut away = false;
        loop {
            let registered = WorkersClient::new(self.channel.clone()).register(self.request()).await;
            let pause = match &registered {
                Ok(registered) => Duration::from_secs(u64::from(registered.get_ref().within_seconds / 3).max(1)),
                Err(_) => Duration::from_secs(2),
            };
            match (&registered, away) {
                (Err(status), false) => {
                    tracing::warn!(error = %status.message(), "the proxy does not take this worker")
                }
                (Ok(_), true) => tracing::info!("the proxy takes this worker"),
                _ => {}
            }
            away = registered.is_err();
            tokio::time::sleep(pause).await;
        }
    }

    /// Says that the worker is ending.
    pub async fn leave(&self) {
        if let Err(status) = WorkersClient::new(self.channel.clone()).leave(self.request()).await {
            tracing::warn!(error = %status.message(), "the proxy could not be told that this worker is ending");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for good in ["127.0.0.1:50051", "[::1]:8082", "prover-1.svc.cluster.local:1", "localhost:65535"] {
            assert_eq!(address(good).as_deref(), Ok(good));
        }
        let long = format!("{}:1", "a".repeat(254));
        for bad in
            ["", ":1", "host", "host:", "host:0", "host:65536", "http://host:1", "[::1:1", "a b:1", "::1:1", &long]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
