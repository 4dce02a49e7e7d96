//! The processes of both sides: the library's one, and a leader with its worker as people run them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use evm_proving::check::check_all;
use evm_proving::{BlockProof, Expectations, VerificationKey};

use super::cpu::Tree;
use super::direct::DirectReport;
use super::report::{Direct, Fabric};
use super::{BenchArgs, Broker};
use crate::worker::PROVING_STACK;

/// How long a worker may load its circuits; they are built before.
const READY_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Settings of other leaders and workers, which are not for these.
const OTHERS: [&str; 3] = ["ZERO_BIN_", "MEZE_EVM_", "PALADIN_"];

/// Where the processes play.
pub(super) struct Stage<'a> {
    pub(super) args: &'a BenchArgs,
    /// A folder of this run of this side alone.
    pub(super) folder: PathBuf,
    pub(super) witness: &'a Path,
    /// What both sides' proofs must hold under.
    pub(super) key: &'a VerificationKey,
    pub(super) blocks: usize,
}

/// A process, killed with its value.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stage<'_> {
    /// The library by itself.
    pub(super) fn library(&self) -> Result<Direct> {
        let out = self.folder.join("direct.json");
        let mut words = self.words("bench-direct")?;
        words.extend(["--witness".into(), self.witness.into(), "--output".into(), (&out).into()]);
        words.extend(self.limits());
        let mut process = self.start("library", words, None)?;
        ended(&mut process, |_| {})?;
        let report: DirectReport =
            serde_json::from_str(&last_line(&process.log)?).context("no report of the library")?;
        self.check(&fs::read(&out)?)?;
        let DirectReport { loading_cpu_seconds, cpu_seconds, wall_seconds, peak_bytes } = report;
        Ok(Direct { cpu_seconds, wall_seconds, loading_cpu_seconds, peak_bytes })
    }

    /// A leader at a broker with one worker.
    pub(super) fn amqp(&self, broker: &Broker) -> Result<Fabric> {
        let url = || ["--amqp-uri".into(), OsString::from(broker.url())];
        let mut words = self.words("worker")?;
        words.extend(url());
        words.extend(["--name".into(), "bench".into()]);
        let mut worker = self.start("worker", words, None)?;
        until_ready(&mut worker)?;

        let leader_start = self.leader_start()?;
        let mut works = Tree::of(worker.child.id());
        let (own, under, brokers) = (works.own(), works.under(), broker.taken());
        let mut words = self.words("leader")?;
        words.extend(["--runtime=amqp".into(), "--data-dir".into(), self.folder.join("data").into()]);
        words.extend(url());
        let (leader, wall_seconds) = self.lead(words, |_, _| {})?;
        works.look();
        let of_broker = broker.taken().zip(brokers).map(|(after, before)| after.since(before).cpu_seconds);
        let prover = works.under().since(under);
        Ok(Fabric {
            leader: leader.own().cpu_seconds,
            leader_start,
            worker: Some(works.own().since(own).cpu_seconds),
            prover: prover.cpu_seconds,
            broker: of_broker,
            wall_seconds,
            peak_bytes: prover.peak_bytes,
        })
    }

    /// A leader that has its prover itself. This loads the circuits meanwhile: what it took until it was ready is not
    /// counted.
    pub(super) fn in_memory(&self) -> Result<Fabric> {
        let leader_start = self.leader_start()?;
        let mut words = self.words("leader")?;
        words.push("--runtime=in-memory".into());
        let mut ready = None;
        let (leader, wall_seconds) = self.lead(words, |tree, log| {
            if ready.is_none() && said(log, "prover child is ready") {
                ready = Some(tree.under());
            }
        })?;
        let prover = leader.under();
        let ready = ready.context("the leader does not say when its prover is ready")?;
        Ok(Fabric {
            leader: leader.own().cpu_seconds,
            leader_start,
            worker: None,
            prover: prover.since(ready).cpu_seconds,
            broker: None,
            wall_seconds,
            peak_bytes: prover.peak_bytes,
        })
    }

    /// A leader from its start to its end, and its seconds on the wall.
    fn lead(&self, mut words: Vec<OsString>, mut seen: impl FnMut(&Tree, &Path)) -> Result<(Tree, f64)> {
        words.extend(self.limits());
        words.push("stdio".into());
        let began = Instant::now();
        let mut process = self.start("leader", words, Some(self.witness))?;
        let log = process.log.clone();
        let tree = ended(&mut process, |tree| seen(tree, &log))?;
        let wall = began.elapsed().as_secs_f64();
        self.check(last_line(&log)?.as_bytes())?;
        Ok((tree, wall))
    }

    /// What a leader takes until it has the kernel and the key: another command of it needs no more.
    fn leader_start(&self) -> Result<f64> {
        let mut words = self.words("leader")?;
        words.extend(["verification-key".into(), "--output".into(), self.folder.join("key").into()]);
        let mut process = self.start("key", words, None)?;
        Ok(ended(&mut process, |_| {})?.all().cpu_seconds)
    }

    fn words(&self, command: &str) -> Result<Vec<OsString>> {
        words(command, self.args)
    }

    fn limits(&self) -> [OsString; 4] {
        let (log, size) = (self.args.max_cpu_len_log.to_string(), self.args.batch_size.to_string());
        ["--max-cpu-len-log".into(), log.into(), "--batch-size".into(), size.into()]
    }

    fn start(&self, name: &str, words: Vec<OsString>, stdin: Option<&Path>) -> Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let out = File::create(&log)?;
        let mut command = program()?;
        command.args(words);
        command.stdout(out.try_clone()?).stderr(out);
        command.stdin(stdin.map(File::open).transpose()?.map_or_else(Stdio::null, Stdio::from));
        let child = command.spawn().with_context(|| format!("the {name} cannot be started"))?;
        Ok(Process { child, log })
    }

    /// Whether these are good proofs of all blocks.
    fn check(&self, json: &[u8]) -> Result<()> {
        let proofs = BlockProof::list_from_json(json)?;
        ensure!(proofs.len() == self.blocks, "{} proofs of {} blocks", proofs.len(), self.blocks);
        check_all(&proofs, self.key, &Expectations { allow_insecure: true, ..Expectations::default() })?;
        Ok(())
    }
}

