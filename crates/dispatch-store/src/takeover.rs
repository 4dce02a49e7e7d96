//! When an opener may take a store from its owner: decided from what the owner's row shows over time, on the
//! opener's own clock.

use std::time::{Duration, Instant};

/// An owner that shows no sign of life for this long has lost the store to whoever watches it. Owners renew
/// every second, so one late renewal is forgiven.
pub const SILENCE: Duration = Duration::from_millis(2500);

/// How often a watcher looks.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// The owner's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// 0 where nobody ever owned it.
    pub(crate) epoch: i64,
    /// Moves while the owner is alive.
    pub(crate) renewals: i64,
    /// It gave the store up, or nobody ever owned it.
    pub(crate) released: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Try to become the owner, if the row is still as it was seen.
    Take,
    /// Look again in a while.
    Wait,
    /// The owner is alive.
    Held,
}

/// What an opener has seen.
#[derive(Debug)]
pub(crate) struct Watch {
    standby: bool,
    seen: Option<(Owner, Instant)>,
}

impl Watch {
    /// An opener that waits for the end of a living owner, or not.
    pub(crate) fn new(standby: bool) -> Self {
        Self { standby, seen: None }
    }

    /// Forgets what was seen, as one who could not look for a while must.
    pub(crate) fn look_away(&mut self) {
        self.seen = None;
    }

    /// Decides about `owner`, as it is `now`.
    pub(crate) fn look(&mut self, owner: Owner, now: Instant) -> Decision {
        let before = self.seen;
        if before.is_none_or(|(seen, _)| seen != owner) {
            self.seen = Some((owner, now));
        }
        match before {
            _ if owner.released => Decision::Take,
            None => Decision::Wait,
            Some((seen, _)) if seen != owner => {
                if self.standby {
                    Decision::Wait
                } else {
                    Decision::Held
                }
            }
            Some((_, since)) if now.saturating_duration_since(since) >= SILENCE => Decision::Take,
            Some(_) => Decision::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNED: Owner = Owner { epoch: 3, renewals: 7, released: false };

    fn looks(standby: bool, rows: &[(u64, Owner)]) -> Vec<Decision> {
        let start = Instant::now();
        let mut watch = Watch::new(standby);
        rows.iter().map(|(millis, owner)| watch.look(*owner, start + Duration::from_millis(*millis))).collect()
    }

    #[test]
    fn a_store_that_was_given_up_is_taken_at_once() {
        let released = Owner { released: true, ..OWNED };
        assert_eq!(looks(false, &[(0, released)]), [Decision::Take]);
        assert_eq!(looks(false, &[(0, OWNED), (100, released)]), [Decision::Wait, Decision::Take]);
    }

    #[test]
    fn a_silent_owner_is_robbed_after_the_silence_and_not_before() {
        let decisions = looks(false, &[(0, OWNED), (2499, OWNED), (2500, OWNED)]);
        assert_eq!(decisions, [Decision::Wait, Decision::Wait, Decision::Take]);
    }

    #[test]
    fn an_owner_that_moves_holds_the_store_unless_we_stand_by() {
        let renewed = Owner { renewals: 8, ..OWNED };
        let rows = [(0, OWNED), (1000, renewed), (3000, renewed), (3500, renewed)];
        assert_eq!(looks(false, &rows[..2]), [Decision::Wait, Decision::Held]);
        assert_eq!(looks(true, &rows), [Decision::Wait, Decision::Wait, Decision::Wait, Decision::Take]);
    }

    #[test]
    fn a_new_owner_is_a_sign_of_life() {
        let next = Owner { epoch: 4, ..OWNED };
        assert_eq!(looks(false, &[(0, OWNED), (2400, next)]), [Decision::Wait, Decision::Held]);
    }

    #[test]
    fn silence_counts_only_while_we_look() {
        let start = Instant::now();
        let mut watch = Watch::new(true);
        watch.look(OWNED, start);
        watch.look_away();
        assert_eq!(watch.look(OWNED, start + 2 * SILENCE), Decision::Wait);
        assert_eq!(watch.look(OWNED, start + 3 * SILENCE), Decision::Take);
    }
}
