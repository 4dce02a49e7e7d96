//! The workers: who they are, how they are, and what is done when that changes.
//!
//! Every worker is checked by a task of its own, so that one that hangs keeps nobody waiting, and no lock is held while
//! anything is sent.

mod member;

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use miden_wire::client::{NotAnAddress, Worker, address};
use miden_wire::kind::ProofKind;
use miden_wire::proto::remote_prover::WorkerStatus;
use proving::error::with_sources;
use proving::id::TaskId;
use tokio::sync::watch;
use tonic::Status;

use crate::metrics::Metrics;
use crate::settings::Settings;

pub use self::member::{Health, Member, Standing};

/// The most workers of a proxy.
const MAX_WORKERS: usize = 4096;

/// The longest pause between two checks of a worker that fails them.
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// Why workers are not added.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// One is no address; none was added.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// Too many.
    #[error("a proxy has at most {MAX_WORKERS} workers")]
    TooMany,
}

/// All workers of a proxy.
#[derive(Debug)]
pub struct Fleet {
    kind: ProofKind,
    connect_within: Duration,
    check_every: Duration,
    max_proof_bytes: usize,
    metrics: Arc<Metrics>,
    silence: Duration,
    members: Mutex<Vec<Arc<Member>>>,
    /// Workers that register themselves, and that an operator removed all the same.
    unwanted: Mutex<HashSet<String>>,
    /// The line that workers have to be of, and whether an operator said so.
    line: Mutex<(Option<String>, bool)>,
    /// Counts every change of who there is and how they are.
    changed: watch::Sender<u64>,
}

impl Fleet {
    pub(crate) fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        Self {
            kind: settings.kind,
            connect_within: settings.connect_within,
            check_every: settings.check_every,
            max_proof_bytes: settings.max_proof_bytes,
            metrics,
            silence: settings.silence,
            members: Mutex::default(),
            unwanted: Mutex::default(),
            line: Mutex::new((settings.line.clone(), settings.line.is_some())),
            changed: watch::Sender::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The workers, in the order in which they were added.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.lock().clone()
    }

    /// How many are on the list.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The line that workers have to be of, once it is known.
    pub fn line(&self) -> Option<String> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Workers that are healthy.
    pub fn healthy(&self) -> usize {
        self.lock().iter().filter(|member| member.is_healthy()).count()
    }

    /// What each healthy worker has.
    pub(crate) fn seats(&self) -> Vec<Option<TaskId>> {
        let members = self.lock();
        members.iter().filter(|member| member.is_healthy()).map(|member| *member.has.borrow()).collect()
    }

    /// Rings whenever a worker comes, goes, or is found to be otherwise.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Something changed.
    pub(crate) fn ring(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Adds workers, and gives those that are new. One that is known stays as it is, and one that had to come again and
    /// again stays without.
    ///
    /// # Errors
    /// One is no address, or there are too many; then none is added.
    pub fn add(&self, addresses: &[String]) -> Result<Vec<Arc<Member>>, FleetError> {
        let new = self.enlist(addresses)?;
        for member in self.lock().iter().filter(|member| addresses.contains(&member.address)) {
            *member.until() = None;
        }
        let mut unwanted = self.unwanted();
        addresses.iter().for_each(|address| {
            unwanted.remove(address);
        });
        Ok(new)
    }

    fn unwanted(&self) -> MutexGuard<'_, HashSet<String>> {
        self.unwanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enlist(&self, addresses: &[String]) -> Result<Vec<Arc<Member>>, FleetError> {
        let made: Vec<Arc<Member>> =
            addresses.iter().map(|address| self.member(address)).collect::<Result<_, NotAnAddress>>()?;
        let mut members = self.lock();
        let mut new: Vec<Arc<Member>> = Vec::new();
        for member in made {
            let known = members.iter().chain(&new).any(|known| known.address == member.address);
            if !known {
                new.push(member);
            }
        }
        if members.len() + new.len() > MAX_WORKERS {
            return Err(FleetError::TooMany);
        }
        members.extend(new.iter().cloned());
        drop(members);
        self.ring();
        Ok(new)
    }

    /// Adds a worker that has to come again within `within`, or says that a known one came. One that an operator removed
    /// is not taken before it has left.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn register(&self, at: &str, within: Duration) -> Result<Option<Arc<Member>>, FleetError> {
        let at = address(at)?;
        if self.unwanted().contains(&at) {
            return Ok(None);
        }
        let new = self.enlist(std::slice::from_ref(&at))?.pop();
        let until = Instant::now() + within;
        for member in self.lock().iter().filter(|member| member.address == at) {
            let mut kept = member.until();
            // One that an operator named stays without coming again.
            if new.is_some() || kept.is_some() {
                *kept = Some(until);
            }
        }
        Ok(new)
    }

