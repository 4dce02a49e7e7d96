//! `meze dispatcher`: takes jobs, hands their tasks to workers, checks what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use blobs::{Blobs, SecretKey};
use clap::Args;
use dispatch::config::Config;
use dispatch_store::OpenOptions;
use dispatcher::{Dispatcher, Parts, Running, planes, serve_broker, start};
use proving::id::Owner;
use proving::kind::Kind;
use proving::prover::Verifier;
use terminal::{Console, Usage};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use transport::http::{Auth, Tokens, serve};
use transport::tls::{may_listen, server_config};

use super::{inside, runtime, secrets};
use crate::fleet::keys;
use crate::fleet::provers::verifier;
use crate::fleet::sleep::SleepVerifier;

/// What a dispatcher says before each of its addresses.
const LISTENING: &str = "listening on ";

/// Take jobs, hand their tasks to workers, check what comes back
///
/// The dispatcher's store is the only truth about work: everything is on disk before anybody is told, and a
/// dispatcher that is killed goes on where it was. Proofs count after they are verified with the keys of --keys.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze dispatcher --keys keys\n  \
    meze dispatcher --keys keys --listen 127.0.0.1:8082=rollup.inner --listen 127.0.0.1:8083=rollup.outer,\
rollup.root-verifier\n  \
    meze dispatcher --keys keys --store postgres://meze@db/meze --standby\n\n\
    Without --tokens, the first start writes a file of fresh tokens into the data folder.")]
pub struct DispatcherArgs {
    /// An address for workers and askers, and the kinds that its workers get; several for specialised fleets
    #[arg(long, value_name = "ADDRESS[=KIND,…]", default_value = "127.0.0.1:8082")]
    pub listen: Vec<Listen>,

    /// Where the store, inputs and proofs are kept, if nothing else is said
    #[arg(long, env = "DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,

    /// The store: a SQLite file, postgres://…, or memory: [default: dispatch.sqlite in the data folder]
    #[arg(long, env = "MEZE_STORE", value_name = "URL", hide_env_values = true)]
    pub store: Option<String>,

    /// Where inputs and proofs are kept: a folder, or memory: [default: blobs in the data folder]
    #[arg(long, env = "MEZE_BLOBS", value_name = "URL")]
    pub blobs: Option<String>,

    /// A file of `scope token` lines; scopes are ask, work and admin [default: tokens in the data folder]
    #[arg(long, env = "MEZE_TOKENS_FILE", value_name = "FILE")]
    pub tokens: Option<PathBuf>,

    /// Verification keys: files, or folders of .vk files (`meze keys export` writes them)
    #[arg(long, value_name = "PATH")]
    pub keys: Vec<PathBuf>,

    /// Kinds whose proofs nobody here can check: their workers are trusted
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "rollup.verification-key")]
    pub trust: Vec<Kind>,

    /// Where another dispatcher holds the store: wait until it is gone, and take over
    #[arg(long)]
    pub standby: bool,

    /// Also hand tasks out through RabbitMQ
    #[arg(long, env = "MEZE_AMQP_URL", value_name = "URL", hide_env_values = true)]
    pub amqp_url: Option<String>,

    /// The share of an owner, as OWNER=NUMBER; others have 1
    #[arg(long, value_name = "OWNER=WEIGHT", value_parser = weight)]
    pub weight: Vec<(Owner, u32)>,

    /// What a CPU-hour costs; then jobs and metrics show a cost
    #[arg(long, value_name = "PRICE")]
    pub price: Option<f64>,

    /// The largest input or proof, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub max_blob: u64,

    /// How long a worker may be silent about a task before it goes to another, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 8000)]
    pub lease: u64,

    /// A certificate chain (PEM): then it speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Speak plain text on an address that others can reach
    #[arg(long)]
    pub insecure_plaintext: bool,

    /// Take the sleepers of tests and benchmarks; their proofs are mocks
    #[arg(long, hide = true)]
    pub sleepers: bool,
}

/// An address, and the kinds that workers get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// Which; all where `None`.
    pub kinds: Option<BTreeSet<Kind>>,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, kinds) = text.split_once('=').map_or((text, None), |(address, kinds)| (address, Some(kinds)));
        let address = address.parse().map_err(|_| format!("{address:?} is no address such as 127.0.0.1:8082"))?;
        let kinds = kinds.map(|kinds| kinds.split(',').map(|kind| kind.trim().parse::<Kind>()).collect());
        Ok(Self { address, kinds: kinds.transpose().map_err(|error: proving::kind::KindError| error.to_string())? })
    }
}

fn weight(text: &str) -> Result<(Owner, u32), String> {
    let wrong = || format!("{text:?} is not OWNER=WEIGHT with a weight of at least 1");
    let (owner, weight) = text.split_once('=').ok_or_else(wrong)?;
    let weight = weight.parse().ok().filter(|weight| *weight > 0).ok_or_else(wrong)?;
    Ok((owner.parse().map_err(|_| wrong())?, weight))
}

/// Runs until told to end, or until the store belongs to another one.
///
/// # Errors
/// It cannot be set up, or the store was taken over.
pub fn run(args: &DispatcherArgs, console: Console) -> Result<()> {
    super::more_files();
    let runtime = runtime(2)?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let _entered = runtime.enter();
    let _telemetry = telemetry::init(&telemetry::Options::from_env("dispatcher")?)?;
    runtime.block_on(serve_all(args, console))
}

