//! What time does: leases end, deadlines pass, old jobs are forgotten.

use proving::id::TaskId;
use proving::lease::Cause;

use super::State;
use crate::event::{Action, Notice};
use crate::model::JobState;
use crate::time::Time;

impl State {
    /// Goes on to `now`. Events come several times a second; a longer gap means that this process stood
    /// still (or its clock jumped), and then the silence of workers says nothing about them.
    pub(super) fn advance(&mut self, now: Time) {
        let gap = now.ms_since(self.now);
        if now <= self.now {
            return;
        }
        self.now = now;
        if gap <= self.config.standstill_ms {
            return;
        }
        let ends = std::mem::take(&mut self.expiries);
        for (end, task) in ends {
            let later = end.plus_ms(gap);
            if let Some(lease) = self.leases.get_mut(&task) {
                lease.expires = Some(later);
                self.expiries.insert((later, task));
            }
        }
    }

    pub(super) fn set_expiry(&mut self, task: &TaskId, expires: Option<Time>) {
        let Some(lease) = self.leases.get_mut(task) else { return };
        if let Some(before) = lease.expires {
            self.expiries.remove(&(before, *task));
        }
        lease.expires = expires;
        self.expiries.extend(expires.map(|expires| (expires, *task)));
    }

    pub(super) fn tick(&mut self) {
        while let Some((end, task)) = self.expiries.first().copied() {
            if end > self.now {
                break;
            }
            self.expire(&task);
        }
        while let Some((deadline, job)) = self.deadlines.first().copied() {
            if deadline > self.now {
                break;
            }
            self.deadlines.pop_first();
            self.end_job(job, JobState::Failed { task: None, reason: "its deadline passed".to_owned() });
        }
        let now = self.now;
        self.avoided.retain(|_, all| all.iter().any(|(_, until)| *until > now));
        self.forget_old();
        self.match_idle();
    }

    fn expire(&mut self, task: &TaskId) {
        let Some(lease) = self.leases.get(task) else {
            self.expiries.retain(|(_, other)| other != task);
            return;
        };
        let (token, worker, session) = (lease.token, lease.worker.clone(), lease.session);
        let reason = match session {
            Some(_) => format!("nothing was heard of it for {} ms", self.config.lease_ms),
            None => "its worker did not come back after the dispatcher started".to_owned(),
        };
        self.end_lease(task, worker, (Cause::Expired, reason, Default::default()));
        // If it lives after all, it need not go on.
        if let Some(session) = session.filter(|session| self.sessions.contains_key(session)) {
            self.out.actions.push(Action::Notify(session, Notice::Stop(token)));
        }
    }
}
