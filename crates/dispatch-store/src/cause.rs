//! What lies under an error of a store, and which errors of a database mean that the store is damaged.

use std::path::PathBuf;
use std::time::Duration;

use dispatch::store::StoreError;

/// What lies under a [`StoreError::Io`] of these stores; most of the time it is sqlx's own error instead.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A folder where a file should be.
    #[error("{0} is a folder: name a file in it")]
    Folder(PathBuf),
    /// The file cannot be made or opened.
    #[error("cannot open {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("the database did not answer within {0:?}")]
    Late(Duration),
    /// The database cannot be reached, or refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An error of a store that failed at `what`, as in "append a batch".
pub(crate) fn io(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Io { what, source: Box::new(source) }
}

impl Cause {
    /// What it means for a store that was doing `what`.
    pub(crate) fn during(self, what: &'static str) -> StoreError {
        match self {
            Self::Database(error) => match damage(&error) {
                Some(damage) => StoreError::Damaged(damage),
                None => io(what, error),
            },
            other => io(what, other),
        }
    }
}

/// What is damaged, if `error` says that what is kept cannot be read (and not just now).
fn damage(error: &sqlx::Error) -> Option<String> {
    let is_damage = match error {
        sqlx::Error::Database(error) => match error.code()?.parse::<u32>() {
            // SQLite's extended code. In its last byte: CORRUPT, NOTADB, and ERROR for a table or a column
            // that is missing.
            Ok(code) if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => {
                matches!(code & 0xff, 11 | 26 | 1)
            }
            // PostgreSQL's SQLSTATE: corrupted data and indexes, undefined table and column.
            _ => matches!(error.code()?.as_ref(), "XX001" | "XX002" | "42P01" | "42703"),
        },
        sqlx::Error::RowNotFound
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::TypeNotFound { .. } => true,
        _ => false,
    };
    is_damage.then(|| error.to_string())
}
