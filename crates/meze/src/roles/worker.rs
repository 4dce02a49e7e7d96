//! `meze worker`: asks a dispatcher for tasks and proves them, one at a time, in a child process.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use proving::kind::Kind;
use proving::statement::Statement;
use rollup_circuits::id::CircuitId;
use rollup_circuits::proof_file;
use rollup_circuits::witness_file::Witness;
use terminal::{Console, Usage};
use transport::amqp::{AmqpLink, AmqpSettings};
use transport::http::{BlobClient, HttpLink, HttpSettings};
use transport::link::Link;
use transport::tls::may_listen;
use worker::counters::Counters;
use worker::http::{Direct, HttpConfig};
use worker::machine;
use worker::prover::{ChildConfig, ProverChild, Request, State};
use worker::run::{RunConfig, Shutdown, run as work};

use super::{runtime, secrets};
use crate::fleet::bundle::unpack;
use crate::fleet::circuits::Skill;
use crate::fleet::keys::ShownKeys;
use crate::settings::CircuitArgs;

/// Ask a dispatcher for tasks and prove them
///
/// A worker holds one task at a time and hands it to a child process, which can panic or run out of memory without
/// harm. It is ready after its keys are there and it has proved a small circuit to itself. SIGTERM drains it: the
/// running proof may finish within --grace, else it goes back to the dispatcher. Its own HTTP shows health,
/// readiness, metrics and verification keys, and makes a proof directly.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze worker --token-file tokens --persist\n  \
    meze worker --kinds inner --job-server-url http://sequencer:8082 --name inner-7\n  \
    meze worker --kinds outer,root-verifier,verification-key --job-server-url http://sequencer:8083")]
pub struct WorkerArgs {
    /// The dispatcher's address
    #[arg(long, env = "JOB_SERVER_URL", value_name = "URL", default_value = "http://localhost:8082")]
    pub job_server_url: String,

    /// Ask through RabbitMQ instead; the dispatcher's address is then for large inputs and proofs
    #[arg(long, env = "MEZE_AMQP_URL", value_name = "URL", hide_env_values = true)]
    pub amqp_url: Option<String>,

    /// A file with the token of the work scope; else the environment variable MEZE_WORK_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Its name, unique in the fleet [default: host name and process id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// What it proves; it holds the keys of these only
    #[arg(long, env = "MEZE_KINDS", value_name = "KIND,…", value_delimiter = ',', default_value = Skill::USUAL)]
    pub kinds: Vec<Skill>,

    /// How much memory its tasks may take, in MiB [default: the machine's]
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,

    /// The child is ended when it takes more than this, in MiB [default: no limit]
    #[arg(long, value_name = "MIB")]
    pub memory_limit: Option<u64>,

    /// The child is replaced after so many proofs
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub recycle_after: u64,

    /// The idle child is replaced when it holds more than this, in MiB [default: never]
    #[arg(long, value_name = "MIB")]
    pub recycle_above: Option<u64>,

    /// How long the running proof may go on after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u64,

    /// How long a proof is kept while the dispatcher is away, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub reconnect_grace: u64,

    /// The port of its own HTTP
    #[arg(long, env = "PORT", value_name = "PORT", default_value_t = 8083)]
    pub port: u16,

    /// The address of its own HTTP
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,

    /// Before every path of its own HTTP
    #[arg(long, env = "API_PREFIX", value_name = "PATH", default_value = "")]
    pub api_prefix: String,

    /// Serve its own HTTP in plain text on an address that others can reach
    #[arg(long)]
    pub insecure_plaintext: bool,

    /// Append a line for every start of a proof to this file
    #[arg(long, value_name = "FILE", hide = true)]
    pub starts_log: Option<PathBuf>,

    /// How circuits are built.
    #[command(flatten)]
    pub circuits: CircuitArgs,
}

/// Works until told to end.
///
/// # Errors
/// The dispatcher does not want this worker, or something cannot be set up.
pub fn run(args: &WorkerArgs, console: Console) -> Result<()> {
    let runtime = runtime(2)?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let _entered = runtime.enter();
    let _telemetry = telemetry::init(&telemetry::Options::from_env("worker")?)?;
    runtime.block_on(serve(args, console))
}

async fn serve(args: &WorkerArgs, console: Console) -> Result<()> {
    let token = secrets::token(args.token_file.as_deref(), "MEZE_WORK_TOKEN", "work")?;
    let settings = HttpSettings { ca: args.ca.clone(), ..HttpSettings::default() };
    let shutdown = Shutdown::on_signals()?;
    match &args.amqp_url {
        None => {
            let link = HttpLink::new(&args.job_server_url, &token, settings)?;
            work_over(link, args, &args.job_server_url, shutdown, console).await
        }
        Some(url) => {
            let blobs = BlobClient::new(&args.job_server_url, &token, settings)?;
            let link = AmqpLink::new(url, Some(blobs), AmqpSettings::default())?;
            work_over(link, args, "RabbitMQ", shutdown, console).await
        }
    }
}

