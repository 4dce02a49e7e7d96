//! `meze start-proxy`: the public front of a fleet of Miden provers.

use std::fs::DirBuilder;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use blobs::{Blobs, SecretKey};
use clap::Args;
use dispatch_store::OpenOptions;
use miden_wire::kind::ProofKind;
use miden_wire::serve::{Limits, serve};
use proxy::{Proxy, Settings};
use terminal::Console;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::run::Shutdown;

use super::second_names::duration;
use super::start_worker::listen;
use super::{inside, more_files, runtime, secrets};
use crate::settings::truth;

/// Start a proxy of the Miden proving service: one address for a fleet of workers
///
/// Requests wait in a bounded queue for a free worker of the proxy's type and line; what fails for its worker's fault is
/// tried on another. A request that is asked for again attaches to the one that waits, runs or was proved. With
/// --data-dir, accepted requests survive a restart, encrypted on disk. There is no token on the public port, as in the
/// service that it replaces; the control port is for this machine alone.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze start-proxy --prover-type transaction 127.0.0.1:50051 prover-2.example:50051\n  \
    meze start-proxy --data-dir /var/lib/meze-proxy --max-queue-items 100 --timeout-secs 600 127.0.0.1:50051\n  \
    meze start-proxy --metrics-port 6192 --registration-token-file token\n\n\
    Variables of the later lines (MRP_PORT, MRP_TIMEOUT, MRP_PROXY_WORKERS_LIST, …) count where nothing else is said.")]
pub struct StartProxyArgs {
    /// The workers to begin with, each host:port
    #[arg(value_name = "WORKER", value_delimiter = ',')]
    pub named: Vec<String>,

    /// The workers to begin with, with commas between
    #[arg(long, env = "MPS_WORKERS", value_name = "WORKER,…", value_delimiter = ',', hide = true)]
    pub workers: Vec<String>,

