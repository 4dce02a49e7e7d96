//! Where a test plays: a folder, a broker, and the programs by their names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_services::RabbitMq;

/// The circuits' flags, as environment variables: both kinds of test blocks fit, and their circuits take seconds.
const CIRCUITS: [(&str, &str); 9] = [
    ("ARITHMETIC_CIRCUIT_SIZE", "16..17"),
    ("BYTE_PACKING_CIRCUIT_SIZE", "8..10"),
    ("CPU_CIRCUIT_SIZE", "9..17"),
    ("KECCAK_CIRCUIT_SIZE", "4..12"),
    ("KECCAK_SPONGE_CIRCUIT_SIZE", "8..9"),
    ("LOGIC_CIRCUIT_SIZE", "4..11"),
    ("MEMORY_CIRCUIT_SIZE", "17..19"),
    ("MEMORY_BEFORE_CIRCUIT_SIZE", "16..17"),
    ("MEMORY_AFTER_CIRCUIT_SIZE", "7..8"),
];

/// A folder with the programs in it.
pub(crate) struct Stage {
    folder: TempDir,
}

/// A process that ends with this value.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("evm-chain-").tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_meze-evm");
        fs::create_dir(folder.path().join("bin")).unwrap();
        for name in ["leader", "worker", "verifier"] {
            std::os::unix::fs::symlink(program, folder.path().join("bin").join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A command in the folder, with the programs on its path, and its own homes.
    pub(crate) fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("XDG_STATE_HOME", self.path("state"))
            // Built once for all tests, and kept for the next run of them.
            .env("ZK_EVM_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("circuits"))
            .env_remove("AMQP_URI")
            .env_remove("RUST_LOG")
            .envs(CIRCUITS)
            .stdin(Stdio::null());
        command
    }

    /// Runs a line of shell to its end.
    pub(crate) fn bash(&self, line: &str) -> Output {
        self.command("bash").args(["-c", line]).output().unwrap()
    }

    /// Starts one of the programs; what it says goes to a file.
    pub(crate) fn start(&self, name: &str, program: &str, words: &[&str], stdin: Option<&Path>) -> Process {
        let log = self.path(&format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(self.path("bin").join(program).to_str().unwrap());
        command.args(words).stdout(out.try_clone().unwrap()).stderr(out);
        if let Some(path) = stdin {
            command.stdin(File::open(path).unwrap());
        }
        Process { child: command.spawn().unwrap(), log }
    }

    /// Starts a worker of the test configuration.
    pub(crate) fn worker(&self, name: &str, broker: &RabbitMq) -> Process {
        let starts = self.path("starts");
        let words = [
            "--amqp-uri",
            &broker.url(),
            "--name",
            name,
            "--use-test-config",
            "--starts-log",
            starts.to_str().unwrap(),
        ];
        self.start(name, "worker", &words, None)
    }

    /// How often the proof of each task was started, with its kind.
    pub(crate) fn starts(&self) -> BTreeMap<String, (String, usize)> {
        let mut starts: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for line in fs::read_to_string(self.path("starts")).unwrap_or_default().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            starts.entry(text("task")).or_insert_with(|| (text("kind"), 0)).1 += 1;
        }
        starts
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, within: Duration, is: impl Fn() -> bool) {
    let end = Instant::now() + within;
    while !is() {
        assert!(Instant::now() < end, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a program said.
pub(crate) fn said(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What a program said on both streams.
pub(crate) fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
