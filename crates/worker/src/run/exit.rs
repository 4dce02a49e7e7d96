//! The steps of a worker's end, and when each is due.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::shutdown::Shutdown;

/// A task that is handed back is reported within this, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Take no more tasks.
    Drain,
    /// The running task had its time: hand it back.
    HandBack,
    /// End, whatever is running.
    End,
}

/// How far the end is.
#[derive(Debug)]
pub(super) struct Exit {
    shutdown: Shutdown,
    grace: Duration,
    hand_back_at: Option<Instant>,
    handed_back: bool,
}

impl Exit {
    pub(super) fn new(shutdown: Shutdown, grace: Duration) -> Self {
        Self { shutdown, grace, hand_back_at: None, handed_back: false }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.hand_back_at.is_some()
    }

    /// Starts the grace of the running task, once.
    pub(super) fn drain(&mut self) {
        self.hand_back_at.get_or_insert_with(|| Instant::now() + self.grace);
    }

    /// The task was handed back; what is left is to say so.
    pub(super) fn handed_back(&mut self) {
        self.handed_back = true;
    }

    /// Waits for the next step. Safe to drop and call again.
    pub(super) async fn due(&self) -> Due {
        let gently = async {
            match self.hand_back_at {
                None => {
                    self.shutdown.draining().await;
                    Due::Drain
                }
                Some(at) if self.handed_back => {
                    sleep_until(at + LAST_WORDS).await;
                    Due::End
                }
                Some(at) => {
                    sleep_until(at).await;
                    Due::HandBack
                }
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.ending_now() => Due::End,
            due = gently => due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_steps_follow_each_other_and_a_second_wish_skips_them() {
        let shutdown = Shutdown::new();
        let mut exit = Exit::new(shutdown.clone(), Duration::from_millis(10));
        shutdown.drain();
        assert_eq!(exit.due().await, Due::Drain);
        exit.drain();
        assert_eq!(exit.due().await, Due::HandBack);
        exit.handed_back();
        shutdown.end_now();
        assert_eq!(exit.due().await, Due::End);
    }
}
