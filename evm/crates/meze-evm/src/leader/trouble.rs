//! Why nothing moves: tasks that wait for workers that are not there, or that work with other circuits.

use std::collections::BTreeMap;
use std::time::Duration;

use proving::kind::Kind;
use proving::statement::Statement;

/// A connected worker, as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// The circuits that it has.
    pub statements: Vec<Statement>,
    /// The kinds that it proves.
    pub kinds: Vec<Kind>,
    /// The largest task that it takes, in bytes of memory.
    pub room: u64,
    /// It takes no more tasks: it ends, or gave wrong proofs.
    pub resting: bool,
}

impl Seen {
    /// Whether it takes tasks of these circuits.
    pub fn is_able(&self, statement: &Statement) -> bool {
        !self.resting && self.statements.contains(statement)
    }
}

/// The largest task that a worker with so much memory takes. At a broker tasks are sorted by powers of two.
pub fn room(memory_bytes: u64, broker: bool) -> u64 {
    match memory_bytes {
        0 => 0,
        bytes if broker => 1 << bytes.ilog2(),
        bytes => bytes,
    }
}

/// Why tasks of these kinds, which take so much memory, are not taken by anybody, and what to do; `None` where they can
/// be.
pub fn trouble(workers: &[Seen], waiting: &BTreeMap<Kind, u64>, statement: &Statement) -> Option<String> {
    let most = |kind: &Kind| {
        let able = workers.iter().filter(|worker| worker.is_able(statement) && worker.kinds.contains(kind));
        able.map(|worker| worker.room).max()
    };
    let stuck = waiting.iter().find(|(kind, memory)| most(kind).is_none_or(|room| room < **memory));
    let (first, memory) = stuck?;
    if let Some(room) = most(first) {
        return Some(format!(
            "{first} ran out of memory and is tried again only where there is {} MiB, which no worker has (the largest \
             task that one takes is {} MiB; at a broker that is a power of two): start one with more, or make segments \
             shorter with --max-cpu-len-log",
            memory >> 20,
            room >> 20
        ));
    }
    if workers.is_empty() {
        return Some(
            "no worker is connected: start one with `worker --amqp-uri …`, and the same table ranges; one that still \
             loads its circuits is not there yet"
                .to_owned(),
        );
    }
    if let Some(other) = workers.iter().find(|worker| !worker.statements.contains(statement)) {
        let theirs = other.statements.first().map_or_else(|| "none".to_owned(), ToString::to_string);
        return Some(format!(
            "nobody proves {first}: worker {} has other circuits ({theirs}) than this leader asks for ({statement}): give \
             leader and workers the same table ranges, and --use-test-config to all or none of them",
            other.name
        ));
    }
    if workers.iter().all(|worker| worker.resting) {
        return Some(format!("nobody proves {first}: all {} connected workers are ending or suspended", workers.len()));
    }
    let kinds = if *first == Kind::EVM_SEGMENT { "heavy" } else { "light" };
    Some(format!("nobody proves {first}: start a worker with --kinds {kinds}, or all"))
}

/// Says a trouble when it has lasted for a while, and again while it lasts.
#[derive(Debug, Default)]
pub struct Patience {
    text: String,
    since: Option<Duration>,
    said: Option<Duration>,
}

/// How long something may be wrong before it is said: workers connect within seconds.
const FIRST: Duration = Duration::from_secs(8);

/// How often it is said again.
const AGAIN: Duration = Duration::from_secs(60);

impl Patience {
    /// What is to be said at `now`, a time since the start.
    pub fn say<'a>(&mut self, trouble: Option<&'a str>, now: Duration) -> Option<&'a str> {
        let Some(text) = trouble else {
            *self = Self::default();
            return None;
        };
        if self.text != text {
            *self = Self { text: text.to_owned(), ..Self::default() };
        }
        let since = *self.since.get_or_insert(now);
        let due = match self.said {
            None => now.saturating_sub(since) >= FIRST,
            Some(said) => now.saturating_sub(said) >= AGAIN,
        };
        due.then(|| {
            self.said = Some(now);
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use proving::statement::{KeyDigest, Mode};

    use super::*;

    fn statement(byte: u8) -> Statement {
        Statement::of_key(Mode::Test, KeyDigest::from_bytes([byte; 32]))
    }

    fn worker(byte: u8, kinds: &[Kind]) -> Seen {
        let statements = vec![statement(byte)];
        Seen { name: "anna".to_owned(), statements, kinds: kinds.to_vec(), room: 4 << 30, resting: false }
    }

    fn said(workers: &[Seen], waiting: &[Kind]) -> Option<String> {
        trouble(workers, &waiting.iter().map(|kind| (kind.clone(), 0)).collect(), &statement(1))
    }

    #[test]
    fn nothing_is_wrong_where_somebody_can_take_what_waits() {
        assert_eq!(said(&[worker(1, &[Kind::EVM_SEGMENT])], &[Kind::EVM_SEGMENT]), None);
        assert_eq!(said(&[], &[]), None);
    }

    #[test]
    fn no_worker_at_all_is_said() {
        assert!(said(&[], &[Kind::EVM_SEGMENT]).unwrap().starts_with("no worker is connected"));
    }

    #[test]
    fn a_worker_with_other_circuits_is_named() {
        let text = said(&[worker(2, &[Kind::EVM_SEGMENT])], &[Kind::EVM_SEGMENT]).unwrap();
        assert!(text.contains("worker anna has other circuits") && text.contains("same table ranges"), "{text}");
    }

    #[test]
    fn a_missing_class_of_workers_is_named() {
        let heavy = worker(1, &[Kind::EVM_SEGMENT]);
        let text = said(&[heavy], &[Kind::EVM_SEGMENT, Kind::EVM_BLOCK]).unwrap();
        assert!(text.contains("--kinds light"), "{text}");
        let resting = Seen { resting: true, ..worker(1, &[Kind::EVM_BLOCK]) };
        assert!(said(&[resting], &[Kind::EVM_BLOCK]).unwrap().contains("ending or suspended"));
    }

    #[test]
    fn a_task_that_no_worker_has_the_memory_for_is_named() {
        let waiting = |bytes| BTreeMap::from([(Kind::EVM_SEGMENT, bytes)]);
        let workers = [worker(1, &[Kind::EVM_SEGMENT])];
        assert_eq!(trouble(&workers, &waiting(4 << 30), &statement(1)), None);
        let text = trouble(&workers, &waiting(5 << 30), &statement(1)).unwrap();
        assert!(text.contains("evm.segment ran out of memory") && text.contains("5120 MiB"), "{text}");
        assert_eq!((room(6 << 30, true), room(6 << 30, false), room(0, true)), (4 << 30, 6 << 30, 0));
    }

    #[test]
    fn a_trouble_is_said_after_a_while_and_then_once_a_minute() {
        let mut patience = Patience::default();
        let at = |patience: &mut Patience, seconds| patience.say(Some("x"), Duration::from_secs(seconds)).is_some();
        assert!(!at(&mut patience, 0) && !at(&mut patience, 7));
        assert!(at(&mut patience, 8) && !at(&mut patience, 30) && at(&mut patience, 68));
        assert_eq!(patience.say(None, Duration::from_secs(69)), None);
        assert!(!at(&mut patience, 70));
        assert!(at(&mut patience, 78));
        // Another trouble is said as soon as it has lasted.
        assert_eq!(patience.say(Some("y"), Duration::from_secs(79)), None);
        assert_eq!(patience.say(Some("y"), Duration::from_secs(87)), Some("y"));
    }
}
