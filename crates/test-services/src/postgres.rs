//! A PostgreSQL server for tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::ServiceError;
use crate::port::free_port;
use crate::process::{Server, bound_to_us};
use crate::program::{find, versioned};

/// PostgreSQL refuses to run as root, so root runs it as this user, whom Debian's package makes.
const USER: &str = "postgres";

/// How long a start may take; it takes a tenth of a second on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Somebody else's server may take the port between our looking and the server's; then another is tried.
const ATTEMPTS: usize = 3;

/// A PostgreSQL server of its own, which ends with this value. It starts in less than a second.
///
/// Creating its folder skips the syncing (a test's folder need not survive a power cut), but the server runs
/// with `fsync` and every other durability setting as they are by default, so that what a test measures is
/// what users get.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    /// `None` only while it is down.
    server: Option<Server>,
}

impl Postgres {
    /// Starts a new server with nothing in it.
    pub fn start() -> Result<Self, ServiceError> {
        let prepare = |what| move |source| ServiceError::Prepare { what, source };
        find("setpriv", "util-linux", [])?;
        let debian = Path::new("/usr/lib/postgresql");
        let program = find("postgres", "postgresql", versioned(debian, "postgres"))?;
        let initdb = find("initdb", "postgresql", versioned(debian, "initdb"))?;
        let folder =
            tempfile::Builder::new().prefix("postgres-").tempdir().map_err(prepare("make a folder for PostgreSQL"))?;
        if let Some(user) = other_user() {
            succeed(Command::new("chown").arg(format!("{user}:")).arg(folder.path()))?;
        }
        let mut command = bound_to_us(&initdb, other_user());
        command.current_dir(folder.path()).arg("-D").arg(folder.path().join("data"));
        command.args(["--no-sync", "--no-instructions", "-A", "trust", "-U", USER, "--locale=C", "-E", "UTF8"]);
        succeed(&mut command)?;

        let mut postgres = Self { folder, program, port: 0, server: None };
        for attempt in 1.. {
            postgres.port = free_port().map_err(prepare("find a free port"))?;
            match postgres.launch() {
                Err(ServiceError::Ended { .. }) if attempt < ATTEMPTS => continue,
                result => result?,
            }
            break;
        }
        Ok(postgres)
    }

    /// Where the server is, as in `postgres://postgres@127.0.0.1:20001/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once, as a power cut would: no process of it gets a word. What it keeps stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts it again at the same place with what it kept; kills it before if it runs.
    pub fn restart(&mut self) -> Result<(), ServiceError> {
        self.kill();
        self.launch()
    }

    fn launch(&mut self) -> Result<(), ServiceError> {
        let (data, log) = (self.folder.path().join("data"), self.folder.path().join("log"));
        let mut command = bound_to_us(&self.program, other_user());
        command.current_dir(self.folder.path()).arg("-D").arg(&data);
        let settings = [
            "listen_addresses=127.0.0.1",
            &format!("port={}", self.port),
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "max_connections=50",
        ];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let mut server = Server::start("postgres", command, &log)?;
        let pid = server.pid().to_string();
        server.wait_ready(START_LIMIT, &log, || is_ready(&data.join("postmaster.pid"), &pid))?;
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // The quickest end after which PostgreSQL still gives its shared memory back; what does not
            // end by it is killed.
            server.signal(Signal::SIGQUIT);
            server.wait_end(Duration::from_secs(5));
        }
    }
}

/// PostgreSQL writes its process's number in the first line of this file, and its state in the eighth; the
/// port accepts connections earlier, only to refuse them.
fn is_ready(postmaster: &Path, pid: &str) -> bool {
    let text = std::fs::read_to_string(postmaster).unwrap_or_default();
    let mut lines = text.lines();
    lines.next().is_some_and(|first| first.trim() == pid) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

fn other_user() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some(USER)
}

/// Runs a program to its end.
fn succeed(command: &mut Command) -> Result<(), ServiceError> {
    let program = format!("{command:?}");
    let output =
        command.output().map_err(|source| ServiceError::Prepare { what: "run what prepares PostgreSQL", source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ServiceError::Preparation { program, output })
}
