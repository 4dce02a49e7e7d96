//! The outside model: it reads what became durable and hears what was answered, and knows nothing of the
//! state machine. Whatever it panics about is a broken promise.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proving::id::{Owner, TaskId};
use proving::lease::Token;
use proving::payload::Payload;

use crate::event::Held;
use crate::model::{JobId, JobState, TaskSpec};
use crate::record::Record;

/// A job, as the log tells it.
#[derive(Debug)]
pub(super) struct JudgedJob {
    pub(super) owner: Owner,
    pub(super) name: String,
    pub(super) tasks: BTreeSet<TaskId>,
    pub(super) root: Option<TaskId>,
    pub(super) state: JobState,
    pub(super) has_deadline: bool,
}

#[derive(Debug, Default)]
struct JudgedTask {
    needs: Vec<TaskId>,
    jobs: BTreeSet<JobId>,
    /// The last lease.
    token: Option<Token>,
    /// The last lease is over.
    ended: bool,
    accepted: Option<Token>,
    failures: u32,
}

/// What counts, by the log alone.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) jobs: BTreeMap<JobId, JudgedJob>,
    tasks: HashMap<TaskId, JudgedTask>,
    leases: HashMap<Token, TaskId>,
    last_token: u64,
    /// Leases that ended by a word of their worker.
    ended: HashSet<Token>,
    accepted: HashSet<Token>,
    forgotten: BTreeSet<JobId>,
    forgotten_names: BTreeSet<(Owner, String)>,
    /// Jobs that somebody asked to cancel.
    pub(super) cancelled: BTreeSet<JobId>,
    /// The proofs that are right.
    right: HashSet<Key>,
}

/// A payload as a key.
type Key = (TaskId, Vec<u8>);

fn key(task: TaskId, payload: &Payload) -> Key {
    let bytes = match payload {
        Payload::Inline(bytes) => bytes.clone(),
        Payload::Blob { digest, .. } => digest.as_bytes().to_vec(),
    };
    (task, bytes)
}

impl Judge {
    /// A worker made this, and it is right.
    pub(super) fn honest(&mut self, task: TaskId, output: &Payload) {
        self.right.insert(key(task, output));
    }

