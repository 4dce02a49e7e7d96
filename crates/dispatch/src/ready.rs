//! The tasks that a worker can take now, in the order in which they should go.
//!
//! Owner (the one who used least of his share) → job (higher priority, then the one that was given least)
//! → nearer the root → older. Everything is kept sorted, so that a choice costs a look at the front of a few
//! sets, however long the queue is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proving::id::{Owner, TaskId};

use crate::model::{JobId, TaskMap};
use crate::time::Time;

/// A class by its number in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

/// Where a ready task stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) class: ClassId,
    pub(crate) memory: u64,
    pub(crate) owner: Owner,
    pub(crate) job: JobId,
    pub(crate) priority: u8,
    pub(crate) level: u32,
    /// The order in which tasks became ready.
    pub(crate) age: u64,
    pub(crate) since: Time,
}

/// The rank of a task among all that one worker could take: the least goes first.
type Rank = (u64, Owner, Reverse<u8>, u64, JobId, Reverse<u32>, u64, TaskId);

/// A job's rank among those of its owner.
type JobKey = (Reverse<u8>, u64, JobId);

/// A job's tasks: nearer the root first, then older.
type JobQueue = BTreeSet<(Reverse<u32>, u64, TaskId)>;

#[derive(Debug, Clone, Default)]
struct ClassQueue {
    order: BTreeSet<(u64, Owner)>,
    owners: BTreeMap<Owner, OwnerQueue>,
    ages: BTreeSet<(u64, TaskId)>,
}

#[derive(Debug, Clone, Default)]
struct OwnerQueue {
    given: u64,
    order: BTreeSet<JobKey>,
    jobs: BTreeMap<JobId, (JobKey, JobQueue)>,
}

/// How much somebody was given, and for how many ready or running tasks he stands in line.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    given: u64,
    tasks: u64,
}

/// All ready tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    classes: BTreeMap<ClassId, BTreeMap<u64, ClassQueue>>,
    places: TaskMap<Place>,
    owners: BTreeMap<Owner, Share>,
    jobs: BTreeMap<JobId, Share>,
    next_age: u64,
}

