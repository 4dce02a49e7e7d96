//! What a store asks of a database: the statements, and the calls that make them.
//!
//! The calls are the same for both databases, but sqlx has no type that stands for either (short of giving
//! up prepared statements' types), so a macro writes them once for each connection.

use std::future::Future;

use crate::takeover::Owner;

/// Who makes a change: the epoch of the owner, and which of its connections. A change that was sent over a
/// connection which is now given up must not arrive after its sender has looked at what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) epoch: i64,
    pub(crate) session: i64,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The claim is not the owner's.
    NotOurs,
    /// The number does not fit what is kept.
    OutOfOrder {
        last: i64,
    },
}

/// Numbered bytes with their digest, as in a row.
pub(crate) type Row = (i64, Vec<u8>, Vec<u8>);

/// The rows of a store.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) snapshot: Option<Row>,
    pub(crate) batches: Vec<Row>,
}

const OWNER: &str = "SELECT epoch, renewals, released FROM meze_owner";
const TAKE: &str = "UPDATE meze_owner SET epoch = epoch + 1, session = session + 1, released = FALSE \
    WHERE epoch = $1 AND renewals = $2 AND released = $3 RETURNING epoch, session";
const SESSION: &str = "UPDATE meze_owner SET session = session + 1 WHERE epoch = $1 RETURNING session";
const RENEW: &str = "UPDATE meze_owner SET renewals = renewals + 1 WHERE epoch = $1 AND session = $2";
const RELEASE: &str = "UPDATE meze_owner SET released = TRUE WHERE epoch = $1 AND session = $2";
const SPAN: &str = "SELECT coalesce((SELECT covered FROM meze_snapshot), 0), \
    coalesce((SELECT max(number) FROM meze_batches), (SELECT covered FROM meze_snapshot), 0)";
const SNAPSHOT: &str = "SELECT covered, digest, body FROM meze_snapshot";
const BATCHES: &str = "SELECT number, digest, body FROM meze_batches ORDER BY number";
const KEEP_SNAPSHOT: &str = "INSERT INTO meze_snapshot (id, covered, digest, body) VALUES (1, $1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET covered = excluded.covered, digest = excluded.digest, body = excluded.body";
const FORGET: &str = "DELETE FROM meze_batches WHERE number <= $1";

/// A connection to a database that holds a store.
pub(crate) trait Connection: Sized + Send {
    /// Begins a transaction in which [`MINE`](Self::MINE) keeps others from taking the store.
    const BEGIN: &'static str;
    /// Finds the claim in the owner's row.
    const MINE: &'static str;
    /// Adds a batch, if it follows the last and the claim is the owner's: one round trip, one sync.
    const APPEND: &'static str;

    /// The owner's row.
    fn owner(&mut self) -> impl Future<Output = sqlx::Result<Owner>> + Send;
    /// Becomes the owner, if the row is still as it was `seen`.
    fn take(&mut self, seen: Owner) -> impl Future<Output = sqlx::Result<Option<Claim>>> + Send;
    /// Makes this the one connection of the owner with `epoch`; what others still have under way is void.
    fn claim(&mut self, epoch: i64) -> impl Future<Output = sqlx::Result<Option<Claim>>> + Send;
    /// Everything, or `None` if the claim is not the owner's.
    fn load(&mut self, claim: Claim) -> impl Future<Output = sqlx::Result<Option<Rows>>> + Send;
    /// Adds a batch; `digest` is the one of its row.
    fn append(
        &mut self,
        claim: Claim,
        number: i64,
        digest: &[u8],
        body: &[u8],
    ) -> impl Future<Output = sqlx::Result<Outcome>> + Send;
    /// Replaces the snapshot, and forgets what it covers.
    fn keep_snapshot(
        &mut self,
        claim: Claim,
        covered: i64,
        digest: &[u8],
        body: &[u8],
    ) -> impl Future<Output = sqlx::Result<Outcome>> + Send;
    /// Counts a renewal.
    fn renew(&mut self, claim: Claim) -> impl Future<Output = sqlx::Result<Outcome>> + Send;
    /// Gives the store up.
    fn release(&mut self, claim: Claim) -> impl Future<Output = sqlx::Result<Outcome>> + Send;
}