    /// The type of proof: transaction, batch or block
    #[arg(long, visible_alias = "proof-type", env = "MPS_PROVER_TYPE", value_name = "TYPE",
        default_value_t = ProofKind::Transaction)]
    pub prover_type: ProofKind,

    /// The line of Miden that workers have to be of, as 0.15 [default: that of the first worker]
    #[arg(long, env = "MPS_MIDEN_VERSION", value_name = "LINE", value_parser = line)]
    pub miden_version: Option<String>,

    /// Listen on 127.0.0.1 instead of 0.0.0.0
    #[arg(long, env = "MPS_LOCALHOST", value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub localhost: bool,

    /// The public port
    #[arg(long, env = "MPS_PORT", value_name = "PORT", default_value_t = 8082)]
    pub port: u16,

    /// The port for adding and removing workers, on this machine only
    #[arg(long, env = "MPS_CONTROL_PORT", value_name = "PORT", default_value_t = 8083)]
    pub control_port: u16,

    /// The port of the status page, /status
    #[arg(long, env = "MPS_STATUS_PORT", value_name = "PORT", default_value_t = 8084)]
    pub status_port: u16,

    /// The port of the metrics page [default: none]
    #[arg(long, env = "MPS_METRICS_PORT", value_name = "PORT")]
    pub metrics_port: Option<u16>,

    /// Requests that may wait for a worker
    #[arg(long, env = "MPS_MAX_QUEUE_ITEMS", value_name = "COUNT", default_value_t = 10)]
    pub max_queue_items: u32,

    /// How often a request is tried again for its worker's fault
    #[arg(long, env = "MPS_MAX_RETRIES_PER_REQUEST", value_name = "COUNT", default_value_t = 1)]
    pub max_retries_per_request: u32,

    /// Requests of a client's address in a second; 0 for any number
    #[arg(long, env = "MPS_MAX_REQ_PER_SEC", value_name = "COUNT", default_value_t = 5)]
    pub max_req_per_sec: u32,

    /// A reverse proxy is in front: the last address of X-Forwarded-For is the client's
    #[arg(long, env = "MPS_TRUST_FORWARDED", value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub trust_forwarded: bool,

    /// The longest that a request takes, waiting included
    #[arg(long, alias = "timeout", env = "MPS_TIMEOUT_SECS", value_name = "TIME", default_value = "100",
        value_parser = duration)]
    pub timeout_secs: Duration,

    /// How long a worker may take to be reached, and to say how it is
    #[arg(long, alias = "connection-timeout", env = "MPS_CONNECTION_TIMEOUT_SECS", value_name = "TIME",
        default_value = "10", value_parser = duration)]
    pub connection_timeout_secs: Duration,

    /// How often workers are asked how they are
    #[arg(long, alias = "health-check-interval", env = "MPS_HEALTH_CHECK_INTERVAL_SECS", value_name = "TIME",
        default_value = "10", value_parser = duration)]
    pub health_check_interval_secs: Duration,

    /// Taken for the sake of old configurations: nothing is polled
    #[arg(
        long,
        alias = "available-workers-polling-interval",
        env = "MPS_AVAILABLE_WORKERS_POLLING_INTERVAL_MS",
        value_name = "TIME",
        default_value = "20",
        hide = true
    )]
    pub available_workers_polling_interval_ms: String,

    /// How long a worker with a request may be silent before another gets it
    #[arg(long, env = "MPS_WORKER_SILENCE", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub worker_silence: Duration,

    /// How long a proof goes on that nobody waits for any more [default: 0; with --data-dir, the timeout]
    #[arg(long, env = "MPS_LINGER", value_name = "TIME", value_parser = duration)]
    pub linger: Option<Duration>,

    /// How long proofs are kept for those who ask again
    #[arg(long, env = "MPS_KEEP_RESULTS", value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub keep_results: Duration,

    /// The largest request and the largest proof, in MiB
    #[arg(long, env = "MPS_MAX_MESSAGE_MIB", value_name = "MIB", default_value_t = 32,
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub max_message: u32,

    /// Keep accepted requests in this folder, so that they survive a restart [default: in memory]
    #[arg(long, env = "MPS_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// A file with the token with which workers may register themselves [default: they may not]
    #[arg(long, env = "MPS_REGISTRATION_TOKEN_FILE", value_name = "FILE")]
    pub registration_token_file: Option<PathBuf>,

    /// How long running requests may go on after SIGTERM
    #[arg(long, env = "MPS_GRACE_PERIOD", value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub grace_period: Duration,
}

fn line(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.len() < 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    match &parts[..] {
        [major, minor, ..] if parts.len() <= 3 && parts.iter().all(number) => Ok(format!("{major}.{minor}")),
        _ => Err("a line is two numbers with a dot between, as 0.15".to_owned()),
    }
}

/// Serves until told to end.
///
/// # Errors
/// Something cannot be set up, or the store was taken over.
pub fn run(args: &StartProxyArgs, console: Console) -> Result<()> {
    more_files();
    // One thread: a request passes through a dozen tasks, and waking another thread for each costs more than all of
    // them. What takes long, hashing and sealing large bodies and writing to disk, has threads of its own.
    let runtime = runtime(1)?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let _entered = runtime.enter();
    let _telemetry = telemetry::init(&telemetry::Options::from_env("miden-prover-proxy")?)?;
    runtime.block_on(serve_all(args, console))
}

