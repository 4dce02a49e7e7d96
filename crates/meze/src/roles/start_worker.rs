//! `meze start-worker`: a worker of the Miden proving service.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use miden_wire::client::Registrar;
use miden_wire::kind::ProofKind;
use miden_wire::serve::{Limits, serve};
use miden_wire::server::{for_browsers, services};
use miden_worker::{MidenWorker, Settings};
use terminal::Console;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use worker::counters::Counters;
use worker::prover::{ChildConfig, ProverChild};
use worker::run::Shutdown;

use super::second_names::duration;
use super::{more_files, runtime, secrets};
use crate::settings::truth;

/// Start a worker of the Miden proving service: gRPC in front of a prover
///
/// It proves one thing at a time, of one type. It says that it is serving once its prover has proved and checked a small
/// program, and no longer when it ends: SIGTERM lets the running proof go on for --grace. There is no token on this port,
/// as in the service that it replaces: let only a proxy reach it, or bind it to --localhost.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze start-worker --prover-type transaction\n  \
    meze start-worker --prover-type batch --port 50052 --localhost\n\n\
    Variables of the later lines (MRP_WORKER_PORT, MRP_WORKER_PROOF_TYPE, MRP_TIMEOUT, …) count where nothing else is said.")]
pub struct StartWorkerArgs {
    /// Listen on 127.0.0.1 instead of 0.0.0.0
    #[arg(long, env = "MPS_WORKER_LOCALHOST", value_name = "BOOL", default_value = "false",
        default_missing_value = "true", num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub localhost: bool,

    /// The port; 0 takes any that is free
    #[arg(long, env = "MPS_WORKER_PORT", value_name = "PORT", default_value_t = 50051)]
    pub port: u16,

    /// The type of proof: transaction, batch or block
    #[arg(long, visible_alias = "proof-type", env = "MPS_WORKER_PROVER_TYPE", value_name = "TYPE")]
    pub prover_type: ProofKind,

    /// The longest that a request takes, whatever its client says [default: no limit]
    #[arg(long, env = "MPS_WORKER_TIMEOUT", value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,

    /// The version of Miden that it reports
    #[arg(long, env = "MPS_WORKER_MIDEN_VERSION", value_name = "VERSION", default_value = miden_proving::VERSION)]
    pub miden_version: String,

    /// The largest request, in MiB
    #[arg(long, env = "MPS_WORKER_MAX_MESSAGE_MIB", value_name = "MIB", default_value_t = 32,
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub max_message: u32,

    /// The prover is ended when it takes more memory than this, in MiB [default: no limit]
    #[arg(long, env = "MPS_WORKER_MEMORY_LIMIT", value_name = "MIB")]
    pub memory_limit: Option<u64>,

    /// How long the running proof may go on after SIGTERM
    #[arg(long, env = "MPS_WORKER_GRACE", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub grace: Duration,

    /// Show metrics on this port [default: none]
    #[arg(long, env = "MPS_WORKER_METRICS_PORT", value_name = "PORT")]
    pub metrics_port: Option<u16>,

    /// A proxy to register with, as http://host:8082
    #[arg(long, env = "MPS_WORKER_REGISTER", value_name = "URL", requires = "registration_token_file")]
    pub register: Option<String>,

    /// How the proxy reaches this worker; needed unless it listens on 127.0.0.1 only
    #[arg(long, env = "MPS_WORKER_ADDRESS", value_name = "HOST:PORT")]
    pub address: Option<String>,

    /// A file with the token of registration
    #[arg(long, env = "MPS_REGISTRATION_TOKEN_FILE", value_name = "FILE")]
    pub registration_token_file: Option<PathBuf>,

    /// Append a line for every start of a proof to this file
    #[arg(long, value_name = "FILE", hide = true)]
    pub starts_log: Option<PathBuf>,
}

/// How long answers may take to get away, once there is no proof any more.
const CLOSING: Duration = Duration::from_secs(2);

/// Works until told to end.
///
/// # Errors
/// Something cannot be set up.
pub fn run(args: &StartWorkerArgs, console: Console) -> Result<()> {
    more_files();
    // One thread: there is one request at a time, and its proof is made in another process.
    let runtime = runtime(1)?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let _entered = runtime.enter();
    let _telemetry = telemetry::init(&telemetry::Options::from_env("miden-prover")?)?;
    runtime.block_on(work(args, console))
}