impl Ready {
    pub(crate) fn place(&self, task: &TaskId) -> Option<&Place> {
        self.places.get(task)
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (&TaskId, &Place)> {
        self.places.iter()
    }

    /// The least memory that a ready task of this class needs.
    pub(crate) fn least_memory(&self, class: ClassId) -> Option<u64> {
        self.classes.get(&class)?.keys().next().copied()
    }

    /// For how many ready or running tasks each owner stands in line.
    #[cfg(test)]
    pub(crate) fn standing(&self) -> impl Iterator<Item = (&Owner, u64)> {
        self.owners.iter().map(|(owner, share)| (owner, share.tasks))
    }

    /// Classes with ready tasks.
    pub(crate) fn classes(&self) -> Vec<ClassId> {
        self.classes.keys().copied().collect()
    }

    /// Puts a task in line.
    pub(crate) fn insert(&mut self, task: TaskId, mut place: Place) {
        if self.places.contains_key(&task) {
            return;
        }
        place.age = self.next_age;
        self.next_age += 1;
        let given = (self.owner_given(&place.owner), self.job_given(place.job));
        let queue = self.classes.entry(place.class).or_default().entry(place.memory).or_default();
        queue.ages.insert((place.age, task));
        let owner = queue.owners.entry(place.owner.clone()).or_insert_with(|| {
            queue.order.insert((given.0, place.owner.clone()));
            OwnerQueue { given: given.0, ..OwnerQueue::default() }
        });
        let key = (Reverse(place.priority), given.1, place.job);
        let job = owner.jobs.entry(place.job).or_insert_with(|| {
            owner.order.insert(key);
            (key, BTreeSet::new())
        });
        job.1.insert((Reverse(place.level), place.age, task));
        self.places.insert(task, place);
    }

    /// Takes a task out of the line.
    pub(crate) fn remove(&mut self, task: &TaskId) -> Option<Place> {
        let place = self.places.remove(task)?;
        let queues = self.classes.get_mut(&place.class)?;
        let queue = queues.get_mut(&place.memory)?;
        queue.ages.remove(&(place.age, *task));
        if let Some(owner) = queue.owners.get_mut(&place.owner) {
            if let Some((key, tasks)) = owner.jobs.get_mut(&place.job) {
                tasks.remove(&(Reverse(place.level), place.age, *task));
                if tasks.is_empty() {
                    owner.order.remove(key);
                    owner.jobs.remove(&place.job);
                }
            }
            if owner.jobs.is_empty() {
                queue.order.remove(&(owner.given, place.owner.clone()));
                queue.owners.remove(&place.owner);
            }
        }
        if queue.ages.is_empty() {
            queues.remove(&place.memory);
        }
        if queues.is_empty() {
            self.classes.remove(&place.class);
        }
        Some(place)
    }

    /// The task that should go next among `classes`, needing no more than `memory`, and none that `avoid`
    /// says no to. `oldest`: in the order of age alone.
    pub(crate) fn best(
        &self,
        classes: &[ClassId],
        memory: u64,
        oldest: bool,
        avoid: impl Fn(&TaskId) -> bool,
    ) -> Option<TaskId> {
        let queues = || {
            let of_class = |class: &ClassId| self.classes.get(class).into_iter().flat_map(|all| all.range(..=memory));
            classes.iter().flat_map(of_class).map(|(_, queue)| queue)
        };
        if oldest {
            let first = |queue: &ClassQueue| queue.ages.iter().find(|(_, task)| !avoid(task)).copied();
            return queues().filter_map(first).min().map(|(_, task)| task);
        }
        queues().filter_map(|queue| queue.first(&avoid)).min().map(|rank| rank.7)
    }

    /// Somebody's work is in line or running: one task more.
    pub(crate) fn enter(&mut self, owner: &Owner, job: JobId) {
        // Who was away starts level with the others: time away is no credit.
        let floor = |shares: &mut dyn Iterator<Item = &Share>| shares.filter(|s| s.tasks > 0).map(|s| s.given).min();
        let level = floor(&mut self.owners.values());
        let share = self.owners.entry(owner.clone()).or_default();
        if share.tasks == 0 {
            share.given = share.given.max(level.unwrap_or(0));
        }
        share.tasks += 1;
        if self.jobs.get(&job).is_none_or(|share| share.tasks == 0) {
            let level = floor(&mut self.jobs.values()).unwrap_or(0);
            let share = self.jobs.entry(job).or_default();
            share.given = share.given.max(level);
        }
        self.jobs.entry(job).or_default().tasks += 1;
    }

    /// One task less.
    pub(crate) fn leave(&mut self, owner: &Owner, job: JobId) {
        if let Some(share) = self.owners.get_mut(owner) {
            share.tasks = share.tasks.saturating_sub(1);
        }
        if let Some(share) = self.jobs.get_mut(&job) {
            share.tasks = share.tasks.saturating_sub(1);
            if share.tasks == 0 {
                self.jobs.remove(&job);
            }
        }
    }

    /// Somebody was given `ms` of a worker's time, or gets some of it back.
    pub(crate) fn charge(&mut self, owner: &Owner, weight: u32, job: JobId, ms: i64) {
        let add = |share: &mut Share, ms: i64| share.given = share.given.saturating_add_signed(ms);
        let share = self.owners.entry(owner.clone()).or_default();
        add(share, ms.saturating_mul(1000) / i64::from(weight.max(1)));
        let given = share.given;
        let job_given = self.jobs.get_mut(&job).map(|share| {
            add(share, ms.saturating_mul(1000));
            share.given
        });
        for queue in self.classes.values_mut().flat_map(BTreeMap::values_mut) {
            let Some(queued) = queue.owners.get_mut(owner) else { continue };
            queue.order.remove(&(queued.given, owner.clone()));
            queued.given = given;
            queue.order.insert((given, owner.clone()));
            if let (Some(job_given), Some((key, _))) = (job_given, queued.jobs.get_mut(&job)) {
                queued.order.remove(key);
                key.1 = job_given;
                queued.order.insert(*key);
            }
        }
    }

    fn owner_given(&self, owner: &Owner) -> u64 {
        self.owners.get(owner).map_or(0, |share| share.given)
    }

    fn job_given(&self, job: JobId) -> u64 {
        self.jobs.get(&job).map_or(0, |share| share.given)
    }
}

impl ClassQueue {
    fn first(&self, avoid: &impl Fn(&TaskId) -> bool) -> Option<Rank> {
        self.order.iter().find_map(|(given, owner)| {
            let queue = self.owners.get(owner)?;
            queue.order.iter().find_map(|key| {
                let (_, tasks) = queue.jobs.get(&key.2)?;
                let (level, age, task) = tasks.iter().find(|(_, _, task)| !avoid(task))?;
                Some((*given, owner.clone(), key.0, key.1, key.2, *level, *age, *task))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: u8) -> TaskId {
        TaskId::from_bytes([number; 32])
    }

    fn place(owner: &str, job: u64, level: u32) -> Place {
        let owner = owner.parse().unwrap();
        Place { class: ClassId(0), memory: 1, owner, job: JobId(job), priority: 5, level, age: 0, since: Time(0) }
    }

    fn order(mut ready: Ready) -> Vec<u8> {
        let next = |ready: &Ready| ready.best(&[ClassId(0)], 10, false, |_| false);
        std::iter::from_fn(|| {
            let task = next(&ready)?;
            let place = ready.remove(&task)?;
            ready.charge(&place.owner, 1, place.job, 10);
            Some(task.as_bytes()[0])
        })
        .collect()
    }

    fn with(places: Vec<Place>) -> Ready {
        let mut ready = Ready::default();
        for (number, place) in places.into_iter().enumerate() {
            ready.enter(&place.owner, place.job);
            ready.insert(task(number as u8), place);
        }
        ready
    }

    #[test]
    fn owners_take_turns_whatever_the_length_of_their_queues() {
        let mut places = vec![place("big", 1, 0); 4];
        places.push(place("small", 2, 0));
        assert_eq!(order(with(places)), [0, 4, 1, 2, 3]);
    }

    #[test]
    fn higher_priority_goes_first_and_then_nearer_the_root() {
        let mut urgent = place("a", 3, 0);
        urgent.priority = 9;
        assert_eq!(order(with(vec![place("a", 1, 0), place("a", 1, 2), urgent])), [2, 1, 0]);
    }

    #[test]
    fn a_task_that_needs_more_memory_than_there_is_stays() {
        let mut large = place("a", 1, 0);
        large.memory = 11;
        let ready = with(vec![large]);
        assert_eq!(ready.best(&[ClassId(0)], 10, false, |_| false), None);
        assert_eq!(ready.best(&[ClassId(0)], 11, false, |_| false), Some(task(0)));
    }

    #[test]
    fn the_oldest_is_found_behind_any_order() {
        let mut urgent = place("b", 3, 7);
        urgent.priority = 9;
        let ready = with(vec![place("a", 1, 0), urgent]);
        assert_eq!(ready.best(&[ClassId(0)], 10, true, |_| false), Some(task(0)));
    }
}
