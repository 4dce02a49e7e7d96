//! What the desk hears from the dispatcher's records.

use dispatch::model::{Failure, Job, JobId, JobState, Phase, Task};
use dispatch::record::Record;
use dispatch::state::State;
use dispatcher::Observer;
use miden_wire::refusal;
use proving::id::TaskId;
use proving::lease::Cause;
use proving::payload::Payload;
use tonic::{Code, Status};

use super::entry::{Entry, Serial};
use super::{Books, Desk};

/// Hears for a desk.
pub(crate) struct Notes(pub(crate) Desk);

impl Observer for Notes {
    fn started(&mut self, state: &State) {
        self.0.started(state);
    }

    fn records(&mut self, state: &State, records: &[Record]) {
        for record in records {
            match record {
                Record::JobOpened { job, name, .. } => self.0.opened(*job, name),
                Record::Leased { task, .. } => self.0.leased(task),
                Record::Ended { task, .. } => self.0.attempt_ended(task),
                Record::JobEnded { job, state: ended, .. } => self.0.job_ended(state, *job, ended),
                _ => {}
            }
        }
    }
}

impl Desk {
    fn opened(&self, job: JobId, name: &str) {
        let mut books = self.books();
        let Some((task, serial)) = books.opening.get(name).copied() else { return };
        if let Some(entry) = books.entries.get_mut(&task).filter(|entry| entry.serial == serial) {
            entry.job = Some(job);
        }
    }

    fn leased(&self, task: &TaskId) {
        let mut books = self.books();
        let Some(entry) = books.entries.get_mut(task) else { return };
        entry.running = true;
        if let Some(since) = entry.since.take() {
            let waited = since.elapsed().as_secs_f64();
            self.metrics().queue_latency.observe(waited);
            self.metrics().queue_seconds.observe(waited);
        }
    }

    /// It waits again, unless its job is over now.
    fn attempt_ended(&self, task: &TaskId) {
        if let Some(entry) = self.books().entries.get_mut(task) {
            entry.running = false;
            self.metrics().request_retries.inc();
        }
    }

    fn job_ended(&self, state: &State, job: JobId, ended: &JobState) {
        let Some(found) = state.durable().jobs.get(&job) else { return };
        let Some(task) = found.root else { return };
        let kept = state.durable().tasks.get(&task);
        let mut books = self.books();
        let output = kept.and_then(|task| task.accepted()).map(|accepted| accepted.output.clone());
        if let (JobState::Done, Some(output)) = (ended, &output) {
            books.keep(task, output.clone());
        }
        if books.entries.get(&task).is_none_or(|entry| entry.job != Some(job)) {
            return;
        }
        match (ended, output) {
            (JobState::Done, Some(output)) => self.hand_over(&mut books, task, output),
            _ => self.settle(&mut books, &task, Err(status_of(ended, kept))),
        }
    }

    /// The proof is there: whoever waits gets it.
    fn hand_over(&self, books: &mut Books, task: TaskId, output: Payload) {
        let at_hand = match &output {
            Payload::Inline(bytes) => Some(bytes.clone().into()),
            Payload::Blob { .. } => books.fresh.remove(&task),
        };
        if let Some(proof) = at_hand {
            return self.settle(books, &task, Ok(proof));
        }
        let desk = self.clone();
        tokio::spawn(async move {
            let read = desk.read(&output).await;
            let outcome = read.ok_or_else(|| refusal::not_ready("the proof was lost on the way: ask again"));
            desk.settle(&mut desk.books(), &task, outcome);
        });
    }

    /// The dispatcher started, or started again: its state says what is, and entries follow.
    fn started(&self, state: &State) {
        let mut books = self.books();
        let durable = state.durable();
        let running =
            |task: &TaskId| durable.tasks.get(task).is_some_and(|task| matches!(task.phase, Phase::Leased { .. }));
        let known: Vec<(TaskId, JobId)> =
            books.entries.iter().filter_map(|(task, entry)| Some((*task, entry.job?))).collect();
        for (task, job) in known {
            match durable.jobs.get(&job) {
                Some(found) if found.open() => {
                    if let Some(entry) = books.entries.get_mut(&task) {
                        entry.running = running(&task);
                    }
                }
                Some(found) => {
                    drop(books);
                    self.job_ended(state, job, &found.state.clone());
                    books = self.books();
                }
                None => {
                    let lost = refusal::not_ready("the request was lost on the way: ask again");
                    self.settle(&mut books, &task, Err(lost));
                }
            }
        }
        for (id, job) in &durable.jobs {
            if job.owner == self.shared.owner {
                if let Some((task, serial)) = books.opening.get(&job.name).copied()
                    && let Some(entry) = books.entries.get_mut(&task).filter(|entry| entry.serial == serial)
                {
                    entry.job = Some(*id);
                }
                self.recover(&mut books, *id, job, job.root.and_then(|root| durable.tasks.get(&root)), &running);
            }
        }
        // Requests of a run before wait for those who asked, as if these had just left.
        let alone = books.entries.iter().filter(|(_, entry)| entry.waiters == 0);
        let alone: Vec<(TaskId, Serial)> = alone.map(|(task, entry)| (*task, entry.serial)).collect();
        drop(books);
        if !alone.is_empty() {
            tracing::info!(requests = alone.len(), "going on with requests of before");
        }
        for (task, serial) in alone {
            self.linger(self.books(), task, serial);
        }
    }

    /// What a run before left: a proof to keep, or a request to go on with.
    fn recover(&self, books: &mut Books, id: JobId, job: &Job, task: Option<&Task>, running: &dyn Fn(&TaskId) -> bool) {
        let Some(root) = job.root else { return };
        match &job.state {
            JobState::Done => {
                let output = task.and_then(|task| task.accepted()).map(|accepted| accepted.output.clone());
                output.into_iter().for_each(|output| books.keep(root, output));
            }
            JobState::Open if !books.entries.contains_key(&root) => {
                books.serial += 1;
                let mut entry = Entry::new(Serial(books.serial), None);
                (entry.job, entry.waiters, entry.running) = (Some(id), 0, running(&root));
                books.entries.insert(root, entry);
            }
            _ => {}
        }
    }
}

/// What clients hear of a request that has no proof.
fn status_of(ended: &JobState, task: Option<&Task>) -> Status {
    let last: Option<&Failure> = task.and_then(|task| task.failures.last());
    match (ended, last) {
        (JobState::Cancelled, _) => refusal::timeout(),
        (_, Some(Failure { cause, reason, .. })) => refusal::from_text(reason, code_of(*cause)),
        _ => refusal::not_ready("there is no proof: ask again"),
    }
}

/// The code of a failure whose reason has none: the fabric's own.
fn code_of(cause: Cause) -> Code {
    match cause {
        Cause::InvalidInput => Code::InvalidArgument,
        Cause::Cancelled => Code::Cancelled,
        Cause::Disconnected | Cause::Expired | Cause::Returned | Cause::Blob => Code::Unavailable,
        _ => Code::Internal,
    }
}