macro_rules! connection {
    ($connection:ty, begin: $begin:literal, lock: $lock:literal) => {
        impl Connection for $connection {
            const BEGIN: &'static str = $begin;
            const MINE: &'static str = concat!("SELECT epoch FROM meze_owner WHERE epoch = $1 AND session = $2", $lock);
            const APPEND: &'static str = concat!(
                "INSERT INTO meze_batches (number, digest, body) SELECT $1, $2, $3 FROM meze_owner ",
                "WHERE epoch = $4 AND session = $5 AND $1 = 1 + coalesce(",
                "(SELECT max(number) FROM meze_batches), (SELECT covered FROM meze_snapshot), 0)",
                $lock
            );

            async fn owner(&mut self) -> sqlx::Result<Owner> {
                let (epoch, renewals, released) = sqlx::query_as(OWNER).fetch_one(self).await?;
                Ok(Owner { epoch, renewals, released })
            }

            async fn take(&mut self, seen: Owner) -> sqlx::Result<Option<Claim>> {
                let query = sqlx::query_as(TAKE).bind(seen.epoch).bind(seen.renewals).bind(seen.released);
                Ok(query.fetch_optional(self).await?.map(|(epoch, session)| Claim { epoch, session }))
            }

            async fn claim(&mut self, epoch: i64) -> sqlx::Result<Option<Claim>> {
                let session = sqlx::query_scalar(SESSION).bind(epoch).fetch_optional(self).await?;
                Ok(session.map(|session| Claim { epoch, session }))
            }

            async fn load(&mut self, claim: Claim) -> sqlx::Result<Option<Rows>> {
                let mut transaction = self.begin_with(Self::BEGIN).await?;
                let mine = sqlx::query(Self::MINE).bind(claim.epoch).bind(claim.session);
                if mine.fetch_optional(&mut *transaction).await?.is_none() {
                    transaction.rollback().await?;
                    return Ok(None);
                }
                let snapshot = sqlx::query_as(SNAPSHOT).fetch_optional(&mut *transaction).await?;
                let batches = sqlx::query_as(BATCHES).fetch_all(&mut *transaction).await?;
                transaction.rollback().await?;
                Ok(Some(Rows { snapshot, batches }))
            }

            async fn append(&mut self, claim: Claim, number: i64, digest: &[u8], body: &[u8]) -> sqlx::Result<Outcome> {
                let query = sqlx::query(Self::APPEND).bind(number).bind(digest).bind(body);
                let query = query.bind(claim.epoch).bind(claim.session);
                if query.execute(&mut *self).await?.rows_affected() == 1 {
                    return Ok(Outcome::Done);
                }
                let mine = sqlx::query(Self::MINE).bind(claim.epoch).bind(claim.session);
                if mine.fetch_optional(&mut *self).await?.is_none() {
                    return Ok(Outcome::NotOurs);
                }
                let (_, last): (i64, i64) = sqlx::query_as(SPAN).fetch_one(self).await?;
                Ok(Outcome::OutOfOrder { last })
            }

            async fn keep_snapshot(
                &mut self,
                claim: Claim,
                covered: i64,
                digest: &[u8],
                body: &[u8],
            ) -> sqlx::Result<Outcome> {
                let mut transaction = self.begin_with(Self::BEGIN).await?;
                let mine = sqlx::query(Self::MINE).bind(claim.epoch).bind(claim.session);
                if mine.fetch_optional(&mut *transaction).await?.is_none() {
                    transaction.rollback().await?;
                    return Ok(Outcome::NotOurs);
                }
                let (before, last): (i64, i64) = sqlx::query_as(SPAN).fetch_one(&mut *transaction).await?;
                if !(before..=last).contains(&covered) {
                    transaction.rollback().await?;
                    return Ok(Outcome::OutOfOrder { last });
                }
                let keep = sqlx::query(KEEP_SNAPSHOT).bind(covered).bind(digest).bind(body);
                keep.execute(&mut *transaction).await?;
                sqlx::query(FORGET).bind(covered).execute(&mut *transaction).await?;
                transaction.commit().await?;
                Ok(Outcome::Done)
            }

            async fn renew(&mut self, claim: Claim) -> sqlx::Result<Outcome> {
                let done = sqlx::query(RENEW).bind(claim.epoch).bind(claim.session).execute(self).await?;
                Ok(if done.rows_affected() == 1 { Outcome::Done } else { Outcome::NotOurs })
            }

            async fn release(&mut self, claim: Claim) -> sqlx::Result<Outcome> {
                let done = sqlx::query(RELEASE).bind(claim.epoch).bind(claim.session).execute(self).await?;
                Ok(if done.rows_affected() == 1 { Outcome::Done } else { Outcome::NotOurs })
            }
        }
    };
}

use sqlx::Connection as _;

// SQLite has one writer at a time, which is us from the first statement.
connection!(sqlx::SqliteConnection, begin: "BEGIN IMMEDIATE", lock: "");
// The lock on the owner's row lasts until our commit: a takeover waits for it, and after a takeover the
// condition is looked at again. Without it, an append could be seen by neither and be kept all the same.
connection!(sqlx::PgConnection, begin: "BEGIN", lock: " FOR SHARE OF meze_owner");
