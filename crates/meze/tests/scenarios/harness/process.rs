//! A process of ours: what it prints goes to a file, signals go to it alone, and it ends with its value, or with
//! the test if that is killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Settings of the environment that a test must not inherit.
const FOREIGN: [&str; 16] = [
    "JOB_SERVER_URL",
    "DATA_DIR",
    "PORT",
    "API_PREFIX",
    "PERSIST",
    "PROVERLESS",
    "LAZY_INIT",
    "MAX_CIRCUIT_SIZE",
    "NUM_INNER_ROLLUP_TXS",
    "NUM_OUTER_ROLLUP_PROOFS",
    "MEZE_STORE",
    "MEZE_BLOBS",
    "MEZE_TOKENS",
    "MEZE_TOKENS_FILE",
    "MEZE_AMQP_URL",
    "MEZE_KINDS",
];

/// And those whose names begin so.
const FOREIGN_FAMILIES: [&str; 2] = ["MPS_", "MRP_"];

/// A running `meze`, or another program.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: u32,
    log: PathBuf,
    /// The mutex, never contended, lets a process be shared.
    ended: Mutex<mpsc::Receiver<ExitStatus>>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `meze` with these arguments in `folder`; both its outputs are added to `log`.
    pub(crate) fn start(
        name: &str,
        arguments: &[String],
        environment: &[(&str, &str)],
        folder: &Path,
        log: PathBuf,
    ) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_meze")), name, arguments, environment, folder, log)
    }

    /// The same of any program.
    pub(crate) fn start_program(
        program: &Path,
        name: &str,
        arguments: &[String],
        environment: &[(&str, &str)],
        folder: &Path,
        log: PathBuf,
    ) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        FOREIGN.iter().for_each(|name| {
            command.env_remove(name);
        });
        let all = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        all.filter(|name| FOREIGN_FAMILIES.iter().any(|family| name.starts_with(family))).for_each(|name| {
            command.env_remove(name);
        });
        command.envs(environment.iter().copied()).current_dir(folder);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        // The kernel ends the process with the thread that started it, so that thread does nothing but wait.
        let (started, start) = mpsc::channel();
        let (over, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut child = command.spawn().expect("setpriv of util-linux is needed");
            started.send(child.id()).unwrap();
            let status = child.wait().unwrap();
            // The test may be over.
            let _ = over.send(status);
        });
        Self { name: name.to_owned(), pid: start.recv().unwrap(), log, ended: ended.into(), status: None }
    }

    /// Sends a signal to it alone.
    pub(crate) fn signal(&mut self, signal: Signal) {
        assert!(self.poll_end(Duration::ZERO).is_none(), "{} has ended already:\n{}", self.name, self.log());
        kill(Pid::from_raw(self.pid as i32), signal).unwrap();
    }

    /// SIGKILL; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        assert!(self.poll_end(Duration::from_secs(20)).is_some(), "{} does not die", self.name);
    }

    /// The exit code, waited for; `None` after a signal.
    pub(crate) fn wait_end(&mut self, within: Duration) -> Option<i32> {
        let ended = self.poll_end(within);
        ended.unwrap_or_else(|| panic!("{} has not ended within {within:?}:\n{}", self.name, self.log())).code()
    }

    fn poll_end(&mut self, within: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.ended.get_mut().unwrap().recv_timeout(within).ok();
        }
        self.status
    }

    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for a line that has `mark`, and gives the rest of that line.
    pub(crate) fn wait_said(&mut self, mark: &str, within: Duration) -> String {
        let start = Instant::now();
        loop {
            if let Some((_, rest)) = self.log().lines().find_map(|line| line.split_once(mark)) {
                return rest.trim().to_owned();
            }
            let ended = self.poll_end(Duration::from_millis(5)).is_some();
            let text = self.log();
            assert!(!ended || text.contains(mark), "{} ended and has not said {mark:?}:\n{text}", self.name);
            assert!(start.elapsed() < within, "{} has not said {mark:?} within {within:?}:\n{text}", self.name);
        }
    }

    /// The processes that it started and that still run.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.pid)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.poll_end(Duration::ZERO).is_some() {
            return;
        }
        let children = children_of(self.pid);
        let _ = kill(Pid::from_raw(self.pid as i32), Signal::SIGKILL);
        self.poll_end(Duration::from_secs(20));
        // A child ends with its worker by itself; if it should not, it is no process that is left behind.
        let patience = Instant::now();
        while children.iter().any(|child| is_alive(*child)) {
            if patience.elapsed() > Duration::from_secs(3) {
                children.iter().filter(|child| is_alive(**child)).for_each(|child| {
                    let _ = kill(Pid::from_raw(*child as i32), Signal::SIGKILL);
                });
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether a process runs: there, and not only waiting for its parent to look at how it ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn children_of(parent: u32) -> Vec<u32> {
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(state, above)| above == parent && state != 'Z')).collect()
}

/// State and parent of a process. The name before them, in brackets, may hold anything.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
