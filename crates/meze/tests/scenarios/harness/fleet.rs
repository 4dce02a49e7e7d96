//! A folder, and the dispatchers and workers in it.

use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde::Deserialize;
use tempfile::TempDir;
use transport::ask::AskClient;
use transport::http::HttpSettings;

use super::process::Process;

/// A start of anything may take so long on a machine with other work.
pub(crate) const START: Duration = Duration::from_secs(60);
/// What has no bound of its own may take so long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Ports that this process has taken.
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port on which nothing listens, below those that Linux gives away, so that it is still free after the dispatcher
/// on it was killed. Tests that run at the same time, each in its own process, begin to look at different places.
fn free_port() -> u16 {
    loop {
        let offset = (std::process::id() % 160) as u16 * 100 + TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = 15_000 + offset % 16_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The place of one scenario.
pub(crate) struct Fleet {
    folder: TempDir,
}

/// One start of a proof, as a worker wrote it down.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Start {
    pub(crate) task: String,
    pub(crate) token: u64,
    pub(crate) pid: u32,
    pub(crate) unix_ms: u64,
    #[serde(skip)]
    pub(crate) worker: String,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("meze-scenario-").tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A dispatcher for sleepers, with its data in a folder of its name.
    pub(crate) fn dispatcher(&self, name: &str, arguments: &[&str]) -> Dispatcher {
        let mut dispatcher = self.dispatcher_unheard(name, name, arguments);
        dispatcher.wait_listening();
        dispatcher
    }

    /// The same over the data of `data`, without waiting until it listens.
    pub(crate) fn dispatcher_unheard(&self, name: &str, data: &str, arguments: &[&str]) -> Dispatcher {
        let arguments: Vec<&str> = ["--sleepers"].iter().chain(arguments).copied().collect();
        self.dispatcher_over(name, data, &arguments)
    }

    /// A dispatcher for what the arguments say.
    pub(crate) fn dispatcher_of(&self, arguments: &[&str]) -> Dispatcher {
        let mut dispatcher = self.dispatcher_over("dispatcher", "dispatcher", arguments);
        dispatcher.wait_listening();
        dispatcher
    }

    fn dispatcher_over(&self, name: &str, data: &str, arguments: &[&str]) -> Dispatcher {
        let (address, data) = (format!("127.0.0.1:{}", free_port()), self.path(data));
        let place = ["dispatcher", "--listen", &address, "--data-dir", data.to_str().unwrap()];
        let place: Vec<String> = place.map(str::to_owned).to_vec();
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let log = self.path(&format!("{name}.log"));
        let all = [&place[..], &arguments].concat();
        let process = Process::start(name, &all, &[], self.folder.path(), log.clone());
        Dispatcher { process, place, arguments, data, url: format!("http://{address}"), log }
    }

    /// A worker of sleepers, which is ready.
    pub(crate) fn worker(&self, name: &str, dispatcher: &Dispatcher, arguments: &[&str]) -> Worker {
        let mut worker = self.worker_at(name, &dispatcher.url, &dispatcher.token("work"), arguments);
        worker.wait_ready();
        worker
    }

    /// A worker that asks at `url`. It shares no path with its dispatcher: its token is in a file of its own.
    pub(crate) fn worker_at(&self, name: &str, url: &str, token: &str, arguments: &[&str]) -> Worker {
        let home = self.path(&format!("home-{name}"));
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("token");
        let _ = std::fs::remove_file(&file);
        let mut options = std::fs::File::options();
        let mut file_of_token = options.write(true).create_new(true).mode(0o600).open(&file).unwrap();
        std::io::Write::write_all(&mut file_of_token, format!("work {token}\n").as_bytes()).unwrap();
        let starts = self.path(&format!("{name}.starts"));
        let fixed = [
            "worker",
            "--job-server-url",
            url,
            "--token-file",
            file.to_str().unwrap(),
            "--name",
            name,
            "--starts-log",
            starts.to_str().unwrap(),
        ];
        let mut all: Vec<String> = fixed.iter().chain(arguments).map(|word| (*word).to_owned()).collect();
        for (flag, value) in [("--kinds", "test.sleep"), ("--memory", "1024"), ("--port", "0")] {
            if !arguments.contains(&flag) {
                all.extend([flag.to_owned(), value.to_owned()]);
            }
        }
        let log = self.path(&format!("{name}.log"));
        let process = Process::start(name, &all, &[("DATA_DIR", home.to_str().unwrap())], &home, log);
        Worker { process, url: String::new() }
    }

    /// Every start of a proof on any worker, in the order of time.
    pub(crate) fn starts(&self) -> Vec<Start> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "starts") {
                let worker = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                all.extend(lines.map(|line| Start { worker: worker.clone(), ..serde_json::from_str(line).unwrap() }));
            }
        }
        all.sort_by_key(|start: &Start| (start.unix_ms, start.token));
        all
    }

    /// The starts of one task.
    pub(crate) fn starts_of(&self, task: &proving::id::TaskId) -> Vec<Start> {
        let task = task.to_string();
        self.starts().into_iter().filter(|start| start.task == task).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned();
                let lines: Vec<&str> = text.lines().collect();
                let end = lines[lines.len().saturating_sub(40)..].join("\n");
                eprintln!("--- the end of {}\n{end}", entry.file_name().display());
            }
        }
    }
}

