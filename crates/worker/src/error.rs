//! What can go wrong with a worker outside the proofs themselves, whose failures are answers.

use std::fmt;
use std::io;

use proving::lease::Cause;

/// As many characters of a stray text are shown.
const SHOWN_CHARACTERS: usize = 200;

/// Why a frame cannot be read or written, a child not be started, or a worker not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Bytes that are no frame were on the pipe, such as the print of a library.
    #[error("something that is not a frame was written to the prover's pipe")]
    Stray(Stray),
    /// A frame says, or would have to say, that it is longer than allowed.
    #[error("a frame of {bytes} bytes is over the limit of {limit} bytes")]
    FrameTooLarge {
        /// The length.
        bytes: u64,
        /// The longest that is allowed.
        limit: u32,
    },
    /// The pipe ended within a frame.
    #[error("the pipe ended in the middle of a frame")]
    Truncated,
    /// The body of a frame is no message.
    #[error("the body of a frame is not a message of this version")]
    Body(#[source] postcard::Error),
    /// The pipe cannot be read or written.
    #[error("the pipe between worker and prover child failed")]
    Pipe(#[source] io::Error),
    /// The child's program cannot be started.
    #[error("the prover child {program} cannot be started")]
    Spawn {
        /// Its path.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The child ended, or had to be ended, before it was ready.
    #[error("the prover child did not get ready: {reason}")]
    NotReady {
        /// What ended it.
        cause: Cause,
        /// Its last words.
        reason: String,
    },
    /// The handle's keeper is gone, as at the end of the process.
    #[error("the worker is ending")]
    Ended,
    /// Dispatch does not want this worker.
    #[error("dispatch refuses this worker: {0}")]
    Refused(String),
    /// A metric cannot be registered.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    /// The file that every start of a proof is written to cannot be opened.
    #[error("the log of starts {path} cannot be opened")]
    StartsLog {
        /// Its path.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A thread, signal listener or socket cannot be had.
    #[error("{what}")]
    System {
        /// What was wanted.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Text that was on the pipe in place of a frame. It may hold a secret, so only
/// [`escaped`](Stray::escaped) shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stray(pub(crate) Vec<u8>);

impl Stray {
    /// Its first 200 characters, with everything escaped that is not plain.
    pub fn escaped(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect()
    }
}

impl fmt::Debug for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stray({} bytes)", self.0.len())
    }
}

/// Cuts a text to what a message may carry, at a character's border.
pub(crate) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(transport::message::MAX_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_text_is_escaped_and_cut_and_hidden_from_debug() {
        let stray = Stray([b"hello\n\x1b[31m\xff", vec![b'x'; 500].as_slice()].concat());
        assert!(stray.escaped().starts_with("hello\\n\\u{1b}[31m\u{fffd}xxx"), "{}", stray.escaped());
        assert!(stray.escaped().len() < 230);
        assert_eq!(format!("{stray:?}"), "Stray(512 bytes)");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ü".repeat(3000)).len(), 4096);
        assert_eq!(cut("short".to_owned()), "short");
    }
}
