//! Why there is no proof, sorted by what is to be done about it, and why a proof is refused.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// What lies under a failure.
pub type Source = Box<dyn Error + Send + Sync>;

/// Why a proof was not made. The variant decides whether, and where, it is worth trying again.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The input has no proof, here or anywhere: never tried again.
    #[error("the input is not valid: {reason}")]
    InvalidInput {
        /// What is wrong with it, in one clear sentence without any secret of it.
        reason: String,
        /// What lies under it.
        #[source]
        source: Option<Source>,
    },
    /// This worker failed; another may not.
    #[error("the worker failed: {reason}")]
    Worker {
        /// How it failed.
        reason: String,
        /// What lies under it.
        #[source]
        source: Option<Source>,
    },
    /// This machine is too small: worth trying only where there is more.
    #[error("out of resources: {reason}")]
    Resources {
        /// What ran out, with what was needed and what there was.
        reason: String,
        /// What lies under it.
        #[source]
        source: Option<Source>,
    },
    /// It was asked to stop.
    #[error("cancelled: {reason}")]
    Cancelled {
        /// Where it stopped.
        reason: String,
        /// What lies under it.
        #[source]
        source: Option<Source>,
    },
}

impl ProveError {
    /// A failure of the input.
    pub fn invalid_input(reason: impl Into<String>) -> Self {
        Self::InvalidInput { reason: reason.into(), source: None }
    }

    /// A failure of this worker.
    pub fn worker(reason: impl Into<String>) -> Self {
        Self::Worker { reason: reason.into(), source: None }
    }

    /// A failure for want of memory, disk or circuit size.
    pub fn resources(reason: impl Into<String>) -> Self {
        Self::Resources { reason: reason.into(), source: None }
    }

    /// A proof that was asked to stop.
    pub fn cancelled(reason: impl Into<String>) -> Self {
        Self::Cancelled { reason: reason.into(), source: None }
    }

    /// The same failure, with what lies under it.
    #[must_use]
    pub fn with_source(mut self, under: impl Into<Source>) -> Self {
        match &mut self {
            Self::InvalidInput { source, .. }
            | Self::Worker { source, .. }
            | Self::Resources { source, .. }
            | Self::Cancelled { source, .. } => *source = Some(under.into()),
        }
        self
    }

    /// The class, as it goes over the wire and into tables.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::InvalidInput { .. } => FailureClass::InvalidInput,
            Self::Worker { .. } => FailureClass::Worker,
            Self::Resources { .. } => FailureClass::Resources,
            Self::Cancelled { .. } => FailureClass::Cancelled,
        }
    }

    /// The reason without the class before it.
    pub fn reason(&self) -> &str {
        match self {
            Self::InvalidInput { reason, .. }
            | Self::Worker { reason, .. }
            | Self::Resources { reason, .. }
            | Self::Cancelled { reason, .. } => reason,
        }
    }
}

/// The class of a [`ProveError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// [`ProveError::InvalidInput`].
    InvalidInput,
    /// [`ProveError::Worker`].
    Worker,
    /// [`ProveError::Resources`].
    Resources,
    /// [`ProveError::Cancelled`].
    Cancelled,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::InvalidInput, Self::Worker, Self::Resources, Self::Cancelled];

    /// The name, as JSON and tables write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Worker => "worker",
            Self::Resources => "resources",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A text that names no [`FailureClass`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a failure class is invalid-input, worker, resources or cancelled")]
pub struct NotAFailureClass;

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FailureClass {
    type Err = NotAFailureClass;

    fn from_str(text: &str) -> Result<Self, NotAFailureClass> {
        Self::ALL.into_iter().find(|class| class.name() == text).ok_or(NotAFailureClass)
    }
}

serde_as_text!(FailureClass);

/// Why a proof is refused: the check that failed, by name, and what it saw.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {reason}")]
pub struct VerifyError {
    check: &'static str,
    reason: String,
    #[source]
    source: Option<Source>,
}

impl VerifyError {
    /// A refusal by the named check.
    pub fn new(check: &'static str, reason: impl Into<String>) -> Self {
        Self { check, reason: reason.into(), source: None }
    }

    /// The same refusal, with what lies under it.
    #[must_use]
    pub fn with_source(self, under: impl Into<Source>) -> Self {
        Self { source: Some(under.into()), ..self }
    }

    /// The check that failed, such as `new state`: short and stable, so that callers may compare it.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What it saw, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// An error with everything under it, in one line.
pub fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(source) = under {
        text.push_str(": ");
        text.push_str(&source.to_string());
        under = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> [ProveError; 4] {
        [
            ProveError::invalid_input("too short"),
            ProveError::worker("it panicked"),
            ProveError::resources("4 GiB needed, 2 GiB here"),
            ProveError::cancelled("at step 3"),
        ]
    }

    #[test]
    fn each_failure_knows_its_class_and_its_reason() {
        for (error, class) in one_of_each().into_iter().zip(FailureClass::ALL) {
            assert_eq!(error.class(), class);
            assert!(error.to_string().ends_with(error.reason()));
        }
    }

    #[test]
    fn the_source_is_kept_and_not_repeated_in_the_text() {
        for error in one_of_each() {
            assert!(error.source().is_none());
            let text = error.to_string();
            let error = error.with_source("the disk is full");
            assert_eq!(error.to_string(), text);
            assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the disk is full"));
        }
    }

    #[test]
    fn classes_read_back_from_their_names() {
        for class in FailureClass::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
            let json = serde_json::to_string(&class).unwrap();
            assert_eq!(serde_json::from_str::<FailureClass>(&json).unwrap(), class);
        }
        assert_eq!("Worker".parse::<FailureClass>(), Err(NotAFailureClass));
    }

    #[test]
    fn a_refusal_names_its_check_first() {
        let error = VerifyError::new("new state", "0x01 expected, 0x02 found").with_source("under it");
        assert_eq!(error.to_string(), "new state: 0x01 expected, 0x02 found");
        assert_eq!((error.check(), error.reason()), ("new state", "0x01 expected, 0x02 found"));
        assert!(error.source().is_some());
    }

    #[test]
    fn sources_follow_in_one_line() {
        let error = ProveError::worker("it broke").with_source("the disk is full");
        assert_eq!(with_sources(&error), "the worker failed: it broke: the disk is full");
    }
}
