//! Dispatcher and workers as processes of this program, watched by a thread that starts again what dies.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use terminal::Console;

use super::folder::Folder;
use crate::roles::dispatcher::address;
use crate::settings::CircuitArgs;

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// More deaths than this of one process are no accident.
const MAX_DEATHS: usize = 20;

/// How many processes died and were started again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Died {
    pub(super) workers: usize,
    pub(super) dispatchers: usize,
}

/// Watches dispatcher and workers.
pub(super) struct Supervisor {
    url: String,
    ending: Arc<AtomicBool>,
    members: Arc<Mutex<Vec<Member>>>,
    watching: Option<JoinHandle<()>>,
}

/// One process, and how it is started.
struct Member {
    name: String,
    words: Vec<String>,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    log: PathBuf,
    child: Child,
    deaths: usize,
    gave_up: Option<String>,
}

impl Supervisor {
    pub(super) fn start(
        workers: usize,
        folder: &Folder,
        circuits: &CircuitArgs,
        amqp: Option<&str>,
        console: Console,
    ) -> Result<Self> {
        let path = |path: PathBuf| path.display().to_string();
        let tokens = path(folder.tokens());
        let broker = |environment: &mut Vec<(std::ffi::OsString, std::ffi::OsString)>| {
            // In the environment, since it has a password.
            environment.extend(amqp.map(|url| ("MEZE_AMQP_URL".into(), url.into())));
        };
        let mut environment = vec![("DATA_DIR".into(), folder.dispatcher().into())];
        broker(&mut environment);
        let mut words = ["dispatcher", "--tokens", &tokens, "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        words.extend(folder.checking(circuits.proverless));
        let mut dispatcher = Member::start("dispatcher", words, environment, folder.log("dispatcher"), Stdio::piped())?;
        let url = dispatcher.address()?;
        // If it dies it comes back where it was.
        dispatcher.words[4] = url.trim_start_matches("http://").to_owned();
        console.note(format!("dispatcher: process {}, {url}", dispatcher.child.id()));

        let mut members = vec![dispatcher];
        for index in 0..workers {
            let name = format!("worker-{index}");
            let starts = path(folder.starts_log());
            let words = ["worker", "--name", &name, "--job-server-url", &url, "--token-file", &tokens];
            let more = ["--port", "0", "--starts-log", &starts];
            let words = words.iter().chain(&more).map(|word| (*word).to_owned()).collect();
            let mut environment = circuits.environment();
            broker(&mut environment);
            let worker = Member::start(&name, words, environment, folder.log(&name), Stdio::null())?;
            console.note(format!("{name}: process {}", worker.child.id()));
            members.push(worker);
        }
        let members = Arc::new(Mutex::new(members));
        let ending = Arc::new(AtomicBool::new(false));
        let watching = std::thread::spawn({
            let (members, ending) = (members.clone(), ending.clone());
            move || watch(&members, &ending, console)
        });
        Ok(Self { url, ending, members, watching: Some(watching) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Why a process is not started again, if one is not.
    pub(super) fn gave_up(&self) -> Option<String> {
        lock(&self.members).iter().find_map(|member| member.gave_up.clone())
    }

    /// Ends all of them, workers first, by force those that take longer than `within`.
    pub(super) fn end(mut self, within: Duration) -> Died {
        self.stop_watching();
        let mut members = lock(&self.members);
        let end = Instant::now() + within;
        for member in members.iter_mut().rev() {
            member.end(end);
        }
        let deaths = |member: &Member| member.deaths;
        Died {
            dispatchers: members.iter().take(1).map(deaths).sum(),
            workers: members.iter().skip(1).map(deaths).sum(),
        }
    }

    fn stop_watching(&mut self) {
        self.ending.store(true, Ordering::Release);
        if let Some(watching) = self.watching.take() {
            // It ends within a look; a panic of it changes nothing about what has to be ended.
            let _ = watching.join();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_watching();
        for member in lock(&self.members).iter_mut() {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}

fn lock(members: &Mutex<Vec<Member>>) -> MutexGuard<'_, Vec<Member>> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(members: &Mutex<Vec<Member>>, ending: &AtomicBool, console: Console) {
    while !ending.load(Ordering::Acquire) {
        for member in lock(members).iter_mut().filter(|member| member.gave_up.is_none()) {
            let Ok(Some(status)) = member.child.try_wait() else { continue };
            member.deaths += 1;
            console.note(format!("{} died ({status}); it is started again", member.name));
            let again = match member.deaths > MAX_DEATHS {
                true => Err(anyhow::anyhow!("it died {} times", member.deaths)),
                false => member.start_again(),
            };
            if let Err(error) = again {
                member.gave_up = Some(format!("{}: {error:#}; see {}", member.name, member.log.display()));
            }
        }
        std::thread::sleep(LOOK);
    }
}

impl Member {
    fn start(
        name: &str,
        words: Vec<String>,
        environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
        log: PathBuf,
        stdout: Stdio,
    ) -> Result<Self> {
        let child = spawn(&words, &environment, &log, stdout)?;
        Ok(Self { name: name.to_owned(), words, environment, log, child, deaths: 0, gave_up: None })
    }

    fn start_again(&mut self) -> Result<()> {
        self.child = spawn(&self.words, &self.environment, &self.log, Stdio::null())?;
        Ok(())
    }

    /// Where it says that it listens.
    fn address(&mut self) -> Result<String> {
        if let Some(url) = address(&mut self.child)? {
            return Ok(url);
        }
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        bail!("the dispatcher did not start: {}", said.lines().last().unwrap_or("it said nothing"))
    }

    fn end(&mut self, by: Instant) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It may have ended already.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        while Instant::now() < by {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    words: &[String],
    environment: &[(std::ffi::OsString, std::ffi::OsString)],
    log: &PathBuf,
    stdout: Stdio,
) -> Result<Child> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let log = File::options().create(true).append(true).open(log).context("a log cannot be written")?;
    Command::new(program)
        .args(words)
        .env_remove("MEZE_AMQP_URL")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(log)
        .spawn()
        .context("a process of the fleet cannot be started")
}
