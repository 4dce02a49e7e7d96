//! What goes wrong by itself, and the end of it.

use proving::payload::Payload;

use super::fired::Fired;
use super::world::{MS, World};
use crate::event::Event;
use crate::model::{Phase, Task};

impl World {
    /// Something goes wrong.
    pub(super) fn chaos(&mut self) {
        let w = self.random.below(self.workers.len());
        let length = self.random.between(200, 6_000) * MS;
        let live = self.live();
        match self.random.below(20) {
            0 => {
                if let Some(process) = live {
                    self.fire(Fired::Crash);
                    self.crash(process);
                }
            }
            1 => {
                if let Some(process) = live {
                    self.freeze(process);
                }
            }
            2 => self.disk.full_until = self.now + length / 4,
            3 | 4 => {
                if self.workers[w].alive {
                    let unseen = self.random.one_in(2);
                    self.fire(if unseen { Fired::DeathUnseen } else { Fired::Death });
                    self.die_worker(w, unseen);
                }
            }
            5 => {
                self.fire(Fired::Freeze);
                self.workers[w].frozen_until = self.now + length;
            }
            6 => {
                self.fire(Fired::Partition);
                self.workers[w].cut_off_until = self.now + length;
            }
            7 | 8 => {
                if let Some(connection) = self.workers[w].connection {
                    self.fire(Fired::Lost);
                    self.cut(connection);
                }
            }
            9 => self.jump(),
            10 => {
                if let Some(process) = live {
                    self.fire(Fired::Drain);
                    let request = self.request_nobody();
                    let worker = self.workers[w].name.clone();
                    self.hear(process, Event::Drain { request, worker });
                }
            }
            11 | 12 => self.lose_output(),
            13 => self.lose_input(),
            14 => {
                if let Some(process) = live {
                    self.lose_pool(process);
                }
            }
            15 | 16 => {
                if self.workers[w].consumer {
                    self.undeliver(w);
                }
            }
            _ => self.clear_suspended(),
        }
    }

    fn jump(&mut self) {
        let Some(process) = self.live() else { return };
        let by = self.random.between(1, 20_000) as i64;
        if self.random.one_in(2) {
            self.fire(Fired::ClockJump);
            self.processes[process].jumped += by * MS as i64;
        } else {
            self.fire(Fired::ClockStill);
            self.processes[process].jumped -= (by / 5) * MS as i64;
        }
    }

    /// A request of somebody who does not listen.
    fn request_nobody(&mut self) -> crate::event::RequestId {
        crate::event::RequestId(self.number())
    }

    /// The blob of some proof that is still needed is gone; who reads it next tells.
    fn lose_output(&mut self) {
        let Some(engine) = self.live().and_then(|process| self.processes[process].engine.as_ref()) else { return };
        let tasks = &engine.state().durable().tasks;
        let proved = |task: &Task| task.accepted()?.output.blob();
        let mut blobs: Vec<_> = tasks.values().filter_map(proved).collect();
        // Those whose needs are forgotten are rare, and the worst.
        let bereft = |task: &&Task| task.spec.needs.iter().any(|need| !tasks.contains_key(need));
        let rare: Vec<_> = tasks.values().filter(bereft).filter_map(proved).collect();
        if !rare.is_empty() {
            blobs = rare;
        }
        // The order of a map is that of nothing.
        blobs.sort_unstable();
        let Some(digest) = self.random.pick(&blobs) else { return };
        if self.lost.insert(digest) {
            self.fire(Fired::OutputLost);
        }
        if self.random.one_in(2)
            && let Some(process) = self.live()
        {
            self.hear(process, Event::BlobLost { digest });
        }
    }

    fn lose_input(&mut self) {
        let Some(engine) = self.live().and_then(|process| self.processes[process].engine.as_ref()) else { return };
        let open = engine.state().durable().tasks.values().filter(|task| !matches!(task.phase, Phase::Done(_)));
        let blobs: Vec<_> = open.filter_map(|task| Payload::blob(&task.spec.input)).collect();
        if let Some(digest) = self.random.pick(&blobs)
            && self.lost.insert(digest)
        {
            self.fire(Fired::InputLost);
        }
    }

    fn clear_suspended(&mut self) {
        let Some(process) = self.live() else { return };
        let Some(engine) = &self.processes[process].engine else { return };
        let suspended = |name: &&String| engine.state().suspended(name);
        let names: Vec<_> = self.workers.iter().map(|worker| &worker.name).filter(suspended).cloned().collect();
        for worker in names {
            self.fire(Fired::Suspended);
            if self.random.one_in(3) {
                self.fire(Fired::Cleared);
                let request = self.request_nobody();
                self.hear(process, Event::Clear { request, worker });
            }
        }
    }

    /// From now on nothing goes wrong any more, and there are workers for everything.
    pub(super) fn calm_down(&mut self) {
        self.calm = Some(self.now);
        self.tell(|| "-- all faults end".to_owned());
        self.disk.full_until = 0;
        for worker in &mut self.workers {
            worker.frozen_until = worker.frozen_until.min(self.now);
            worker.cut_off_until = worker.cut_off_until.min(self.now);
            worker.liar = false;
        }
        for consumer in [false, true] {
            let new = self.add_worker();
            let worker = &mut self.workers[new];
            worker.memory = 1_000;
            worker.classes = (0..3).map(super::asker::class).collect();
            worker.slots = 4;
            worker.consumer = consumer;
            worker.liar = false;
        }
        if let Some(process) = self.live() {
            let clock = &mut self.processes[process];
            clock.jumped = clock.jumped.max(0);
            for index in 0..self.workers.len() {
                let (request, worker) = (self.request_nobody(), self.workers[index].name.clone());
                self.hear(process, Event::Clear { request, worker });
            }
        }
    }
}