async fn work(args: &StartWorkerArgs, console: Console) -> Result<()> {
    let shutdown = Shutdown::on_signals()?;
    let ip = if args.localhost { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let socket = listen(ip, args.port, "--port (MPS_WORKER_PORT)").await?;
    let own = socket.local_addr()?;
    if !args.localhost {
        console.note("worker: whoever can reach its port can have proofs made: use --localhost, or a firewall");
    }
    let counters = Counters::new(args.starts_log.as_deref())?;
    let child = ProverChild::spawn(child(args)?, counters.clone());
    let draining = CancellationToken::new();
    let settings = Settings {
        kind: args.prover_type,
        statement: miden_proving::statement(),
        version: args.miden_version.clone(),
        meze_version: env!("CARGO_PKG_VERSION").to_owned(),
        timeout: args.timeout,
    };
    let worker = MidenWorker::new(settings, child.clone(), draining.clone());
    let (routes, health) = services(worker.clone(), (args.max_message as usize) << 20).await?;
    let telling = tokio::spawn({
        let worker = worker.clone();
        async move { worker.tell(health).await }
    });
    let stop = CancellationToken::new();
    let mut servers = vec![tokio::spawn(serve(socket, for_browsers(routes), Limits::default(), stop.clone(), CLOSING))];
    if let Some(port) = args.metrics_port {
        let socket = listen(ip, port, "--metrics-port (MPS_WORKER_METRICS_PORT)").await?;
        console.say(format!("worker: metrics on http://{}", socket.local_addr()?));
        let metrics = axum::Router::new().fallback(move || {
            let counters = counters.clone();
            async move { counters.text().unwrap_or_default() }
        });
        servers.push(tokio::spawn(serve(socket, metrics, Limits::default(), stop.clone(), Duration::ZERO)));
    }
    let registrar = registrar(args, own).await?;
    let registering = registrar.clone().map(|registrar| tokio::spawn(async move { registrar.keep().await }));
    console.say(format!("worker: {} proofs of Miden {} on {own}", args.prover_type, args.miden_version));
    tokio::select! {
        () = shutdown.draining() => {}
        () = broken(&child) => anyhow::bail!("the prover has ended"),
    }
    draining.cancel();
    if let Some(registering) = registering {
        registering.abort();
    }
    if let Some(registrar) = registrar {
        registrar.leave().await;
    }
    // Who watches its health hears it, and a proxy goes on asking it how it is, before the connections close.
    let _ = telling.await;
    tokio::select! {
        () = worker.idle() => {}
        () = tokio::time::sleep(args.grace) => {}
        () = shutdown.ending_now() => {}
    }
    stop.cancel();
    tokio::select! {
        () = ended(servers) => {}
        () = shutdown.ending_now() => {}
    }
    console.note("worker: ended");
    Ok(())
}

async fn ended(servers: Vec<tokio::task::JoinHandle<()>>) {
    for server in servers {
        let _ = server.await;
    }
}

/// Never, unless nobody starts the child any more.
async fn broken(child: &ProverChild) {
    let mut state = child.watch();
    while state.changed().await.is_ok() {}
}

/// Listens, or says in one sentence which flag has another port.
pub(super) async fn listen(ip: Ipv4Addr, port: u16, flag: &str) -> Result<TcpListener> {
    let address = SocketAddr::from((IpAddr::V4(ip), port));
    TcpListener::bind(address)
        .await
        .with_context(|| format!("it cannot listen on {address}: choose another {flag}, or 0 for any"))
}

/// How its child is started and kept.
fn child(args: &StartWorkerArgs) -> Result<ChildConfig> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let kind = args.prover_type.kind().to_string();
    let words: [OsString; 3] = ["prover-child".into(), "--kinds".into(), kind.into()];
    let mut child = ChildConfig::new(program, words);
    child.memory_limit = args.memory_limit.map(|mib| mib.saturating_mul(1 << 20));
    child.recycle_after = Some(1000);
    Ok(child)
}

async fn registrar(args: &StartWorkerArgs, own: SocketAddr) -> Result<Option<Registrar>> {
    let Some(proxy) = &args.register else { return Ok(None) };
    let token = secrets::token(args.registration_token_file.as_deref(), "MPS_REGISTRATION_TOKEN", "register")?;
    let address = args.address.clone().or_else(|| args.localhost.then(|| own.to_string()));
    let address = address.context("say with --address how the proxy reaches this worker, as in worker-1:50051")?;
    Ok(Some(Registrar::new(proxy, &address, &token)?))
}
