//! What things are called at the broker, and which queue carries which tasks.

use proving::kind::Kind;
use proving::statement::Statement;

use crate::message::Hello;

/// What workers say to the dispatcher.
pub const WORK_QUEUE: &str = "meze.work";

/// Where messages go that nobody understands: an exchange, and the queue behind it.
pub const DEAD_QUEUE: &str = "meze.dead";

/// The memory of the smallest class, in bytes.
const GIB: u64 = 1 << 30;

/// What has one queue of offers: a sort of proof, and how much memory its tasks take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OfferClass {
    /// The kind.
    pub kind: Kind,
    /// The circuit and mode.
    pub statement: Statement,
    /// The most memory that a task of it takes, in GiB; a power of two.
    pub gib: u64,
}

impl OfferClass {
    /// The smallest class that a task with so much memory fits in.
    pub fn fitting(kind: Kind, statement: Statement, memory_bytes: u64) -> Self {
        let gib = memory_bytes.div_ceil(GIB).max(1);
        Self { kind, statement, gib: gib.checked_next_power_of_two().unwrap_or(1 << 63) }
    }

    /// Every class whose tasks fit into a worker; none for one with less than a GiB. The largest class of a worker
    /// with 6 GiB is that of 4 GiB, so give workers powers of two.
    pub fn of_worker(hello: &Hello) -> Vec<Self> {
        let sizes = || (0..64u32).map(|bits| 1u64 << bits).take_while(|gib| *gib <= hello.memory_bytes / GIB);
        let class =
            |kind: &Kind, statement: &Statement, gib| Self { kind: kind.clone(), statement: statement.clone(), gib };
        let mut classes: Vec<_> =
            hello.offers.iter().flat_map(|can| sizes().map(|gib| class(&can.kind, &can.statement, gib))).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// The name of its queue: readable, and as short as the broker wants it.
    pub fn queue(&self) -> String {
        let digest = blake3::hash(self.statement.to_string().as_bytes()).to_hex();
        format!("meze.offers.{}.{}.m{}", self.kind, &digest[..16], self.gib)
    }

    /// The most memory that a task of it takes, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.gib.saturating_mul(GIB)
    }
}

#[cfg(test)]
mod tests {
    use proving::statement::{KeyDigest, Mode};

    use super::*;
    use crate::message::Offering;

    fn statement() -> Statement {
        Statement::of_key(Mode::Real, KeyDigest::from_bytes([1; 32]))
    }

    #[test]
    fn a_queue_is_named_by_kind_statement_and_memory() {
        let class = OfferClass::fitting(Kind::ROLLUP_INNER, statement(), 3 * GIB);
        let digest = blake3::hash(statement().to_string().as_bytes()).to_hex();
        assert_eq!(class.queue(), format!("meze.offers.rollup.inner.{}.m4", &digest[..16]));
    }

    #[test]
    fn the_longest_name_is_not_too_long_for_a_broker() {
        let kind = format!("a.{}", "b".repeat(proving::kind::MAX_KIND_BYTES - 2)).parse().unwrap();
        assert!(OfferClass::fitting(kind, statement(), u64::MAX).queue().len() < 200);
    }

    #[test]
    fn a_task_is_in_a_class_of_a_worker_that_has_room_for_it_if_the_worker_has_a_power_of_two() {
        for gib in [1, 2, 4, 64] {
            let offers = vec![Offering { kind: Kind::ROLLUP_INNER, statement: statement() }; 2];
            let hello = Hello {
                worker: "anna".to_owned(),
                version: "1".to_owned(),
                offers,
                memory_bytes: gib * GIB,
                since_ms: 0,
                running: Vec::new(),
            };
            let classes = OfferClass::of_worker(&hello);
            for memory in [0, 1, GIB, GIB + 1, 3 * GIB, 4 * GIB, 64 * GIB, 64 * GIB + 1, u64::MAX] {
                let class = OfferClass::fitting(Kind::ROLLUP_INNER, statement(), memory);
                assert_eq!(classes.contains(&class), memory <= gib * GIB, "{memory} bytes at {gib} GiB");
            }
        }
    }

    #[test]
    fn a_worker_with_less_than_a_gibibyte_has_no_class() {
        let offers = vec![Offering { kind: Kind::ROLLUP_INNER, statement: statement() }];
        let (worker, version) = ("anna".to_owned(), "1".to_owned());
        let hello = Hello { worker, version, offers, memory_bytes: GIB - 1, since_ms: 0, running: Vec::new() };
        assert_eq!(OfferClass::of_worker(&hello), []);
    }
}
