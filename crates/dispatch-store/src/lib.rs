//! Keeps what dispatch decided, in SQLite on one machine or in PostgreSQL for many: two forms of
//! [`dispatch::store::Store`] with one behaviour.
//!
//! | file | what it holds |
//! |---|---|
//! | `location` | where a store is, as users write it |
//! | `takeover` | when an opener may take a store from its owner: decisions without a database |
//! | `database` | the statements, and the calls that make them in either database |
//! | `store` | the `Store` over such a database: connecting again, limits, what an error means |
//! | `sqlite`, `postgres` | opening each: files and their modes, settings, layout |
//! | `cause` | what lies under an error of a store |
//!
//! **Durable** means synced to disk: SQLite runs in WAL mode with `synchronous=FULL` (one sync an append),
//! PostgreSQL with `synchronous_commit=on` and whatever `fsync` its server has; a warning tells if it is off.
//!
//! **Owned**: every change is made only if the owner's row still has our epoch, in the statement or the
//! transaction of the change itself, so that whoever slept through a takeover changes nothing when it wakes.
//! No clocks are compared between machines: an owner is alive while its counter of renewals moves.

mod cause;
mod database;
mod location;
mod postgres;
mod sqlite;
mod store;
mod takeover;

use std::sync::Arc;

use dispatch::store::{MemoryDisk, Store, StoreError};

pub use cause::Cause;
pub use location::{Location, NoLocation};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use takeover::SILENCE;

/// How a store is opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Where another dispatcher is alive: waits until it is gone, instead of [`StoreError::Held`].
    pub standby: bool,
}

impl OpenOptions {
    /// Sets [`standby`](Self::standby).
    pub fn standby(mut self, standby: bool) -> Self {
        self.standby = standby;
        self
    }
}

/// Opens the store at `location`, which is read as [`Location`] says, and owns it.
///
/// A store that was given up, or never owned, is owned at once. Otherwise its owner is watched for
/// [`SILENCE`]: it is [`StoreError::Held`] if the owner shows a sign of life, and taken over if not.
pub async fn open(location: &str, options: OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
    let location = location.parse().map_err(|error| cause::io("be opened", error))?;
    Ok(match location {
        Location::Memory => Arc::new(MemoryDisk::default().open()),
        Location::Sqlite(path) => Arc::new(SqliteStore::open(path, options).await?),
        Location::Postgres(url) => Arc::new(PostgresStore::open(&url, options).await?),
    })
}
