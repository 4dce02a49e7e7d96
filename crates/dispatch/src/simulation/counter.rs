//! Between a dispatcher and its workers: what they say becomes events, what it says is checked before they hear it,
//! and proofs are checked as a verifier would.

use proving::payload::Payload;

use super::fired::Fired;
use super::process::Caller;
use super::worker::{Asked, Call, Letter};
use super::world::World;
use crate::engine::Engine;
use crate::event::{Answer, Check, Event, Held, Hello, Reply, SessionId, Verdict};
use crate::state::State;
use crate::time::Time;

impl World {
    /// A worker's question is answered: nothing is said that is not durable.
    pub(super) fn answer_worker(&mut self, connection: usize, call: u64, asked: Asked, reply: Reply) {
        let letter = match (asked, reply) {
            (_, Reply::Welcome(stale)) => Letter::Welcome(stale),
            (_, Reply::Offer(offer)) => {
                self.judge.granted(&offer.held);
                Letter::Offer(call, offer)
            }
            (_, Reply::Nothing) => Letter::Nothing(call),
            (Asked::Claim(held), Reply::Claim(token)) => {
                match token {
                    Some(token) => self.judge.granted(&Held { task: held.task, token }),
                    None => self.fire(Fired::ClaimRefused),
                }
                Letter::Claim(call, held, token)
            }
            (Asked::Beat(held), Reply::Beat(live)) => Letter::Beat(call, held, live),
            (Asked::Result(held, proof), Reply::Answer(answer)) => {
                if answer == Answer::Accepted {
                    self.judge.confirmed(&held, proof);
                }
                if answer == Answer::Stale {
                    self.fire(Fired::Stale);
                }
                Letter::Answer(call, held)
            }
            (_, Reply::NoSession) => Letter::NoSession,
            (asked, reply) => panic!("{asked:?} was answered with {reply:?}"),
        };
        self.post(connection, letter);
    }

    /// The state that a restart would find is the state that is.
    pub(super) fn check_recovery(&mut self) {
        let Some(process) = self.live() else { return };
        if !self.processes[process].settled() {
            return;
        }
        let engine = Engine::start(self.config(), &self.disk.kept, Time(0)).expect("what is kept reads back");
        let live = self.processes[process].engine.as_ref().map(Engine::state).map(State::durable);
        assert!(Some(engine.state().durable()) == live, "what a restart would find is not what is");
    }

    /// Checks a proof as a verifier would: it reads the blobs first.
    pub(super) fn judge_proof(&mut self, check: &Check) -> Verdict {
        let all = check.needs.iter().chain([&check.output]);
        if let Some(digest) = all.filter_map(Payload::blob).find(|digest| self.lost.contains(digest)) {
            return Verdict::Unreadable(digest);
        }
        match self.judge_output(check) {
            true => Verdict::Holds,
            false => Verdict::Refused("the proof does not hold".to_owned()),
        }
    }

    pub(super) fn deliver(&mut self, process: usize, connection: usize, call: u64, said: Call) {
        if !self.connections[connection].seen {
            return;
        }
        let session = SessionId(connection as u64);
        let asked = said.asked();
        let request = match &said {
            Call::Unask(ask) => match self.connections[connection].asks.get(ask) {
                Some(request) => *request,
                None => return,
            },
            Call::BlobLost(digest) => {
                self.hear(process, Event::BlobLost { digest: *digest });
                return;
            }
            _ => self.request(Caller::Worker(connection, call, asked)),
        };
        if matches!(said, Call::Ask) {
            self.connections[connection].asks.insert(call, request);
        }
        let event = match said {
            Call::Hello(running) => {
                let worker = &self.workers[self.connections[connection].worker];
                let hello = Hello {
                    worker: worker.name.clone(),
                    pool: false,
                    classes: worker.classes.clone(),
                    memory_bytes: worker.memory,
                    since_ms: connection as u64,
                    running,
                };
                Event::Hello { request, session, hello }
            }
            Call::Ask => Event::Ask { request, session },
            Call::Unask(_) => Event::Unask { session, request },
            Call::Claim(held, redelivered) => Event::Claim { request, session, held, redelivered },
            Call::Beat(held) => Event::Beat { request, session, held, progress: Default::default() },
            Call::Done(held, output, usage) => Event::Done { request, session, held, output, usage },
            Call::Failed(held, cause, usage) => {
                let reason = format!("simulated: {cause}");
                Event::Failed { request, session, held, cause, reason, usage }
            }
            Call::BlobLost(digest) => Event::BlobLost { digest },
        };
        self.hear(process, event);
    }
}