    /// Takes a worker off the list that registered itself.
    pub fn leave(&self, at: &str) {
        self.unwanted().remove(at);
        self.remove_where(|member| member.address == at && member.until().is_some());
    }

    /// Takes workers off the list: they end what they have. Those that are not on it are no error.
    pub fn remove(&self, addresses: &[String]) {
        let mut unwanted = self.unwanted();
        for member in self.lock().iter().filter(|member| addresses.contains(&member.address)) {
            if member.until().is_some() && unwanted.len() < MAX_WORKERS {
                unwanted.insert(member.address.clone());
            }
        }
        drop(unwanted);
        self.remove_where(|member| addresses.contains(&member.address));
    }

    /// Takes those off the list that did not come again.
    pub fn remove_late(&self, now: Instant) {
        self.remove_where(|member| member.until().is_some_and(|until| until < now));
    }

    fn remove_where(&self, gone: impl Fn(&Member) -> bool) {
        let mut members = self.lock();
        let before = members.len();
        members.retain(|member| {
            let goes = gone(member);
            if goes {
                tracing::info!(worker = member.address, "the worker is removed");
                member.removed.cancel();
            }
            !goes
        });
        let changed = members.len() != before;
        drop(members);
        if changed {
            self.ring();
        }
    }

    fn member(&self, at: &str) -> Result<Arc<Member>, NotAnAddress> {
        let at = address(at)?;
        let worker = Worker::new(&at, self.connect_within, self.silence, self.max_proof_bytes)?;
        Ok(Arc::new(Member::new(at, worker)))
    }

    /// Checks a worker again and again, for as long as it is on the list.
    pub async fn watch(&self, member: &Member) {
        loop {
            let checked = tokio::select! {
                checked = self.check(member) => checked,
                () = member.removed.cancelled() => return,
            };
            if let Err(reason) = &checked {
                self.metrics.worker_unhealthy.with_label_values(&[&member.address]).inc();
                if member.is_healthy() || member.standing.borrow().health == Health::Unknown {
                    tracing::warn!(worker = member.address, reason, "the worker is unhealthy");
                }
            } else if !member.is_healthy() {
                tracing::info!(worker = member.address, "the worker is healthy");
            }
            member.note(checked);
            self.ring();
            tokio::select! {
                () = tokio::time::sleep(self.pause(member.failures())) => {}
                () = member.recheck.notified() => {
                    self.ring();
                    // It has just failed: at once it would fail again.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                () = member.removed.cancelled() => return,
            }
        }
    }

    /// Until the next check: as told while all is well, and longer with every failure.
    fn pause(&self, failures: u32) -> Duration {
        match failures {
            0 => self.check_every,
            // Quick first: most workers that are away are only starting again.
            more => Duration::from_millis(500).saturating_mul(1 << (more - 1).min(10)).min(LONGEST_PAUSE),
        }
    }

    async fn check(&self, member: &Member) -> Result<(String, bool), String> {
        let status = member.worker.status(self.connect_within).await.map_err(|status| said(&status))?;
        self.judge(status)
    }

    /// Whether a worker that says this of itself is one of ours.
    fn judge(&self, status: WorkerStatus) -> Result<(String, bool), String> {
        let WorkerStatus { version, supported_proof_type, ready, busy: _, meze_version } = status;
        if version.is_empty() {
            return Err("Worker version is empty".to_owned());
        }
        let Some(line) = line_of(&version) else { return Err(format!("Worker version is invalid ({version})")) };
        let Some(kind) = ProofKind::from_wire(supported_proof_type) else {
            return Err(format!("unknown ProverType value: {supported_proof_type}"));
        };
        if kind != self.kind {
            return Err(format!("Unsupported prover type: {}", kind.title()));
        }
        let is_meze = !meze_version.is_empty();
        if is_meze && !ready {
            return Err("it is not ready".to_owned());
        }
        let mut ours = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *ours {
            (Some(ours), _) if *ours != line => {
                Err(format!("Worker version is invalid ({version}): this proxy is for workers of {ours}"))
            }
            (Some(_), _) => Ok((version, is_meze)),
            (unset, _) => {
                tracing::info!(line, "this proxy is for workers of this line, as its first one is");
                *unset = Some(line);
                Ok((version, is_meze))
            }
        }
    }

    /// Without any worker, the next one may be of another line, unless an operator said which.
    pub(crate) fn forget_line_if_alone(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.1 && self.is_empty() {
            line.0 = None;
        }
    }
}

/// The line of a version: its first two numbers.
pub(crate) fn line_of(version: &str) -> Option<String> {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let number = |text: &str| !text.is_empty() && text.len() < 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(major) && number(minor) && numbers.next().is_some()).then(|| format!("{major}.{minor}"))
}