/// Works over a link until told to end.
///
/// # Errors
/// As [`run`].
pub async fn work_over<L: Link>(
    link: L,
    args: &WorkerArgs,
    from: &str,
    shutdown: Shutdown,
    console: Console,
) -> Result<()> {
    let own = SocketAddr::from((args.bind, args.port));
    may_listen(own, false, args.insecure_plaintext).map_err(|error| Usage(error.to_string()))?;
    let config = HttpConfig { bind: own, prefix: args.api_prefix.clone(), ..HttpConfig::default() };
    let listening = listen(&config, console).await?;
    let prover = ProverChild::spawn(child(args)?, Counters::new(args.starts_log.as_deref())?);
    let keys = Arc::new(ShownKeys::new(args.circuits.family(console)?));
    let router = worker::http::router(&config, prover.clone(), keys, Arc::new(Files { prover: prover.clone() }));
    let http = tokio::spawn(async move { axum::serve(listening, router).await });

    let name = args.name.clone().unwrap_or_else(machine::usual_name);
    let mut run = RunConfig::new(name.clone(), env!("CARGO_PKG_VERSION"), memory(args)?);
    run.drain_grace = Duration::from_secs(args.grace);
    run.reconnect_grace = Duration::from_secs(args.reconnect_grace);
    let kinds: Vec<String> = args.kinds.iter().map(ToString::to_string).collect();
    console.note(format!("worker {name}: {} from {from}", kinds.join(", ")));
    let ended = work(link, prover, run, shutdown).await;
    http.abort();
    ended?;
    console.note(format!("worker {name}: ended"));
    Ok(())
}

/// Listens, and says where: the port may have been left to the system.
async fn listen(config: &HttpConfig, console: Console) -> Result<tokio::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind(config.bind).await.with_context(|| {
        format!("the worker's own HTTP cannot listen on {}: choose another --port (PORT), or 0 for any", config.bind)
    })?;
    console.note(format!("worker: its own HTTP is on http://{}{}", listener.local_addr()?, config.prefix));
    Ok(listener)
}

/// How its child is started and kept.
fn child(args: &WorkerArgs) -> Result<ChildConfig> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let kinds: Vec<String> = args.kinds.iter().map(ToString::to_string).collect();
    let words: [OsString; 3] = ["prover-child".into(), "--kinds".into(), kinds.join(",").into()];
    let mib = |mib: u64| mib.saturating_mul(1 << 20);
    let mut child = ChildConfig::new(program, words);
    child.env = args.circuits.environment();
    child.memory_limit = args.memory_limit.map(mib);
    child.recycle_after = Some(args.recycle_after.max(1));
    child.recycle_above = args.recycle_above.map(mib);
    Ok(child)
}

fn memory(args: &WorkerArgs) -> Result<u64> {
    match args.memory {
        Some(mib) => Ok(mib.saturating_mul(1 << 20)),
        None => machine::memory().context("the machine's memory is not known: use --memory"),
    }
}

/// Requests for a proof as files: a witness file, or a bundle of one with the proofs that it is on top of.
struct Files {
    prover: ProverChild,
}

impl Direct for Files {
    fn decode(&self, body: Bytes) -> Result<Request, String> {
        let kind = kind_of(&body)?;
        let statement = self.statement(&kind)?;
        Ok(Request { kind, statement, input: body, needs: Vec::new(), secret: true, task: None })
    }
}

impl Files {
    fn statement(&self, kind: &Kind) -> Result<Statement, String> {
        let State::Ready(offers) = self.prover.state() else { return Err("the worker is not ready".to_owned()) };
        let found = offers.iter().find(|offer| offer.kind == *kind);
        found.map(|offer| offer.statement.clone()).ok_or_else(|| format!("this worker does not prove {kind}"))
    }
}

fn kind_of(body: &[u8]) -> Result<Kind, String> {
    let (input, proofs) = unpack(body)?;
    if !input.is_empty() {
        return Ok(Witness::from_bytes(input).map_err(|error| error.to_string())?.circuit().kind());
    }
    let Some(proof) = proofs.first() else {
        return Err("an empty request: send a witness file, or a bundle of a witness and proofs".to_owned());
    };
    let circuit = proof_file::open(proof).map_err(|error| error.to_string())?.header.circuit;
    match circuit.parse() {
        Ok(CircuitId::Outer) => Ok(CircuitId::RootVerifier.kind()),
        Ok(found) if CircuitId::CLIENTS.contains(&found) => Ok(CircuitId::Wrap.kind()),
        _ => Err(format!("nothing goes on top of a single proof of {circuit}")),
    }
}
