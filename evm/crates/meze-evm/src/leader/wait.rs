//! What a leader waits for at a node, said seldom: a node that is away, a block that is not there yet.

use std::time::Duration;

use anyhow::{Result, anyhow};
use chain_source::{Confirmation, SourceError, Waiting};
use terminal::Console;
use tokio::time::Instant;

/// How long a node that does not answer is waited for, if nothing is said.
pub const USUAL_PATIENCE: Duration = Duration::from_secs(300);

/// The pause before a node that did not answer is asked again; it doubles from one time to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often it is said again that a node does not answer.
const AWAY_AGAIN: Duration = Duration::from_secs(60);

/// How long a block is waited for before that is said, and how often it is said again.
const BLOCK_FIRST: Duration = Duration::from_secs(8);
const BLOCK_AGAIN: Duration = Duration::from_secs(600);

/// A node that does not answer.
#[derive(Debug)]
pub struct Away {
    /// How long it is waited for; without one, for ever.
    patience: Option<Duration>,
    console: Console,
    pause: Duration,
    since: Option<Instant>,
    said: Option<Instant>,
}

impl Away {
    /// One that answers as far as is known.
    pub fn new(patience: Option<Duration>, console: Console) -> Self {
        Self { patience, console, pause: FIRST_PAUSE, since: None, said: None }
    }

    /// It did not answer: how long to pause before it is asked again.
    ///
    /// # Errors
    /// It was waited for for as long as was said; the error is that of the last call.
    pub fn missed(&mut self, error: SourceError, now: Instant) -> Result<Duration> {
        let since = *self.since.get_or_insert(now);
        if let Some(patience) = self.patience.filter(|patience| now - since >= *patience) {
            let within = patience.as_secs();
            return Err(anyhow!(error).context(format!("the node did not answer for {within} s (--node-patience)")));
        }
        if self.said.is_none_or(|said| now - said >= AWAY_AGAIN) {
            self.said = Some(now);
            let limit =
                self.patience.map_or_else(String::new, |patience| format!(", for up to {} s", patience.as_secs()));
            self.console.note(format!("leader: {error}; asking again{limit}"));
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Ok(self.patience.map_or(pause, |patience| pause.min(patience.saturating_sub(now - since))))
    }

    /// It answers.
    pub fn answered(&mut self) {
        if self.since.is_some() {
            self.console.note("leader: the node answers again");
            *self = Self::new(self.patience, self.console);
        }
    }
}

/// Says the same thing seldom.
#[derive(Debug, Default)]
pub struct Seldom {
    /// The block that is waited for, and when that is said next.
    due: Option<(u64, Instant)>,
}

impl Seldom {
    /// Whether it is to be said, at this moment, that this block is waited for.
    pub fn is_due(&mut self, block: u64, now: Instant) -> bool {
        let known = self.due.filter(|(of, _)| *of == block);
        let (_, due) = *self.due.insert(known.unwrap_or((block, now + BLOCK_FIRST)));
        if now < due {
            return false;
        }
        self.due = Some((block, now + BLOCK_AGAIN));
        true
    }
}

/// Why the next block is waited for, in words.
pub fn words(waiting: Waiting, confirmation: Confirmation) -> String {
    let Waiting { next, last } = waiting;
    match (confirmation, last) {
        (_, None) => format!(
            "waiting for block {next} to be finalized: the node names no finalized block, and where nothing ever is \
             finalized none comes: use --confirmations there"
        ),
        (Confirmation::Finalized, Some(last)) => {
            format!("waiting for block {next} to be finalized: the last one that is has number {last}")
        }
        (Confirmation::Depth(0), Some(last)) => {
            format!("waiting for block {next}: the node's chain ends at block {last}")
        }
        (Confirmation::Depth(depth), Some(last)) => {
            format!("waiting for block {next} and {depth} after it: the node's chain ends at block {last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> SourceError {
        let (node, why) = ("http://here".to_owned(), "refused".to_owned());
        SourceError::Unreachable { node, method: "eth_getProof", attempts: 1, why }
    }

    #[test]
    fn a_node_is_asked_again_ever_more_seldom_and_within_a_limit() {
        let (began, mut pauses) = (Instant::now(), Vec::new());
        let away = |seconds: Option<u64>| Away::new(seconds.map(Duration::from_secs), Console::new(false));
        let (mut limited, mut now) = (away(Some(60)), began);
        let error = loop {
            match limited.missed(unreachable(), now) {
                Ok(pause) => pauses.push(pause),
                Err(error) => break format!("{error:#}"),
            }
            now += pauses.last().copied().unwrap_or_default();
        };
        assert!(error.contains("for 60 s") && error.contains("does not answer eth_getProof"), "{error}");
        assert_eq!(pauses[..6], [500, 1000, 2000, 4000, 8000, 15000].map(Duration::from_millis));
        assert_eq!((now - began).as_secs(), 60, "{pauses:?}");
        // Once it answered, all begins anew.
        let mut again = away(Some(60));
        again.missed(unreachable(), began).unwrap();
        again.answered();
        assert_eq!(again.missed(unreachable(), began + Duration::from_secs(90)).unwrap(), FIRST_PAUSE);
        let mut patient = away(None);
        patient.missed(unreachable(), began).unwrap();
        assert!(patient.missed(unreachable(), began + Duration::from_secs(1_000_000)).is_ok());
    }

    #[test]
    fn that_a_block_is_waited_for_is_said_after_a_while_and_seldom_again() {
        let (began, mut seldom) = (Instant::now(), Seldom::default());
        let said: Vec<u64> =
            (0..1500).filter(|second| seldom.is_due(7, began + Duration::from_secs(*second))).collect();
        assert_eq!(said, [8, 608, 1208]);
        let later = began + Duration::from_secs(1500);
        assert!(!seldom.is_due(8, later), "another block has just begun to be waited for");
    }

    #[test]
    fn it_is_said_what_is_waited_for() {
        let words = |confirmation, last| words(Waiting { next: 5, last }, confirmation);
        assert!(words(Confirmation::Finalized, None).contains("names no finalized block"));
        assert!(words(Confirmation::Depth(0), Some(3)).ends_with("block 5: the node's chain ends at block 3"));
        assert!(words(Confirmation::Depth(2), Some(6)).contains("block 5 and 2 after it"));
    }
}
