//! `worker`: takes tasks of a leader from RabbitMQ and proves them, one at a time, in a child process.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use proving::kind::Kind;
use terminal::{Console, Usage};
use transport::link::Link;
use transport::tls::may_listen;
use worker::counters::Counters;
use worker::http::{Direct, HttpConfig, Keys};
use worker::machine;
use worker::prover::{ChildConfig, ProverChild, Request, State};
use worker::run::{RunConfig, Shutdown, run as work};

use crate::fabric::{RuntimeKind, Serializer, link};
use crate::settings::CircuitArgs;

/// The stack of the child's proving threads, in bytes: the virtual machine's tries are walked by recursion.
pub const PROVING_STACK: usize = 32 << 20;

/// Take tasks of a leader from RabbitMQ and prove them
///
/// A worker holds one task at a time and hands it to a child process, which can panic or run out of memory without
/// harm. It is ready when its circuits are loaded; the first start builds them, which takes minutes, and keeps them.
/// SIGTERM drains it: the running proof may finish within --grace, else it goes back to the leader. Its own HTTP shows
/// health, readiness and metrics.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    worker --amqp-uri amqp://guest:guest@rabbitmq:5672\n  \
    worker --kinds light --amqp-uri amqp://guest:guest@rabbitmq:5672 --port 8083 --bind 0.0.0.0 --insecure-plaintext")]
pub struct WorkerArgs {
    /// The broker, as amqp://user:password@host:port/vhost [env: AMQP_URI or PALADIN_AMQP_URI]
    #[arg(long, value_name = "URL")]
    pub amqp_uri: Option<String>,

    /// What it proves: segments (heavy), what goes on top of them (light), or all; it holds the circuits of these only
    #[arg(long, env = "MEZE_EVM_KINDS", value_name = "KINDS", value_enum, default_value_t = Kinds::All)]
    pub kinds: Kinds,

    /// Its name, unique in the fleet [default: host name and process id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// How much memory its tasks may take, in MiB [default: the machine's]
    #[arg(long, value_name = "MIB")]
    pub memory_mib: Option<u64>,

    /// The child is ended when it takes more than this, in MiB [default: no limit]
    #[arg(long, value_name = "MIB")]
    pub memory_limit: Option<u64>,

    /// The child is replaced after so many proofs [default: never]
    #[arg(long, value_name = "COUNT")]
    pub recycle_after: Option<u64>,

    /// How long the running proof may go on after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u64,

    /// How long a proof is kept while the leader is away, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub reconnect_grace: u64,

    /// The port of its own HTTP; 0 takes any free one
    #[arg(long, env = "PORT", value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// The address of its own HTTP
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,

    /// Serve its own HTTP in plain text on an address that others can reach
    #[arg(long)]
    pub insecure_plaintext: bool,

    /// Append a line for every start of a proof to this file
    #[arg(long, value_name = "FILE", hide = true)]
    pub starts_log: Option<PathBuf>,

    /// Which circuits.
    #[command(flatten)]
    pub circuits: CircuitArgs,

    /// Taken for old command lines: heavy-proof and light-proof are --kinds heavy and light
    #[arg(long, value_name = "KEY")]
    pub task_bus_routing_key: Option<String>,

    /// Taken for old command lines: only amqp makes sense for a worker
    #[arg(short, long, value_name = "RUNTIME", value_enum, default_value_t = RuntimeKind::Amqp)]
    pub runtime: RuntimeKind,

    /// Taken for old command lines: what passes between leader and workers has one form
    #[arg(short, long, value_name = "FORM", value_enum, default_value_t = Serializer::Postcard)]
    pub serializer: Serializer,
}

/// What a worker proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kinds {
    /// Everything.
    All,
    /// Segments: hours of CPU and tens of gigabytes.
    Heavy,
    /// Aggregations and blocks: seconds.
    Light,
}

impl Kinds {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Heavy => "heavy",
            Self::Light => "light",
        }
    }
}

/// Works until told to end.
///
/// # Errors
/// The leader does not want this worker, or something cannot be set up.
pub fn run(args: &WorkerArgs, console: Console) -> Result<()> {
    if args.runtime == RuntimeKind::InMemory {
        return Err(Usage(
            "a worker works for a leader at a broker: with --runtime in-memory the leader proves by itself".into(),
        )
        .into());
    }
    let (_, link) = link(args.amqp_uri.as_deref())?;
    args.circuits.config()?;
    kinds(args)?;
    let runtime = crate::runtime()?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let _entered = runtime.enter();
    let _telemetry = telemetry::init(&telemetry::Options::from_env("evm-worker")?)?;
    args.circuits.warning().into_iter().for_each(|warning| console.note(format!("worker: {warning}")));
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        serve(link, args, "RabbitMQ", shutdown, console).await
    })
}