/// The key of the circuits. They are built if they are missing, in a process whose memory ends with it.
pub(super) fn key(args: &BenchArgs, folder: &Path) -> Result<VerificationKey> {
    let path = folder.join("key");
    let mut command = program()?;
    command.args(words("leader", args)?).arg("verification-key").arg("--output").arg(&path);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().context("no leader can be started")?;
    ensure!(status.success(), "there are no circuits to measure with");
    Ok(VerificationKey::read(&path)?)
}

/// A command of this program with the circuits of this run.
fn words(command: &str, args: &BenchArgs) -> Result<Vec<OsString>> {
    Ok([vec![command.into()], args.circuits.words()?].concat())
}

/// This program, without the settings of others.
fn program() -> Result<Command> {
    let path = std::env::current_exe().context("the path of this program cannot be found")?;
    let mut command = Command::new(path);
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name == "PORT" || OTHERS.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&variable);
        }
    }
    // What is said is waited for here.
    command.env("RUST_MIN_STACK", PROVING_STACK.to_string()).env("MEZE_LOG", "info");
    Ok(command)
}

/// Waits for the good end of a process.
fn ended(process: &mut Process, seen: impl FnMut(&Tree)) -> Result<Tree> {
    let mut tree = Tree::of(process.child.id());
    let status = tree.wait(&mut process.child, seen)?;
    ensure!(status.success(), "a process ended with {status}: {}", last_words(&process.log));
    Ok(tree)
}

fn said(log: &Path, words: &str) -> bool {
    fs::read_to_string(log).is_ok_and(|text| text.contains(words))
}

fn until_ready(worker: &mut Process) -> Result<()> {
    let end = Instant::now() + READY_WITHIN;
    while !said(&worker.log, "worker bench: ready") {
        if let Some(status) = worker.child.try_wait()? {
            bail!("the worker ended with {status}: {}", last_words(&worker.log));
        }
        ensure!(Instant::now() < end, "the worker is not ready: {}", last_words(&worker.log));
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn last_line(log: &Path) -> Result<String> {
    let text = fs::read_to_string(log)?;
    Ok(text.lines().last().unwrap_or_default().to_owned())
}

/// The end of what a process said, for messages.
fn last_words(log: &Path) -> String {
    const MOST: u64 = 2000;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}
