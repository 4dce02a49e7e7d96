//! One child process: its pipes, read and written by tasks of their own, and its end.

use std::os::fd::AsFd;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proving::error::with_sources;
use proving::lease::Cause;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::{ChildConfig, Failure, death, procfs};
use crate::error::{WorkerError, cut};
use crate::frame::{self, FromChild, ToChild};

/// How long a child whose stdout ended may take to be gone.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How much a pipe holds, where the system allows it: an input or a proof is mostly handed over in one go, and with the
/// usual 64 KiB the two processes would take turns.
const PIPE_BYTES: i32 = 1 << 20;

/// Longer lines of the child's stderr are broken.
const LINE_BYTES: u64 = 4096;

/// What came out of the child's stdout; `None` is its end.
pub(super) type Said = Option<Result<FromChild, WorkerError>>;

/// A running child.
pub(super) struct Process {
    child: Child,
    pub(super) pid: u32,
    orders: mpsc::UnboundedSender<Vec<u8>>,
    said: mpsc::Receiver<Result<FromChild, WorkerError>>,
    /// It had a secret task. What it prints later may still be of that task, so this stays.
    had_secret: Arc<AtomicBool>,
    oom_kills: u64,
}

impl Process {
    /// Starts the child, in a process group of its own: a terminal's Ctrl-C reaches the worker alone, which
    /// then decides about the running proof.
    pub(super) fn spawn(config: &ChildConfig) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::Spawn { program: config.program.display().to_string(), source };
        let oom_kills = procfs::oom_kills(&config.oom_counters);
        let mut child = Command::new(&config.program)
            .args(&config.args)
            .envs(config.env.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let gone = || failed(std::io::Error::other("it ended at once"));
        let pid = child.id().ok_or_else(gone)?;
        let (stdin, stdout) = (child.stdin.take().ok_or_else(gone)?, child.stdout.take().ok_or_else(gone)?);
        let stderr = child.stderr.take().ok_or_else(gone)?;
        widen(&stdin);
        widen(&stdout);
        let had_secret = Arc::new(AtomicBool::new(false));
        let (orders, to_write) = mpsc::unbounded_channel();
        let (heard, said) = mpsc::channel(64);
        tokio::spawn(write_orders(stdin, to_write));
        tokio::spawn(read_frames(stdout, config.frame_limit, heard));
        let hide = (!config.show_secret_stderr).then(|| Arc::clone(&had_secret));
        tokio::spawn(forward_lines(stderr, pid, hide));
        let process = Self { child, pid, orders, said, had_secret, oom_kills };
        process.order(&ToChild::Prepare { limit: config.frame_limit }, config.frame_limit)?;
        Ok(process)
    }

    /// Says something to the child. Whether it hears it shows in what it says or in its end.
    pub(super) fn order(&self, order: &ToChild, limit: u32) -> Result<(), WorkerError> {
        let frame = frame::encode(order, limit)?;
        if let ToChild::Prove(prove) = order
            && prove.secret
        {
            self.had_secret.store(true, Ordering::Release);
        }
        // A closed channel means a closed pipe: the child is dying and its end is on its way.
        let _ = self.orders.send(frame);
        Ok(())
    }

    /// The next thing it says. Safe to drop and call again.
    pub(super) async fn hear(&mut self) -> Said {
        self.said.recv().await
    }

    /// Ends it, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        if self.child.id().is_none() {
            return;
        }
        if let Err(error) = self.child.kill().await {
            tracing::warn!(pid = self.pid, %error, "the prover child cannot be killed");
        }
    }

    /// What a child died of whose stdout ended.
    pub(super) async fn death(&mut self, config: &ChildConfig) -> Failure {
        match self.exit().await {
            Some(status) => death::of(status, procfs::oom_kills(&config.oom_counters) > self.oom_kills),
            None => Failure {
                cause: Cause::Protocol,
                reason: "the prover child closed its pipe and did not end".to_owned(),
            },
        }
    }

    async fn exit(&mut self) -> Option<ExitStatus> {
        match tokio::time::timeout(END_WITHIN, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                self.kill().await;
                None
            }
        }
    }

    /// The failure of a pipe that carried something else than frames; the child is to be killed.
    pub(super) fn broken(&self, error: &WorkerError) -> Failure {
        let reason = match error {
            WorkerError::Stray(_) if self.had_secret.load(Ordering::Acquire) => {
                format!("{error}; the text is withheld, for an input was secret")
            }
            WorkerError::Stray(stray) => format!("{error}: \"{}\"", stray.escaped()),
            _ => with_sources(error),
        };
        Failure { cause: Cause::Protocol, reason: cut(reason) }
    }

    /// The failure of a child that says the wrong thing; it is to be killed.
    pub(super) fn out_of_turn(message: &FromChild) -> Failure {
        Failure { cause: Cause::Protocol, reason: format!("the prover child said {message:?} out of turn") }
    }
}

fn widen(pipe: &impl AsFd) {
    // Without it everything works, more slowly.
    #[cfg(target_os = "linux")]
    let _ = nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}

async fn write_orders(mut stdin: ChildStdin, mut orders: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = orders.recv().await {
        if stdin.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn read_frames(stdout: impl AsyncRead + Unpin, limit: u32, heard: mpsc::Sender<Result<FromChild, WorkerError>>) {
    let mut stdout = BufReader::new(stdout);
    while let Some(frame) = frame::read_async(&mut stdout, limit).await.transpose() {
        let broken = frame.is_err();
        if heard.send(frame).await.is_err() || broken {
            return;
        }
    }
}

/// Logs the child's stderr, except while `hide` is set.
async fn forward_lines(stderr: impl AsyncRead + Unpin, pid: u32, hide: Option<Arc<AtomicBool>>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut stderr).take(LINE_BYTES).read_until(b'\n', &mut line).await {
        if !hide.as_ref().is_some_and(|hide| hide.load(Ordering::Acquire)) {
            tracing::info!(target: "child", pid, "{}", String::from_utf8_lossy(&line).trim_end());
        }
        line.clear();
    }
}
