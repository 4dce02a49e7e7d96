//! Why a server could not be started for a test, in one sentence that says what to do.

use std::path::PathBuf;
use std::time::Duration;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The program is in none of its places.
    #[error("{program} is not installed: `apt-get install {package}`")]
    NotInstalled {
        /// The program.
        program: &'static str,
        /// Debian's package with it.
        package: &'static str,
    },
    /// A step before the server's start failed.
    #[error("cannot {what}")]
    Prepare {
        /// The step, as in "make a folder".
        what: &'static str,
        /// What lies under it.
        #[source]
        source: std::io::Error,
    },
    /// A program that prepares the server's folder failed.
    #[error("{program} failed: {output}")]
    Preparation {
        /// The program.
        program: String,
        /// What it wrote.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("{program} ended before it was ready; the end of its log: {log}")]
    Ended {
        /// The program.
        program: &'static str,
        /// The last lines that it wrote.
        log: String,
    },
    /// The server was not ready in time.
    #[error("{program} was not ready within {waited:?}; the end of its log ({path}): {log}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// How long it was given.
        waited: Duration,
        /// Where its log is, until the folder is removed.
        path: PathBuf,
        /// The last lines that it wrote.
        log: String,
    },
}