async fn serve_all(args: &DispatcherArgs, console: Console) -> Result<()> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(server_config(certificate, key)?),
        _ => None,
    };
    for listen in &args.listen {
        let allowed = may_listen(listen.address, tls.is_some(), args.insecure_plaintext);
        allowed.map_err(|error| Usage(error.to_string()))?;
    }
    let (Running { dispatcher, mut ended }, auth) = begin(args, console).await?;
    let stop = CancellationToken::new();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut servers = Vec::new();
    for listen in &args.listen {
        let socket = TcpListener::bind(listen.address)
            .await
            .with_context(|| format!("the dispatcher cannot listen on {}: choose another --listen", listen.address))?;
        console.say(format!("dispatcher: {LISTENING}{scheme}://{}", socket.local_addr()?));
        let routes = planes(&dispatcher, &auth, listen.kinds.clone());
        servers.push(tokio::spawn(serve(socket, tls.clone(), routes, stop.clone().cancelled_owned())));
    }

    if let Some(url) = &args.amqp_url {
        let (dispatcher, url, stop) = (dispatcher.clone(), url.clone(), stop.clone());
        servers.push(tokio::spawn(async move {
            let served = serve_broker(dispatcher, &url, stop.cancelled()).await;
            served.map_err(std::io::Error::other)
        }));
    }

    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = &mut ended => outcome?,
        _ = terminate.recv() => finish(&dispatcher, ended).await?,
        _ = tokio::signal::ctrl_c() => finish(&dispatcher, ended).await?,
    };
    stop.cancel();
    servers.iter().for_each(tokio::task::JoinHandle::abort);
    outcome?;
    console.note("dispatcher: ended");
    Ok(())
}

/// Starts the dispatcher that these settings say, and its door; it listens nowhere yet.
///
/// # Errors
/// It cannot be set up.
pub async fn begin(args: &DispatcherArgs, console: Console) -> Result<(Running, Auth)> {
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("the data folder {} cannot be made", args.data_dir.display()))?;
    let tokens = tokens(args, console)?;
    let running = start(parts(args).await?).await?;
    let counting = running.dispatcher.clone();
    Ok((running, Auth::new(tokens, move |scope, refusal| counting.token_refused(scope, refusal))))
}

type Ended = tokio::task::JoinHandle<Result<(), dispatcher::DispatcherError>>;

async fn finish(dispatcher: &Dispatcher, ended: Ended) -> Result<Result<(), dispatcher::DispatcherError>> {
    dispatcher.end();
    Ok(ended.await?)
}

async fn parts(args: &DispatcherArgs) -> Result<Parts> {
    let mut verifiers: Vec<Arc<dyn Verifier>> = Vec::new();
    for path in &args.keys {
        verifiers.extend(keys::load(path)?.into_iter().map(verifier));
    }
    if args.sleepers {
        verifiers.push(Arc::new(SleepVerifier));
    }
    let mut kinds: BTreeSet<Kind> = verifiers.iter().map(|verifier| verifier.kind()).collect();
    kinds.extend(args.trust.iter().cloned());
    let config = Config {
        lease_ms: args.lease.max(1000),
        weights: args.weight.iter().cloned().collect::<BTreeMap<_, _>>(),
        kinds,
        ..Config::default()
    };
    let store = match &args.store {
        Some(store) => store.clone(),
        None => inside(&args.data_dir, "dispatch.sqlite")?,
    };
    let store = dispatch_store::open(&store, OpenOptions::default().standby(args.standby)).await?;
    let limit = args.max_blob.saturating_mul(1 << 20);
    let max_blob_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Parts {
        config,
        store,
        blobs: blobs(args, limit).await?,
        verifiers,
        max_blob_bytes,
        price: args.price,
        sweep: Default::default(),
        observer: Box::new(()),
    })
}

async fn blobs(args: &DispatcherArgs, limit: u64) -> Result<Arc<Blobs>> {
    let place = match &args.blobs {
        Some(place) => place.clone(),
        None => inside(&args.data_dir, "blobs")?,
    };
    let key = SecretKey::load_or_create(args.data_dir.join("secret.key"))?;
    Ok(Arc::new(Blobs::open(&place, key).await?.with_limit(limit)))
}

fn tokens(args: &DispatcherArgs, console: Console) -> Result<Tokens> {
    if let Some(path) = &args.tokens {
        return Ok(Tokens::from_file(path)?);
    }
    if let Ok(text) = std::env::var("MEZE_TOKENS") {
        return Ok(Tokens::from_text(&text)?);
    }
    let path = args.data_dir.join("tokens");
    if !path.exists() {
        secrets::write_fresh(&path)?;
        console.note(format!("dispatcher: fresh tokens for askers, workers and admins are in {}", path.display()));
    }
    Ok(Tokens::from_file(&path)?)
}

/// The first address that a dispatcher says on its stdout that it listens on; `None` where it ends before.
///
/// # Errors
/// The pipe's own.
pub fn address(child: &mut Child) -> Result<Option<String>> {
    let stdout = child.stdout.take().context("its stdout is not piped")?;
    for line in BufReader::new(stdout).lines() {
        if let Some((_, url)) = line?.split_once(LISTENING) {
            return Ok(Some(url.to_owned()));
        }
    }
    Ok(None)
}
