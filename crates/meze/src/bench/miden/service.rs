//! A worker or a proxy of either make, and what both are asked for.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use miden_wire::client::Worker as Caller;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::connection::plain_http;

/// Whose service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// The one that is replaced.
    Peer,
    /// Ours.
    Meze,
}

impl Make {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Peer => "0.9.4",
            Self::Meze => "meze",
        }
    }
}

/// Starts services of one make.
pub(super) struct Maker {
    pub(super) make: Make,
    program: PathBuf,
    pub(super) client: PathBuf,
    requests: PathBuf,
    folder: PathBuf,
}

/// A running one, killed with its value.
pub(super) struct Service {
    child: Child,
    pub(super) address: String,
    make: Make,
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that is stopped dies too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// A connection of its own.
    pub(super) fn caller(&self) -> Result<Caller> {
        Ok(Caller::new(&self.address, Duration::from_secs(5), Duration::from_secs(60), 32 << 20)?)
    }

    /// Whether it speaks the old line's words only.
    pub(super) fn is_old(&self) -> bool {
        self.make == Make::Peer
    }

    /// CPU that it and the prover under it used so far, in seconds.
    pub(super) fn cpu_of_all(&self) -> Result<f64> {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id()))?;
        let under: Result<f64> = children.split_whitespace().map(|pid| cpu_seconds(pid.parse()?)).sum();
        Ok(self.cpu_seconds()? + under?)
    }

    /// CPU that it used so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.child.id())
    }
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.get(11).zip(fields.get(12)).map_or(Ok(0), |(user, system)| {
        Ok::<u64, std::num::ParseIntError>(user.parse::<u64>()? + system.parse::<u64>()?)
    })?;
    // The kernel counts in hundredths for whoever asks like this.
    Ok(ticks as f64 / 100.0)
}

impl Maker {
    /// Has the requests made that this make understands: transactions, batches, and blocks.
    pub(super) fn new(make: Make, program: PathBuf, client: PathBuf, folder: &Path) -> Result<Self> {
        let requests = folder.join(make.name());
        let words = ["fixtures", "--prove", "--transactions", "6", "--batches"];
        let batches = if make == Make::Meze { "64" } else { "2" };
        let made = Command::new(&client).args(words).arg(batches).arg("--output").arg(&requests).output();
        let made = made.with_context(|| format!("{} cannot be run", client.display()))?;
        ensure!(made.status.success(), "{}: {}", client.display(), String::from_utf8_lossy(&made.stderr));
        Ok(Self { make, program, client, requests, folder: folder.to_owned() })
    }

    pub(super) fn request(&self, name: &str) -> PathBuf {
        self.requests.join(format!("{name}.bin"))
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Bytes> {
        let path = self.request(name);
        Ok(std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?.into())
    }

    /// Different requests for batches, as many as there are.
    pub(super) fn batches(&self) -> Result<Vec<Bytes>> {
        let names = (0..64).map(|number| format!("batch-{number}"));
        names.filter(|name| self.request(name).exists()).map(|name| self.bytes(&name)).collect()
    }

    fn start(&self, words: &[&str]) -> Result<Child> {
        let log = self.folder.join(format!("{}.log", self.make.name()));
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(&self.program);
        command.args(words).env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))
    }

    /// A worker that answers.
    pub(super) async fn worker(&self, kind: &str) -> Result<Service> {
        let port = free_port()?;
        let words = ["start-worker", "--localhost", "--port", &port.to_string(), "--prover-type", kind];
        let worker = Service { child: self.start(&words)?, address: format!("127.0.0.1:{port}"), make: self.make };
        let caller = worker.caller()?;
        let begun = Instant::now();
        loop {
            if let Ok(status) = caller.status(Duration::from_secs(1)).await
                && (status.ready || self.make == Make::Peer)
            {
                return Ok(worker);
            }
            if begun.elapsed() > Duration::from_secs(60) {
                bail!("a worker of {} does not get ready", self.make.name());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A proxy in front of these workers, which it has found to be healthy.
    pub(super) async fn proxy(&self, kind: &str, workers: &[&Service], more: &[&str]) -> Result<Service> {
        let ports = [free_port()?, free_port()?, free_port()?].map(|port| port.to_string());
        let [port, control, status] = &ports;
        let rate = if self.make == Make::Peer { "1000000" } else { "0" };
        let fixed = [
            "start-proxy",
            "--prover-type",
            kind,
            "--port",
            port,
            "--control-port",
            control,
            "--status-port",
            status,
            "--max-queue-items",
            "64",
            "--max-req-per-sec",
            rate,
            "--health-check-interval-secs",
            "1",
        ];
        let ours: &[&str] = if self.make == Make::Meze { &["--localhost", "--keep-results", "0"] } else { &[] };
        let addresses: Vec<&str> = workers.iter().map(|worker| worker.address.as_str()).collect();
        let words = [&fixed[..], ours, more, &addresses].concat();
        let proxy = Service { child: self.start(&words)?, address: format!("127.0.0.1:{port}"), make: self.make };
        let page = format!("http://127.0.0.1:{status}/status");
        let begun = Instant::now();
        loop {
            let healthy = async {
                let page: serde_json::Value = plain_http()?.get(&page).send().await?.json().await?;
                let workers = page["workers"].as_array().context("no workers")?.iter();
                Ok::<usize, anyhow::Error>(workers.filter(|worker| worker["status"] == "Healthy").count())
            };
            if healthy.await.is_ok_and(|healthy| healthy == workers.len()) {
                return Ok(proxy);
            }
            if begun.elapsed() > Duration::from_secs(60) {
                bail!("a proxy of {} does not find its workers healthy", self.make.name());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
