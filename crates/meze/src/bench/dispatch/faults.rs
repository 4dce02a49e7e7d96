//! How soon the fabric notices: workers that are killed or frozen, a job that is cancelled, a dispatcher that is
//! killed; and whether it takes for dead who is only slow.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fleet::Fleet;
use super::lag::{job, task};
use super::server::Server;

/// A real worker with a real child, of sleepers.
struct Sleeper {
    child: Child,
    starts: std::path::PathBuf,
}

impl Sleeper {
    fn start(server: &Server, name: &str) -> Result<Self> {
        let program = std::env::current_exe().context("the path of this program cannot be found")?;
        let starts = server.path(&format!("{name}.starts"));
        let log = std::fs::File::create(server.path(&format!("{name}.log")))?;
        let child = Command::new(program)
            .args(["worker", "--kinds", "test.sleep", "--port", "0", "--name", name, "--job-server-url", &server.url])
            .arg("--token-file")
            .arg(server.tokens())
            .arg("--starts-log")
            .arg(&starts)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self { child, starts })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(&self.starts).unwrap_or_default().lines().count()
    }

    async fn started(&self, count: usize) -> Result<()> {
        until(Duration::from_secs(30), || self.starts() >= count).await
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.signal(Signal::SIGCONT);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn until(within: Duration, mut met: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + within;
    while !met() {
        if Instant::now() > end {
            bail!("nothing happened for {within:?}");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// From a worker's kill to another one having its task.
pub(super) async fn killed_worker(server: &Server) -> Result<f64> {
    lost_worker(server, "killed", Signal::SIGKILL).await
}

/// The same for one that is frozen.
pub(super) async fn frozen_worker(server: &Server) -> Result<f64> {
    lost_worker(server, "frozen", Signal::SIGSTOP).await
}

async fn lost_worker(server: &Server, name: &str, signal: Signal) -> Result<f64> {
    let ask = server.ask()?;
    let sleeper = Sleeper::start(server, name)?;
    ask.submit(&job(name, "faults", vec![task("t", &format!("ms=60000 id={name}"), vec![])], "t")?).await?;
    sleeper.started(1).await?;
    let mut fleet = Fleet::start(&server.link()?, 1, &format!("beside-{name}")).await?;
    let start = Instant::now();
    sleeper.signal(signal)?;
    let got = tokio::time::timeout(Duration::from_secs(60), fleet.got.recv()).await;
    let got = got.ok().flatten().context("nobody got the task of a lost worker")?;
    ask.cancel(name).await?;
    Ok(got.at.duration_since(start).as_secs_f64() * 1e3)
}

/// From a cancel to the worker's child being free: it has begun another task.
pub(super) async fn cancel(server: &Server) -> Result<f64> {
    let ask = server.ask()?;
    let sleeper = Sleeper::start(server, "cancelled")?;
    let stuck = task("t", "ms=100 do=stuck id=stuck", vec![]);
    ask.submit(&job("cancelled", "faults", vec![stuck], "t")?).await?;
    sleeper.started(1).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ask.submit(&job("after", "faults", vec![task("t", "ms=1 id=after", vec![])], "t")?).await?;
    let start = Instant::now();
    ask.cancel("cancelled").await?;
    sleeper.started(2).await?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// What a dispatcher's death costs.
pub(super) struct Back {
    pub(super) resumed_ms: f64,
    pub(super) reproved: usize,
}

/// From the kill of a dispatcher to a task that is handed out after its restart. Running tasks go on meanwhile.
pub(super) async fn killed_dispatcher(server: &mut Server) -> Result<Back> {
    let ask = server.ask()?;
    let sleepers = [Sleeper::start(server, "left")?, Sleeper::start(server, "right")?];
    let mut tasks: Vec<_> =
        (0..6).map(|index| task(&format!("t{index}"), &format!("ms=4000 id=back-{index}"), vec![])).collect();
    tasks.push(task("all", "id=back", (0..6).map(|index| format!("t{index}")).collect()));
    ask.submit(&job("back", "faults", tasks, "all")?).await?;
    for sleeper in &sleepers {
        sleeper.started(1).await?;
    }
    server.kill()?;
    let start = Instant::now();
    server.again()?;
    // Somebody who waits for work at once: what he gets was handed out after the restart.
    let mut fleet = Fleet::start(&server.link()?, 1, "fresh").await?;
    let got = tokio::time::timeout(Duration::from_secs(30), fleet.got.recv()).await;
    let got = got.ok().flatten().context("nothing was handed out after the restart")?;
    let resumed_ms = got.at.duration_since(start).as_secs_f64() * 1e3;
    super::shares::done(&ask, "back").await?;
    // Seven tasks; what the workers of this process did is not in the logs.
    let mut lines: Vec<String> = Vec::new();
    for sleeper in &sleepers {
        let text = std::fs::read_to_string(&sleeper.starts)?;
        let of = |line: &str| Some(serde_json::from_str::<serde_json::Value>(line).ok()?.get("task")?.to_string());
        lines.extend(text.lines().filter_map(of));
    }
    let all = lines.len();
    lines.sort();
    lines.dedup();
    Ok(Back { resumed_ms, reproved: all - lines.len() })
}

/// Eight real workers with real children: how much longer than their sleep 200 tasks take them.
pub(super) async fn real_workers(server: &Server) -> Result<f64> {
    const WORKERS: usize = 8;
    let ask = server.ask()?;
    let sleepers: Vec<Sleeper> =
        (0..WORKERS).map(|index| Sleeper::start(server, &format!("real-{index}"))).collect::<Result<_>>()?;
    // One task for each, so that all of them are there.
    let mut tasks: Vec<_> =
        (0..WORKERS).map(|index| task(&format!("t{index}"), &format!("ms=2000 id=warm-{index}"), vec![])).collect();
    tasks.push(task("all", "id=warm", (0..WORKERS).map(|index| format!("t{index}")).collect()));
    ask.submit(&job("warm", "real", tasks, "all")?).await?;
    super::shares::done(&ask, "warm").await?;
    ensure!(sleepers.iter().all(|sleeper| sleeper.starts() > 0), "not all of the workers came");
    let mut tasks: Vec<_> =
        (0..200).map(|index| task(&format!("t{index}"), &format!("ms=100 id=real-{index}"), vec![])).collect();
    tasks.push(task("all", "id=real", (0..200).map(|index| format!("t{index}")).collect()));
    let start = Instant::now();
    ask.submit(&job("real", "real", tasks, "all")?).await?;
    super::shares::done(&ask, "real").await?;
    let ideal = 200.0 * 0.1 / WORKERS as f64;
    Ok((start.elapsed().as_secs_f64() - ideal) / ideal)
}

/// Leases that were lost although everybody lived, with all cores busy.
pub(super) async fn busy(server: &Server, time: Duration) -> Result<u64> {
    let ask = server.ask()?;
    let sleeper = Sleeper::start(server, "busy")?;
    let mut fleet = Fleet::start(&server.link()?, 63, "busy").await?;
    let ending = Arc::new(AtomicBool::new(false));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let burners: Vec<_> = (0..2 * cores)
        .map(|_| {
            let ending = ending.clone();
            std::thread::spawn(move || {
                while !ending.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let tasks =
        (0..64).map(|index| task(&format!("t{index}"), &format!("ms={} id=busy-{index}", time.as_millis()), vec![]));
    let mut tasks: Vec<_> = tasks.collect();
    tasks.push(task("all", "id=busy", (0..64).map(|index| format!("t{index}")).collect()));
    ask.submit(&job("busy", "faults", tasks, "all")?).await?;
    tokio::time::sleep(time).await;
    ending.store(true, Ordering::Relaxed);
    for burner in burners {
        ensure!(burner.join().is_ok(), "a burner panicked");
    }
    let lost = server.metric("meze_dispatcher_leases_lost_total").await?;
    ensure!(fleet.alive() == 63 && sleeper.starts() > 0, "a worker ended by itself");
    Ok(lost as u64)
}
