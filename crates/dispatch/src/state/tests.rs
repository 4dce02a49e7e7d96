//! One rule of dispatch each, told as a small story on the bare state machine.

mod chains;
mod claims;
mod lies;
mod limits;

use proving::id::{Owner, TaskId};
use proving::kind::Kind;
use proving::lease::Usage;
use proving::payload::{BlobDigest, Payload};
use proving::statement::{Mode, Statement};

use super::State;
use crate::config::Config;
use crate::event::{Action, Answer, Event, Held, Hello, Notice, Offer, Reply, RequestId, SessionId, Submit, Verdict};
use crate::model::{Class, Durable, JobId, JobState, TaskSpec};
use crate::time::Time;

/// A state with a clock, and what it said last.
struct Story {
    state: State,
    ms: u64,
    requests: u64,
    actions: Vec<Action>,
}

fn class() -> Class {
    Class { kind: Kind::ROLLUP_INNER, statement: Statement::of_line(Mode::Mock, "a-1".parse().unwrap()) }
}

fn owner(name: &str) -> Owner {
    name.parse().unwrap()
}

fn spec(input: u8, needs: &[TaskId]) -> TaskSpec {
    let input = Payload::Blob { digest: BlobDigest::from_bytes([input; 32]), bytes: 32 };
    let needs = needs.to_vec();
    TaskSpec { class: class(), input, secret: false, needs, memory_bytes: 2, traceparent: None }
}

fn submit(name: &str, tasks: Vec<TaskSpec>) -> Submit {
    let owner = owner("ann");
    let root = tasks.last().map(|spec| spec.id(&owner));
    Submit { name: name.to_owned(), owner, priority: 0, deadline: None, tasks, root }
}

fn output(number: u8) -> Payload {
    Payload::Blob { digest: BlobDigest::from_bytes([number; 32]), bytes: 1_000 }
}

impl Story {
    fn new(config: Config) -> Self {
        let state = State::recover(config, Durable::default(), [], Time(1_000));
        Self { state, ms: 1, requests: 0, actions: Vec::new() }
    }

    /// The dispatcher ends and starts again from what is durable.
    fn restart(&mut self) {
        let (config, durable) = (self.state.config().clone(), self.state.durable().clone());
        self.state = State::recover(config, durable, [], Time(self.ms * 1_000));
    }

    /// The answer to an event, if there is one at once.
    fn hear(&mut self, event: impl FnOnce(RequestId) -> Event) -> Option<Reply> {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.actions = self.state.handle(event(request), Time(self.ms * 1_000)).actions;
        self.state.check_invariants();
        self.actions.iter().find_map(|action| match action {
            Action::Reply(to, reply) if *to == request => Some(reply.clone()),
            _ => None,
        })
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(500) {
            self.ms += 500;
            self.hear(|_| Event::Tick);
        }
    }

    fn submit(&mut self, submit: Submit) -> Option<Reply> {
        self.hear(|request| Event::Submit { request, submit })
    }

    fn connect(&mut self, session: u64, pool: bool, memory_bytes: u64) {
        let worker = format!("worker-{session}");
        let hello = Hello { worker, pool, classes: vec![class()], memory_bytes, since_ms: 0, running: Vec::new() };
        self.hear(|request| Event::Hello { request, session: SessionId(session), hello });
    }

    fn ask(&mut self, session: u64) -> Option<Offer> {
        match self.hear(|request| Event::Ask { request, session: SessionId(session) }) {
            Some(Reply::Offer(offer)) => Some(*offer),
            _ => None,
        }
    }

    fn claim(&mut self, session: u64, held: Held, redelivered: bool) -> Option<Reply> {
        self.hear(|request| Event::Claim { request, session: SessionId(session), held, redelivered })
    }

    fn done(&mut self, session: u64, held: Held, output: Payload, usage: Usage) -> Option<Reply> {
        self.hear(|request| Event::Done { request, session: SessionId(session), held, output, usage })
    }

    fn verdict(&mut self, held: Held, verdict: Verdict) {
        self.hear(|_| Event::Verdict { held, verdict });
    }

    /// Proves what the session is offered next.
    fn prove(&mut self, session: u64, number: u8) -> Held {
        let held = self.ask(session).unwrap().held;
        self.done(session, held, output(number), Usage::default());
        self.verdict(held, Verdict::Holds);
        held
    }

    fn job(&self, job: u64) -> &JobState {
        &self.state.durable().jobs[&JobId(job)].state
    }

    fn answered(&self, answer: &Answer) -> bool {
        let is = |action: &Action| matches!(action, Action::Reply(_, Reply::Answer(said)) if said == answer);
        self.actions.iter().any(is)
    }

    fn stopped(&self, held: Held) -> bool {
        let is = |action: &Action| matches!(action, Action::Notify(_, Notice::Stop(token)) if *token == held.token);
        self.actions.iter().any(is)
    }
}
