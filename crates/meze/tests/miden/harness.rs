//! Workers, proxies and clients, each a process of its own, and requests for them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use meze::connection::plain_http;
use miden_wire::client::Worker as Caller;
use miden_wire::kind::ProofKind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::Status;

use crate::process::Process;

/// A start of anything may take so long on a machine with other work.
pub(crate) const START: Duration = Duration::from_secs(40);
/// What has no bound of its own may take so long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// So many different batches are there.
pub(crate) const BATCHES: usize = 64;

/// The program that asks with the network's own client. It is a package of its own in this workspace.
pub(crate) fn client_program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_meze")).with_file_name("miden-test-client");
    assert!(path.exists(), "{} is missing: cargo build -p miden-test-client", path.display());
    path
}

/// The folder with requests, made once for each build of the program that makes them.
fn fixtures() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = client_program();
        let digest = blake3::hash(&std::fs::read(&program).unwrap()).to_hex();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("miden-requests");
        std::fs::create_dir_all(&root).unwrap();
        let folder = root.join(&digest[..16]);
        // Tests are processes of their own: one of them makes the files, the others wait.
        let lock = File::create(root.join("lock")).unwrap();
        lock.lock().unwrap();
        if !folder.exists() {
            let making = root.join("making");
            let _ = std::fs::remove_dir_all(&making);
            let batches = BATCHES.to_string();
            let words = ["fixtures", "--transactions", "6", "--prove", "--batches", &batches, "--output"];
            let made = Command::new(&program).args(words).arg(&making).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            std::fs::rename(&making, &folder).unwrap();
        }
        folder
    })
}

/// A request's file.
pub(crate) fn request(name: &str) -> PathBuf {
    fixtures().join(format!("{name}.bin"))
}

/// A request's bytes.
pub(crate) fn bytes(name: &str) -> Bytes {
    std::fs::read(request(name)).unwrap().into()
}

/// The place of one test.
pub(crate) struct House {
    folder: TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("meze-miden-").tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// `meze` with these words, its log in a file of its name.
    pub(crate) fn meze(&self, name: &str, words: &[&str], environment: &[(&str, &str)]) -> Process {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let log = self.path(&format!("{name}.log"));
        Process::start(name, &words, environment, self.root(), log)
    }

    /// A worker of this kind, which is ready.
    pub(crate) fn worker(&self, name: &str, kind: &str, more: &[&str]) -> Worker {
        let worker = self.worker_at(name, kind, 0, more);
        worker.wait_ready();
        worker
    }

    /// A worker on this port, which may not be ready yet.
    pub(crate) fn worker_at(&self, name: &str, kind: &str, port: u16, more: &[&str]) -> Worker {
        let (starts, port) = (self.path(&format!("{name}.starts")), port.to_string());
        let fixed = [
            "start-worker",
            "--localhost",
            "--prover-type",
            kind,
            "--port",
            &port,
            "--starts-log",
            starts.to_str().unwrap(),
        ];
        let mut process = self.meze(name, &[&fixed, more].concat(), &[]);
        let said = process.wait_said(&format!("worker: {kind} proofs of Miden "), START);
        let address = said.rsplit(' ').next().unwrap().to_owned();
        Worker { process, address, starts }
    }

    /// A proxy in front of these workers, all of which are healthy.
    pub(crate) fn proxy(&self, name: &str, kind: &str, workers: &[&Worker], more: &[&str]) -> Proxy {
        let addresses: Vec<&str> = workers.iter().map(|worker| worker.address.as_str()).collect();
        let proxy = self.proxy_over(name, kind, &addresses, more);
        proxy.wait_healthy(workers.len());
        proxy
    }