/// The proxy that these settings say; it listens nowhere yet.
///
/// # Errors
/// Something cannot be set up.
async fn begin(args: &StartProxyArgs) -> Result<Proxy> {
    let store = match &args.data_dir {
        None => "memory:".to_owned(),
        Some(folder) => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
            inside(folder, "requests.sqlite")?
        }
    };
    let store = dispatch_store::open(&store, OpenOptions::default()).await?;
    let (place, key) = match &args.data_dir {
        None => ("memory:".to_owned(), SecretKey::random()),
        Some(folder) => (inside(folder, "blobs")?, SecretKey::load_or_create(folder.join("secret.key"))?),
    };
    let bytes = (args.max_message as usize) << 20;
    let blobs = Blobs::open(&place, key).await?.with_limit(bytes as u64);
    let token = args.registration_token_file.as_deref();
    let token = token.map(|path| secrets::token_from_file(path, &["register"])).transpose()?;
    let durable = args.data_dir.is_some();
    let settings = Settings {
        line: args.miden_version.clone(),
        meze_version: env!("CARGO_PKG_VERSION").to_owned(),
        queue: args.max_queue_items as usize,
        retries: args.max_retries_per_request,
        timeout: args.timeout_secs,
        connect_within: args.connection_timeout_secs,
        rate: args.max_req_per_sec,
        forwarded: args.trust_forwarded,
        check_every: args.health_check_interval_secs.max(Duration::from_millis(100)),
        silence: args.worker_silence.max(Duration::from_secs(1)),
        linger: args.linger.unwrap_or(if durable { args.timeout_secs } else { Duration::ZERO }),
        keep: args.keep_results,
        durable,
        max_request_bytes: bytes,
        max_proof_bytes: bytes,
        workers: if args.named.is_empty() { args.workers.clone() } else { args.named.clone() },
        ..Settings::new(args.prover_type)
    };
    Ok(proxy::start(settings, store, Arc::new(blobs), token.as_deref()).await?)
}

async fn serve_all(args: &StartProxyArgs, console: Console) -> Result<()> {
    let shutdown = Shutdown::on_signals()?;
    let public = if args.localhost { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let mut doors = vec![
        listen(public, args.port, "--port (MPS_PORT)").await?,
        listen(Ipv4Addr::LOCALHOST, args.control_port, "--control-port (MPS_CONTROL_PORT)").await?,
        listen(public, args.status_port, "--status-port (MPS_STATUS_PORT)").await?,
    ];
    if let Some(port) = args.metrics_port {
        doors.push(listen(public, port, "--metrics-port (MPS_METRICS_PORT)").await?);
    }
    if !args.localhost {
        console.note("proxy: whoever can reach its port can have proofs made: use --localhost, or a firewall");
    }
    let mut proxy = begin(args).await?;
    if proxy.members.count() == 0 {
        console.note("proxy: there are no workers yet: `meze add-workers` adds some");
    }
    let names = ["proxy", "control", "status", "metrics"];
    let addresses: Vec<String> = doors
        .iter()
        .zip(names)
        .map(|(door, name)| Ok(format!("{name} on http://{}", door.local_addr()?)))
        .collect::<Result<_>>()?;
    console.say(format!("proxy for {} proofs: {}", args.prover_type, addresses.join(", ")));

    let (first, others) = (CancellationToken::new(), CancellationToken::new());
    let routes = [&proxy.routes, &proxy.control, &proxy.status, &proxy.metrics].map(Router::clone);
    let mut servers: Vec<JoinHandle<()>> = Vec::new();
    for (place, (door, routes)) in doors.into_iter().zip(routes).enumerate() {
        let (stop, grace) = match place {
            0 => (first.clone(), args.grace_period),
            _ => (others.clone(), Duration::from_secs(1)),
        };
        servers.push(tokio::spawn(serve(door, routes, Limits::default(), stop, grace)));
    }
    tokio::select! {
        () = shutdown.draining() => {}
        ended = &mut proxy.ended => {
            ended??;
            return Ok(());
        }
    }
    proxy.drain();
    first.cancel();
    let mut servers = servers.into_iter();
    if let Some(public) = servers.next() {
        tokio::select! {
            _ = public => {}
            () = shutdown.ending_now() => {}
        }
    }
    others.cancel();
    proxy.end().await?;
    console.note("proxy: ended");
    Ok(())
}
