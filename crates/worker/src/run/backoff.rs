//! How long to wait before the next try to connect: doubling, with jitter, so that a fleet does not come
//! back in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The pauses of one worker.
#[derive(Debug)]
pub(super) struct Backoff {
    tries: u32,
    random: u64,
}

impl Backoff {
    /// Different seeds jitter differently.
    pub(super) fn new(seed: u64) -> Self {
        // The generator below never leaves zero.
        Self { tries: 0, random: seed | 1 }
    }

    /// All is well: the next pause is the first again.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// The pause before the next try: none before the first, then between half and the whole of the
    /// doubled time.
    pub(super) fn next(&mut self) -> Duration {
        let tries = self.tries;
        self.tries = tries.saturating_add(1);
        let Some(doublings) = tries.checked_sub(1) else { return Duration::ZERO };
        let whole = FIRST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
        whole.mul_f64(0.5 + 0.5 * self.fraction())
    }

    /// Xorshift: between 0 and 1, good enough to be out of step.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_50_milliseconds_to_a_second_within_their_jitter() {
        let mut backoff = Backoff::new(7);
        assert_eq!(backoff.next(), Duration::ZERO);
        for whole in [50, 100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.next().as_millis();
            assert!((whole / 2..=whole).contains(&pause), "{pause} of {whole}");
        }
        backoff.reset();
        assert_eq!(backoff.next(), Duration::ZERO);
    }

    #[test]
    fn two_workers_are_out_of_step() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..8).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        assert_ne!(pauses(1), pauses(1 << 40));
    }
}
