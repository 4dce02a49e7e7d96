//! What passes between dispatch and a worker about one task: the token of its lease, what a proof took,
//! and why there is none.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::FailureClass;
use crate::text::serde_as_text;

/// The fencing token of a lease: every lease has a greater one than all leases before it, so a holder who
/// lost his lease can be told from the one who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a proof took, or what was spent on a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// From the child taking the task to its last byte, in milliseconds.
    pub wall_ms: u64,
    /// CPU of all threads of the child meanwhile, in milliseconds.
    pub cpu_ms: u64,
    /// The child's largest resident set meanwhile, in bytes.
    pub peak_memory_bytes: u64,
}

/// What ended an attempt, finer than its class: the word that metrics and tables count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The prover says that the input has no proof.
    InvalidInput,
    /// The prover reports an error of its own.
    Prover,
    /// The child panicked.
    Panic,
    /// A signal ended the child.
    Signal,
    /// The child exited by itself, without an answer.
    Exit,
    /// Memory ran out: the kernel or the worker's guard ended the child, or the prover asked for more.
    OutOfMemory,
    /// The child broke the protocol of its pipe.
    Protocol,
    /// The proof does not verify.
    Refused,
    /// The worker's connection was lost while it held the lease.
    Disconnected,
    /// The worker was silent for longer than its lease.
    Expired,
    /// The worker handed the task back, as when it drains.
    Returned,
    /// A blob that the task needs is missing or damaged.
    Blob,
    /// The task was cancelled.
    Cancelled,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::InvalidInput,
        Self::Prover,
        Self::Panic,
        Self::Signal,
        Self::Exit,
        Self::OutOfMemory,
        Self::Protocol,
        Self::Refused,
        Self::Disconnected,
        Self::Expired,
        Self::Returned,
        Self::Blob,
        Self::Cancelled,
    ];

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Prover => "prover",
            Self::Panic => "panic",
            Self::Signal => "signal",
            Self::Exit => "exit",
            Self::OutOfMemory => "out-of-memory",
            Self::Protocol => "protocol",
            Self::Refused => "refused",
            Self::Disconnected => "disconnected",
            Self::Expired => "expired",
            Self::Returned => "returned",
            Self::Blob => "blob",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class that decides whether, and where, the task is tried again.
    pub const fn class(self) -> FailureClass {
        match self {
            Self::InvalidInput => FailureClass::InvalidInput,
            Self::OutOfMemory => FailureClass::Resources,
            Self::Cancelled => FailureClass::Cancelled,
            _ => FailureClass::Worker,
        }
    }

    /// Whether it says something about the task or its worker, rather than about the way between them: only
    /// these use up a task's attempts.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Disconnected | Self::Expired | Self::Returned | Self::Blob | Self::Cancelled)
    }
}

/// A text that names no [`Cause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the cause of a failed attempt")]
pub struct NotACause;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Cause {
    type Err = NotACause;

    fn from_str(text: &str) -> Result<Self, NotACause> {
        Self::ALL.into_iter().find(|cause| cause.name() == text).ok_or(NotACause)
    }
}

serde_as_text!(Cause);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_read_back_from_their_words() {
        for cause in Cause::ALL {
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        assert_eq!("Panic".parse::<Cause>(), Err(NotACause));
    }

    #[test]
    fn what_is_never_retried_is_the_input_alone() {
        let never: Vec<_> = Cause::ALL.iter().filter(|cause| cause.class() == FailureClass::InvalidInput).collect();
        assert_eq!(never, [&Cause::InvalidInput]);
    }
}
