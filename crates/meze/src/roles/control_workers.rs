//! `meze add-workers` and `meze remove-workers`: the workers of a proxy on this machine.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use terminal::{Console, Usage};

use super::runtime;
use crate::connection::plain_http;

/// What is to be done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Add them.
    Add,
    /// Take them off: each ends what it has.
    Remove,
}

/// Change the workers of a running proxy on this machine
///
/// A worker that is removed ends the proof that it has, and gets no other. One that is added twice is there once, and
/// removing one that is not there is no error.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    meze add-workers --control-port 8083 127.0.0.1:8085 prover-2.example:50051\n  \
    meze remove-worker 127.0.0.1:8085")]
pub struct ControlArgs {
    /// The proxy's control port
    #[arg(long, env = "MPS_CONTROL_PORT", value_name = "PORT", default_value_t = 8083)]
    pub control_port: u16,

    /// The workers, each host:port
    #[arg(value_name = "WORKER", value_delimiter = ',')]
    pub named: Vec<String>,

    /// The workers, with commas between
    #[arg(long, env = "MPS_WORKERS", value_name = "WORKER,…", value_delimiter = ',', hide = true)]
    pub workers: Vec<String>,
}

/// Tells the proxy, and prints how many workers it has then.
///
/// # Errors
/// No proxy is there, or it refuses.
pub fn run(args: &ControlArgs, action: Action, console: Console) -> Result<()> {
    let workers = if args.named.is_empty() { &args.workers } else { &args.named };
    if workers.is_empty() {
        return Err(Usage("name at least one worker, as host:port".to_owned()).into());
    }
    let (verb, word) = match action {
        Action::Add => ("Add", "Adding"),
        Action::Remove => ("Remove", "Removing"),
    };
    console.note(format!("{word} workers: {}", workers.join(", ")));
    let count = runtime(1)?.block_on(tell(args.control_port, verb, workers))?;
    console.say(format!("New number of workers: {count}"));
    console.object(&json!({ "ok": true, "workers": count }));
    Ok(())
}

async fn tell(port: u16, verb: &str, workers: &[String]) -> Result<u64> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut query = vec![("action".to_owned(), verb.to_owned()), ("control_port".to_owned(), port.to_string())];
    query.extend((0..).zip(workers).map(|(place, worker): (usize, _)| (format!("workers[{place}]"), worker.clone())));
    let client = plain_http()?;
    let answer = client.get(format!("http://{at}/")).query(&query).send().await;
    let answer = answer.with_context(|| format!("no proxy answers on {at}: is this its --control-port?"))?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    if !answer.status().is_success() {
        bail!("the proxy refuses: {}", header("x-error-message").unwrap_or(answer.status().as_str()));
    }
    let count = header("x-worker-count").and_then(|count| count.parse().ok());
    count.context("the proxy's answer has no X-Worker-Count: is this its --control-port?")
}
