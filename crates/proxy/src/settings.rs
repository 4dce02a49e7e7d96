//! What an operator can set.

use std::time::Duration;

use miden_wire::kind::ProofKind;

/// Settings of a proxy; the defaults are those of the service's 0.9 line.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The one type of proof.
    pub kind: ProofKind,
    /// The line of Miden that workers have to be of, as in `0.15`; `None` takes that of the first worker.
    pub line: Option<String>,
    /// The version of Meze.
    pub meze_version: String,
    /// Requests that may wait for a worker.
    pub queue: usize,
    /// How often a request is tried again for its worker's fault.
    pub retries: u32,
    /// The longest that a request takes, waiting included.
    pub timeout: Duration,
    /// How long a connection to a worker may take to be made, and a worker to say how it is.
    pub connect_within: Duration,
    /// Requests of a client's address in a second; 0 is any number.
    pub rate: u32,
    /// Clients come through a reverse proxy, and the last address of `X-Forwarded-For` is theirs.
    pub forwarded: bool,
    /// How often workers are asked how they are.
    pub check_every: Duration,
    /// How long a worker with a request may be silent before it goes to another.
    pub silence: Duration,
    /// How long a proof goes on when nobody waits for it any more.
    pub linger: Duration,
    /// How long proofs are kept for those who ask again.
    pub keep: Duration,
    /// The most bytes of a request.
    pub max_request_bytes: usize,
    /// The most bytes of a proof.
    pub max_proof_bytes: usize,
    /// Requests are kept with the store, because it outlives the proxy.
    pub durable: bool,
    /// The workers that it begins with, each `host:port`.
    pub workers: Vec<String>,
}

impl Settings {
    /// The 0.9 line's defaults, in memory.
    pub fn new(kind: ProofKind) -> Self {
        Self {
            kind,
            line: None,
            meze_version: env!("CARGO_PKG_VERSION").to_owned(),
            queue: 10,
            retries: 1,
            timeout: Duration::from_secs(100),
            connect_within: Duration::from_secs(10),
            rate: 5,
            forwarded: false,
            check_every: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            linger: Duration::ZERO,
            keep: Duration::from_secs(600),
            max_request_bytes: miden_wire::server::DEFAULT_MAX_REQUEST_BYTES,
            max_proof_bytes: 32 << 20,
            durable: false,
            workers: Vec::new(),
        }
    }
}
