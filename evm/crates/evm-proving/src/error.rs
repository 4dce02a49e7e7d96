//! What goes wrong before and around proofs: files, keys and the bytes of tasks.

use std::path::PathBuf;

use proving::envelope::EnvelopeError;

/// A failure of this crate outside of a proof. Proofs fail with [`proving::error::ProveError`], and are refused with
/// [`proving::error::VerifyError`].
#[derive(Debug, thiserror::Error)]
pub enum EvmError {
    /// A file or folder could not be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried, such as `cannot read`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file or blob of ours is not whole, or of another format.
    #[error("{what}")]
    Envelope {
        /// What should have been there.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: EnvelopeError,
    },
    /// Bytes do not say what they should.
    #[error("{what}: {reason}")]
    Malformed {
        /// What should have been there.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something is longer than is allowed.
    #[error("{what} has {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// A key or circuits of one configuration met something of another.
    #[error(
        "these are circuits {found}, {expected} are needed: ranges, security and version must be the same on both sides"
    )]
    OtherCircuits {
        /// The fingerprint that was needed.
        expected: String,
        /// The fingerprint that there is.
        found: String,
    },
    /// No circuits could be built.
    #[error("the circuits could not be built: {0}")]
    Build(String),
    /// There is no key in the store, and none was to be built.
    #[error("there is no verification key of these circuits in {}: build the circuits, or give a key file", .0.display())]
    NoKey(PathBuf),
}

impl EvmError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }

    pub(crate) fn envelope(what: &'static str) -> impl FnOnce(EnvelopeError) -> Self {
        move |source| Self::Envelope { what, source }
    }

    pub(crate) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }
}