/// What a worker's refusal to say how it is comes to.
fn said(status: &Status) -> String {
    let text = if status.message().is_empty() { status.code().description() } else { status.message() };
    match status.source() {
        Some(under) => format!("{text}: {}", with_sources(under)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(line: Option<&str>) -> Fleet {
        let settings = Settings { line: line.map(str::to_owned), ..Settings::new(ProofKind::Batch) };
        Fleet::new(&settings, Arc::new(Metrics::new().unwrap()))
    }

    fn status(version: &str, kind: i32) -> WorkerStatus {
        WorkerStatus { version: version.to_owned(), supported_proof_type: kind, ..WorkerStatus::default() }
    }

    #[test]
    fn a_worker_of_another_type_or_version_is_refused_with_the_reason() {
        let fleet = fleet(Some("0.9"));
        let cases = [
            (status("", 1), "Worker version is empty"),
            (status("0", 1), "Worker version is invalid (0)"),
            (status("v0.9.4", 1), "Worker version is invalid (v0.9.4)"),
            (status("0.15.3", 1), "Worker version is invalid (0.15.3): this proxy is for workers of 0.9"),
            (status("0.9.4", 7), "unknown ProverType value: 7"),
            (status("0.9.4", 0), "Unsupported prover type: Transaction"),
            (WorkerStatus { meze_version: "0.1.0".to_owned(), ..status("0.9.4", 1) }, "it is not ready"),
        ];
        for (status, reason) in cases {
            assert_eq!(fleet.judge(status), Err(reason.to_owned()));
        }
        assert_eq!(fleet.judge(status("0.9.7", 1)), Ok(("0.9.7".to_owned(), false)));
    }

    #[test]
    fn the_first_worker_decides_the_line_unless_an_operator_did() {
        let fleet = fleet(None);
        assert!(fleet.judge(status("0.15.3", 1)).is_ok());
        assert_eq!(fleet.line().as_deref(), Some("0.15"));
        assert!(fleet.judge(status("0.9.4", 1)).is_err());
        fleet.forget_line_if_alone();
        assert!(fleet.judge(status("0.9.4", 1)).is_ok());
    }

    #[tokio::test]
    async fn adding_is_all_or_nothing_and_the_same_address_is_the_same_worker() {
        let fleet = fleet(None);
        let two = ["127.0.0.1:1", "worker.example:2"].map(str::to_owned);
        assert_eq!(fleet.add(&two).unwrap().len(), 2);
        assert!(fleet.add(&two).unwrap().is_empty());
        assert!(fleet.add(&["127.0.0.1:3".to_owned(), "nonsense".to_owned()]).is_err());
        assert_eq!(fleet.len(), 2);
        let first = fleet.members().remove(0);
        fleet.remove(&["127.0.0.1:1".to_owned(), "unknown:9".to_owned()]);
        assert_eq!(fleet.len(), 1);
        assert!(first.removed.is_cancelled());
    }

    #[tokio::test]
    async fn a_registered_worker_that_does_not_come_again_goes_and_a_named_one_stays() {
        let fleet = fleet(None);
        fleet.add(&["127.0.0.1:1".to_owned()]).unwrap();
        assert!(fleet.register("127.0.0.1:1", Duration::ZERO).unwrap().is_none());
        assert!(fleet.register("127.0.0.1:2", Duration::ZERO).unwrap().is_some());
        fleet.remove_late(Instant::now() + Duration::from_secs(1));
        let left: Vec<String> = fleet.members().iter().map(|member| member.address.clone()).collect();
        assert_eq!(left, ["127.0.0.1:1"]);
    }

    #[tokio::test]
    async fn an_operator_has_the_last_word_about_workers_that_register_themselves() {
        let fleet = fleet(None);
        let at = "127.0.0.1:1".to_owned();
        let minute = Duration::from_secs(60);
        fleet.register(&at, minute).unwrap();
        fleet.remove(std::slice::from_ref(&at));
        assert!(fleet.register(&at, minute).unwrap().is_none() && fleet.is_empty());
        // After it has left it may come anew.
        fleet.leave(&at);
        assert!(fleet.register(&at, minute).unwrap().is_some());
        // Named by an operator it stays, whether it comes or leaves.
        fleet.add(std::slice::from_ref(&at)).unwrap();
        fleet.leave(&at);
        fleet.remove_late(Instant::now() + 2 * minute);
        assert_eq!(fleet.len(), 1);
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let fleet = fleet(None);
        let pauses = [0, 1, 2, 3, 100].map(|failures| fleet.pause(failures).as_millis());
        assert_eq!(pauses, [10_000, 500, 1_000, 2_000, 64_000]);
    }

    #[test]
    fn a_line_is_two_numbers_of_at_least_three() {
        for (version, line) in
            [("0.9.4", Some("0.9")), ("0.15.3-rc.1", Some("0.15")), ("1.0", None), ("", None), ("a.b.c", None)]
        {
            assert_eq!(line_of(version).as_deref(), line, "{version}");
        }
    }
}