/// Works at a broker, with its own HTTP.
async fn serve<L: Link>(link: L, args: &WorkerArgs, from: &str, shutdown: Shutdown, console: Console) -> Result<()> {
    let own = SocketAddr::from((args.bind, args.port));
    may_listen(own, false, args.insecure_plaintext).map_err(|error| Usage(error.to_string()))?;
    let config = HttpConfig { bind: own, ..HttpConfig::default() };
    let listener = tokio::net::TcpListener::bind(own).await.with_context(|| {
        format!("the worker's own HTTP cannot listen on {own}: choose another --port (PORT), or 0 for any")
    })?;
    console.note(format!("worker: its own HTTP is on http://{}", listener.local_addr()?));
    let prover = ProverChild::spawn(child(args)?, Counters::new(args.starts_log.as_deref())?);
    let router = worker::http::router(&config, prover.clone(), Arc::new(Nothing), Arc::new(Nothing));
    let http = tokio::spawn(async move { axum::serve(listener, router).await });

    let name = args.name.clone().unwrap_or_else(machine::usual_name);
    console.note(format!("worker {name}: {} from {from}; loading its circuits", kinds(args)?.name()));
    let ready = tokio::spawn(say_ready(prover.clone(), name.clone(), console));
    let mut run = RunConfig::new(name.clone(), env!("CARGO_PKG_VERSION"), memory(args)?);
    run.drain_grace = Duration::from_secs(args.grace);
    run.reconnect_grace = Duration::from_secs(args.reconnect_grace);
    let ended = work(link, prover, run, shutdown).await;
    ready.abort();
    http.abort();
    ended?;
    console.note(format!("worker {name}: ended"));
    Ok(())
}

/// Says when the circuits are there, and why they are not.
async fn say_ready(prover: ProverChild, name: String, console: Console) {
    let mut state = prover.watch();
    loop {
        let said = state.borrow_and_update().clone();
        match said {
            State::Ready(_) => return console.note(format!("worker {name}: ready")),
            State::Down(reason) => console.note(format!("worker {name}: not ready: {reason}")),
            State::Starting => {}
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn kinds(args: &WorkerArgs) -> Result<Kinds, Usage> {
    match args.task_bus_routing_key.as_deref() {
        None | Some("default" | "task-ipc-routing-key") => Ok(args.kinds),
        Some("heavy-proof") => Ok(Kinds::Heavy),
        Some("light-proof") => Ok(Kinds::Light),
        Some(other) => Err(Usage(format!(
            "--task-bus-routing-key is heavy-proof or light-proof, not {other:?}: here --kinds says what a worker proves"
        ))),
    }
}

/// How its child is started and kept.
fn child(args: &WorkerArgs) -> Result<ChildConfig> {
    let mut config = child_config(kinds(args)?, &args.circuits)?;
    config.memory_limit = args.memory_limit.map(mib);
    config.recycle_after = args.recycle_after.map(|count| count.max(1));
    Ok(config)
}

/// A prover child of these kinds and circuits.
///
/// # Errors
/// The program's own path is not known, or the circuits make no sense.
pub fn child_config(kinds: Kinds, circuits: &CircuitArgs) -> Result<ChildConfig> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let mut words: Vec<OsString> = vec!["prover-child".into(), "--kinds".into(), kinds.name().into()];
    words.extend(circuits.words()?);
    let mut child = ChildConfig::new(program, words);
    child.env.push(("RUST_MIN_STACK".into(), PROVING_STACK.to_string().into()));
    // Circuits of a large configuration take longer than an hour to build on a small machine.
    child.ready_within = Duration::from_secs(6 * 3600);
    Ok(child)
}

fn mib(mib: u64) -> u64 {
    mib.saturating_mul(1 << 20)
}

fn memory(args: &WorkerArgs) -> Result<u64> {
    match args.memory_mib {
        Some(said) => Ok(mib(said)),
        None => machine::memory().context("the machine's memory is not known: use --memory-mib"),
    }
}

/// A worker of blocks shows no keys and takes no requests but its leader's.
struct Nothing;

impl Keys for Nothing {
    fn kinds(&self) -> Vec<Kind> {
        Vec::new()
    }

    fn key(&self, _: &Kind) -> Option<Bytes> {
        None
    }
}

impl Direct for Nothing {
    fn decode(&self, _: Bytes) -> Result<Request, String> {
        Err("a worker of Ethereum blocks takes its tasks from a leader: call leader stdio".to_owned())
    }
}