    /// A batch is on the disk.
    pub(super) fn durable(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.read(record));
    }

    fn read(&mut self, record: &Record) {
        match record {
            Record::JobOpened { job, name, owner, deadline, .. } => {
                let same = |other: &JudgedJob| other.name == *name && other.owner == *owner;
                assert!(!self.jobs.values().any(same), "two jobs have one name");
                assert!(!self.forgotten.contains(job), "a forgotten number is used again");
                let opened = JudgedJob {
                    owner: owner.clone(),
                    name: name.clone(),
                    tasks: BTreeSet::new(),
                    root: None,
                    state: JobState::Open,
                    has_deadline: deadline.is_some(),
                };
                assert!(self.jobs.insert(*job, opened).is_none(), "two jobs have one number");
            }
            Record::TaskAdded { job, task, spec } => self.add(*job, *task, spec),
            Record::TaskJoined { job, task } => self.join(*job, *task),
            Record::JobSealed { job, root } => self.job(*job).root = Some(*root),
            Record::Leased { task, token, .. } => {
                assert!(token.0 > self.last_token, "tokens do not grow: {token} after {}", self.last_token);
                self.last_token = token.0;
                self.leases.insert(*token, *task);
                assert!(self.wanted(task), "a task that nobody wants is leased");
                let task = self.task(task);
                assert!(task.accepted.is_none(), "a task that has its proof is leased");
                task.token = Some(*token);
                task.ended = false;
            }
            Record::Ended { task, .. } => {
                let task = self.task(task);
                task.failures += 1;
                task.ended = true;
                if let Some(token) = task.token {
                    self.ended.insert(token);
                }
            }
            Record::Accepted { task: id, token, output, .. } => {
                assert!(self.right.contains(&key(*id, output)), "a wrong proof was accepted");
                let task = self.task(id);
                assert!(task.accepted.is_none(), "two proofs of one generation were accepted");
                assert!(task.token == Some(*token) && !task.ended, "a stale token changed something");
                task.accepted = Some(*token);
                self.accepted.insert(*token);
            }
            Record::Died { task } => assert!(self.task(task).failures > 0, "a task died of nothing"),
            Record::OutputLost { task: id } => {
                let task = self.task(id);
                task.accepted = None;
                task.ended = true;
                self.need_again(id);
            }
            Record::Revived { task } => self.need_again(task),
            Record::JobEnded { job, state, .. } => {
                let job = self.job(*job);
                assert_eq!(job.state, JobState::Open, "a job that is over ended");
                job.state = state.clone();
                let tasks: Vec<_> = job.tasks.iter().copied().collect();
                for task in tasks {
                    if !self.wanted(&task) {
                        self.task(&task).ended = true;
                    }
                }
            }
            Record::JobReopened { job } => self.job(*job).state = JobState::Open,
            Record::JobForgotten { job } => {
                let forgotten = self.jobs.remove(job).expect("a job that is forgotten was there");
                assert_ne!(forgotten.state, JobState::Open, "an open job was forgotten");
                self.forgotten.insert(*job);
                self.forgotten_names.insert((forgotten.owner, forgotten.name));
                for id in forgotten.tasks {
                    let jobs = &mut self.task(&id).jobs;
                    jobs.remove(job);
                    if jobs.is_empty() {
                        self.tasks.remove(&id);
                    }
                }
            }
        }
    }

    fn add(&mut self, job: JobId, id: TaskId, spec: &TaskSpec) {
        assert_eq!(id, spec.id(&self.job(job).owner), "a task has another name than it should");
        let task = JudgedTask { needs: spec.needs.clone(), ..JudgedTask::default() };
        assert!(self.tasks.insert(id, task).is_none(), "a task that is there was added");
        self.join(job, id);
    }

    fn join(&mut self, job: JobId, task: TaskId) {
        let mut stack = vec![task];
        while let Some(id) = stack.pop() {
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            if task.jobs.insert(job) {
                if task.accepted.is_none() {
                    stack.extend(task.needs.iter().copied());
                }
                self.job(job).tasks.insert(id);
            }
        }
    }

    /// A task that was over is not: its jobs want what it needs.
    fn need_again(&mut self, id: &TaskId) {
        let task = self.task(id);
        let (needs, jobs) = (task.needs.clone(), task.jobs.clone());
        for job in jobs {
            needs.iter().for_each(|need| self.join(job, *need));
        }
    }

    fn job(&mut self, job: JobId) -> &mut JudgedJob {
        self.jobs.get_mut(&job).expect("a record names a job that is there")
    }

    fn task(&mut self, task: &TaskId) -> &mut JudgedTask {
        self.tasks.get_mut(task).expect("a record names a task that is there")
    }

    fn wanted(&self, task: &TaskId) -> bool {
        let open = |job: &JobId| self.jobs.get(job).is_some_and(|job| job.state == JobState::Open);
        self.tasks.get(task).is_some_and(|task| task.jobs.iter().any(open))
    }

    /// Whether this lease counts.
    pub(super) fn current(&self, held: &Held) -> bool {
        let task = self.tasks.get(&held.task);
        task.is_some_and(|task| task.token == Some(held.token) && !task.ended && task.accepted.is_none())
            && self.wanted(&held.task)
    }

    /// An offer or a claim was answered with this.
    pub(super) fn granted(&self, held: &Held) {
        assert_eq!(self.leases.get(&held.token), Some(&held.task), "a token was given out that is not durable");
    }

    /// A completion, or a failure, was answered with `Accepted`.
    pub(super) fn confirmed(&self, held: &Held, proof: bool) {
        let durable = self.accepted.contains(&held.token) || (!proof && self.ended.contains(&held.token));
        assert!(durable, "a result was confirmed that is not durable");
    }

    /// A submission was answered with `Submitted`.
    pub(super) fn submitted(&self, job: JobId, tasks: &[TaskId], root: Option<TaskId>) {
        let Some(found) = self.jobs.get(&job) else {
            assert!(self.forgotten.contains(&job), "a submission was confirmed that is not durable");
            return;
        };
        let all = tasks.iter().all(|task| found.tasks.contains(task));
        assert!(all, "a submission was confirmed of which not all is durable");
        let over = found.state != JobState::Open;
        assert!(over || root.is_none() || found.root == root, "a job was said to be sealed, and is not");
    }

    /// A cancellation or the like was answered with this state.
    pub(super) fn standing(&self, job: JobId, state: &JobState) {
        if *state == JobState::Cancelled && !self.forgotten.contains(&job) {
            let durable = self.jobs.get(&job).is_some_and(|job| job.state == JobState::Cancelled);
            assert!(durable, "a cancellation was confirmed that is not durable");
        }
    }

    /// Whether a job of this name was forgotten: what is repeated of it then begins another one.
    pub(super) fn begun_again(&self, owner: &Owner, name: &str) -> bool {
        self.forgotten_names.contains(&(owner.clone(), name.to_owned()))
    }

    /// The open job of this name.
    pub(super) fn open_job(&self, owner: &Owner, name: &str) -> Option<JobId> {
        let is = |job: &JudgedJob| job.state == JobState::Open && job.owner == *owner && job.name == name;
        self.jobs.iter().find(|(_, job)| is(job)).map(|(id, _)| *id)
    }

    /// Whether a job has its root.
    pub(super) fn sealed(&self, job: JobId) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.root.is_some())
    }

    /// The open jobs.
    pub(super) fn open(&self) -> usize {
        self.jobs.values().filter(|job| job.state == JobState::Open).count()
    }

    /// The end: everybody has what he asked for, or was told why not.
    pub(super) fn check_end(&self) {
        for (id, job) in &self.jobs {
            match &job.state {
                JobState::Open => panic!("job {id} never ended"),
                JobState::Done => {
                    let done = job.root.and_then(|root| self.tasks.get(&root)).is_some_and(|t| t.accepted.is_some());
                    assert!(done, "job {id} is done, and its root has no proof");
                }
                JobState::Cancelled => assert!(self.cancelled.contains(id), "nobody cancelled job {id}"),
                JobState::Failed { task: None, .. } => assert!(job.has_deadline, "job {id} failed without a cause"),
                JobState::Failed { task: Some(_), reason } => {
                    assert!(!reason.is_empty(), "job {id} failed without a reason");
                }
            }
        }
    }
}