/// A dispatcher's process, and how to start it again.
pub(crate) struct Dispatcher {
    pub(crate) process: Process,
    place: Vec<String>,
    arguments: Vec<String>,
    pub(crate) data: PathBuf,
    pub(crate) url: String,
    log: PathBuf,
}

impl Dispatcher {
    pub(crate) fn wait_listening(&mut self) {
        self.process.wait_said("dispatcher: listening on ", START);
    }

    /// Starts it again at the same place over the same data, after it was killed; it listens when this returns.
    pub(crate) fn start_again(&mut self) {
        let all = [&self.place[..], &self.arguments].concat();
        // What it said before its end is no sign of life.
        std::fs::rename(&self.log, self.log.with_extension(format!("{}.log", self.process.pid))).unwrap();
        let folder = self.data.parent().unwrap();
        self.process = Process::start(&self.process.name, &all, &[], folder, self.log.clone());
        self.wait_listening();
    }

    /// The same with other arguments.
    pub(crate) fn start_again_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        self.start_again();
    }

    /// The token of a scope.
    pub(crate) fn token(&self, scope: &str) -> String {
        token(&self.data, scope)
    }

    /// The way of an asker.
    pub(crate) fn asker(&self) -> AskClient {
        AskClient::new(&self.url, &self.token("ask"), HttpSettings::default()).unwrap()
    }

    /// The way of an operator.
    pub(crate) fn admin(&self) -> AskClient {
        AskClient::new(&self.url, &self.token("admin"), HttpSettings::default()).unwrap()
    }

    /// Where it is, as in `127.0.0.1:20001`.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }
}

fn token(data: &Path, scope: &str) -> String {
    let text = std::fs::read_to_string(data.join("tokens")).unwrap();
    let of_scope = |line: &str| line.strip_prefix(scope).map(|rest| rest.trim().to_owned());
    text.lines().find_map(of_scope).unwrap()
}

/// A worker's process.
pub(crate) struct Worker {
    pub(crate) process: Process,
    /// Of its own HTTP; empty before it is ready.
    pub(crate) url: String,
}

impl Worker {
    /// Waits until its child can prove.
    pub(crate) fn wait_ready(&mut self) {
        self.url = self.process.wait_said("its own HTTP is on ", START);
        let address = self.url.strip_prefix("http://").unwrap().to_owned();
        let start = Instant::now();
        while super::raw::get(&address, "/ready").status != 200 {
            assert!(start.elapsed() < START, "{} is not ready:\n{}", self.process.name, self.process.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its prover child.
    pub(crate) fn child(&self) -> u32 {
        let children = self.process.children();
        assert_eq!(children.len(), 1, "{} has one child", self.process.name);
        children[0]
    }

    pub(crate) fn freeze(&mut self) {
        self.process.signal(Signal::SIGSTOP);
    }

    pub(crate) fn wake(&mut self) {
        self.process.signal(Signal::SIGCONT);
    }

    pub(crate) fn terminate(&mut self) {
        self.process.signal(Signal::SIGTERM);
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Waits until `look` gives something.
pub(crate) async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Prints a measured time, for the table.
pub(crate) fn measured(what: &str, ms: impl std::fmt::Display, bound: &str) {
    println!("measured: {what}: {ms} ms ({bound})");
}
