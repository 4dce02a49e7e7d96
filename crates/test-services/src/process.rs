//! A server's processes: started so that they cannot outlive us, and ended as a whole tree.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ServiceError;

/// How often a server is asked whether it is ready.
const POLL: Duration = Duration::from_millis(5);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    program: &'static str,
    pid: Pid,
    /// Hears from the keeper thread that the process has ended and was reaped. The mutex, never contended,
    /// lets a server be shared.
    ended: Mutex<mpsc::Receiver<()>>,
    is_over: bool,
}

/// A command that runs `program` and lets the kernel kill it with the thread that starts it; `user` is
/// another user to run it as. (`Command` could ask the kernel for this itself only in unsafe code.)
pub(crate) fn bound_to_us(program: &Path, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null());
    command
}

impl Server {
    /// Starts `command`, which [`bound_to_us`] made, with its output added to the file `log`.
    pub(crate) fn start(program: &'static str, mut command: Command, log: &Path) -> Result<Self, ServiceError> {
        let failed = |source| ServiceError::Prepare { what: "start the server", source };
        let output = File::options().create(true).append(true).open(log).map_err(failed)?;
        command.stderr(output.try_clone().map_err(failed)?).stdout(output);

        // The kernel kills the child when the *thread* that started it ends, which for the caller's may be
        // any moment (a thread pool's, a test's): so this thread does nothing but wait for the child.
        let (started, start) = mpsc::channel();
        let (over, ended) = mpsc::channel();
        let keeper = move || match command.spawn() {
            Ok(mut child) => {
                let _ = started.send(Ok(child.id()));
                let _ = child.wait();
                let _ = over.send(());
            }
            Err(error) => drop(started.send(Err(error))),
        };
        std::thread::Builder::new().name(format!("{program}-keeper")).spawn(keeper).map_err(failed)?;
        let pid = start.recv().unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)?;
        Ok(Self { program, pid: Pid::from_raw(pid as i32), ended: ended.into(), is_over: false })
    }

    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// Waits until `is_ready`; an error if the server ends before, or needs longer than `limit`.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        log: &Path,
        is_ready: impl Fn() -> bool,
    ) -> Result<(), ServiceError> {
        let start = Instant::now();
        while !is_ready() {
            if self.wait_end(POLL) {
                return Err(ServiceError::Ended { program: self.program, log: tail(log) });
            }
            if start.elapsed() > limit {
                let (path, log) = (log.to_owned(), tail(log));
                return Err(ServiceError::NotReady { program: self.program, waited: limit, path, log });
            }
        }
        Ok(())
    }

    /// Sends a signal to the process that was started; nothing if it is over.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if !self.wait_end(Duration::ZERO) {
            let _ = kill(self.pid, signal);
        }
    }

    /// Waits up to `limit` for the process to end; whether it did.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> bool {
        if !self.is_over {
            let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            self.is_over = !matches!(ended.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout));
        }
        self.is_over
    }

    /// Kills the process and all that it started, and returns when none of them is left.
    pub(crate) fn kill(&mut self) {
        // A stopped process starts no others while its tree is looked at.
        self.signal(Signal::SIGSTOP);
        let tree = if self.is_over { Vec::new() } else { descendants(self.pid()) };
        self.signal(Signal::SIGKILL);
        for process in &tree {
            process.kill();
        }
        self.wait_end(Duration::from_secs(10));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) && tree.iter().any(Process::is_alive) {
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process as `/proc` shows it; its start time tells it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    is_zombie: bool,
    started: u64,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// `pid (name) state parent …`, where the name may hold anything; field 22 is the start time.
    fn parse(pid: u32, stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && !now.is_zombie)
    }

    fn kill(&self) {
        if self.is_alive() {
            let _ = kill(Pid::from_raw(self.pid as i32), Signal::SIGKILL);
        }
    }
}

/// Everything that `root` and its children started and that still hangs below it.
fn descendants(root: u32) -> Vec<Process> {
    let all: Vec<Process> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut found: Vec<Process> = all.iter().filter(|process| process.parent == root).cloned().collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].pid;
        found.extend(all.iter().filter(|process| process.parent == parent).cloned());
        next += 1;
    }
    found
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(folder: &Path, script: &str) -> Server {
        let mut command = bound_to_us(Path::new("/bin/sh"), None);
        command.args(["-c", script]);
        Server::start("sh", command, &folder.join("log")).unwrap()
    }

    #[test]
    fn killing_a_server_ends_the_processes_of_its_processes() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let script = format!("sh -c 'sleep 1000 & touch {}; wait' & wait", ready.display());
        let mut server = start(folder.path(), &script);
        server.wait_ready(Duration::from_secs(10), &folder.path().join("log"), || ready.exists()).unwrap();
        let tree = descendants(server.pid());
        assert_eq!(tree.len(), 2);
        server.kill();
        assert!(!tree.iter().any(Process::is_alive));
        assert!(server.wait_end(Duration::ZERO));
    }

    #[test]
    fn the_kernel_ends_a_server_with_the_thread_that_started_it() {
        let start = || {
            let mut command = bound_to_us(Path::new("sleep"), None);
            let mut child = command.arg("1000").spawn().unwrap();
            // The wish is only uttered once setpriv runs; it then becomes the server and loses its name.
            let name = format!("/proc/{}/comm", child.id());
            while std::fs::read_to_string(&name).unwrap() != "sleep\n" {
                assert!(child.try_wait().unwrap().is_none());
                std::thread::sleep(POLL);
            }
            child
        };
        let mut child = std::thread::spawn(start).join().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::SIGKILL as i32));
    }

    #[test]
    fn a_server_that_ends_too_early_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = start(folder.path(), "echo one; echo two; exit 1");
        let error = server.wait_ready(Duration::from_secs(10), &folder.path().join("log"), || false).unwrap_err();
        assert!(error.to_string().ends_with("one / two"), "{error}");
    }

    #[test]
    fn a_server_that_is_never_ready_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = start(folder.path(), "sleep 1000");
        let error = server.wait_ready(Duration::from_millis(20), &folder.path().join("log"), || false);
        assert!(matches!(error, Err(ServiceError::NotReady { .. })), "{error:?}");
    }

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let stat = "7 (a) Z 1 (b)) S 3 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0";
        let process = Process { pid: 7, parent: 3, is_zombie: false, started: 99 };
        assert_eq!(Process::parse(7, stat), Some(process));
        assert_eq!(Process::parse(7, "7 (cut"), None);
    }
}