    /// A proxy in front of these addresses.
    pub(crate) fn proxy_over(&self, name: &str, kind: &str, workers: &[&str], more: &[&str]) -> Proxy {
        let fixed = ["start-proxy", "--localhost", "--prover-type", kind, "--max-req-per-sec", "0"];
        let given = |flag: &&str| more.contains(flag);
        let ports = ["--port", "--control-port", "--status-port", "--metrics-port"];
        let free: Vec<&str> = ports.iter().filter(|flag| !given(flag)).flat_map(|flag| [*flag, "0"]).collect();
        let rate = if given(&"--max-req-per-sec") { 4 } else { 6 };
        let words = [&fixed[..rate], &free, more, workers].concat();
        let mut process = self.meze(name, &words, &[]);
        let said = process.wait_said(&format!("proxy for {kind} proofs: "), START);
        let of = |door: &str| {
            let part = said.split(", ").find_map(|part| part.strip_prefix(&format!("{door} on ")));
            part.unwrap_or_default().to_owned()
        };
        Proxy { url: of("proxy"), control: of("control"), status: of("status"), metrics: of("metrics"), process }
    }
}

/// A worker.
pub(crate) struct Worker {
    pub(crate) process: Process,
    pub(crate) address: String,
    starts: PathBuf,
}

impl Worker {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn caller(&self) -> Caller {
        caller(&self.address)
    }

    /// The tasks that its prover was given so far.
    pub(crate) fn starts(&self) -> usize {
        std::fs::read_to_string(&self.starts).map_or(0, |text| text.lines().count())
    }

    fn wait_ready(&self) {
        until("the worker is ready", START, || {
            block_on(self.caller().status(Duration::from_secs(1))).is_ok_and(|status| status.ready)
        });
    }

    /// Stops its prover, so that whatever it proves takes as long as is wanted.
    pub(crate) fn freeze_child(&self) {
        self.signal_child(Signal::SIGSTOP);
    }

    pub(crate) fn thaw_child(&self) {
        self.signal_child(Signal::SIGCONT);
    }

    fn signal_child(&self, signal: Signal) {
        for child in self.process.children() {
            kill(Pid::from_raw(child as i32), signal).unwrap();
        }
    }
}

/// A proxy.
pub(crate) struct Proxy {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) control: String,
    pub(crate) status: String,
    pub(crate) metrics: String,
}

impl Proxy {
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn caller(&self) -> Caller {
        caller(self.address())
    }

    /// Its status page.
    pub(crate) fn page(&self) -> Value {
        let url = format!("{}/status", self.status);
        block_on(async { plain_http().unwrap().get(url).send().await.unwrap().json().await.unwrap() })
    }

    pub(crate) fn healthy(&self) -> usize {
        let page = self.page();
        page["workers"].as_array().unwrap().iter().filter(|worker| worker["status"] == "Healthy").count()
    }

    pub(crate) fn wait_healthy(&self, count: usize) {
        until(&format!("{count} workers are healthy"), START, || self.healthy() == count);
    }

    /// How many requests wait, and how many run.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let page = self.page();
        (page["waiting"].as_u64().unwrap(), page["running"].as_u64().unwrap())
    }

    /// A number of its metrics page; 0 where it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text =
            block_on(async { plain_http().unwrap().get(&self.metrics).send().await.unwrap().text().await.unwrap() });
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |number| number.parse().unwrap())
    }
}

fn caller(address: &str) -> Caller {
    // Its connection lives there, whoever uses it.
    let _in = runtime().enter();
    Caller::new(address, Duration::from_secs(5), Duration::from_secs(60), 32 << 20).unwrap()
}

/// One proof over a connection of its own.
pub(crate) async fn prove(address: &str, kind: ProofKind, payload: Bytes) -> Result<Bytes, Status> {
    caller(address).prove(kind, payload, None).await
}

/// What the network's own client says: one line of JSON.
pub(crate) fn ask(endpoint: &str, kind: &str, request_name: &str, more: &[&str]) -> Value {
    let file = request(request_name);
    let words = ["prove", "--endpoint", endpoint, "--kind", kind, "--input", file.to_str().unwrap()];
    let said = Command::new(client_program()).args(words).args(more).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    let line = text.lines().next_back().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&said.stderr)));
    serde_json::from_str(line).unwrap()
}

/// Waits for something.
pub(crate) fn until(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// For everything of a test that is no task of the test's own runtime.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap())
}

/// Runs a future to its end, wherever this is called.
pub(crate) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(future)).join().unwrap())
}
