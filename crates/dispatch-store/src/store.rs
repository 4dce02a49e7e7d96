//! The store over a database: one connection, made again after an error, and what each outcome means.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use dispatch::store::{Kept, Store, StoreError, StoreFuture};
use tokio::sync::{Mutex, MutexGuard};

use crate::OpenOptions;
use crate::cause::Cause;
use crate::database::{Claim, Connection, Outcome, Row, Rows};
use crate::takeover::{Decision, LOOK, Watch};

/// How long a call that changes a row or two may take. Then the way to the server counts as broken.
const CALL: Duration = Duration::from_secs(10);

/// How long reading or writing everything may take.
const WHOLE: Duration = Duration::from_secs(300);

/// A database that holds a store, and the way to it.
pub trait Database: Debug + Send + Sync + 'static {
    /// A connection to it.
    #[allow(private_bounds)]
    type Connection: Connection + 'static;

    /// Connects; makes the layout where there is none, and refuses one that this build cannot read.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, StoreError>> + Send;
}

/// A store that is kept in a database.
pub struct DatabaseStore<D: Database> {
    database: D,
    epoch: i64,
    /// `None` after an error, and while a call is under way: a call that is given up half way leaves a
    /// connection in an unknown state, and this one closes it.
    connection: Mutex<Option<(D::Connection, Claim)>>,
}

impl<D: Database> Debug for DatabaseStore<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseStore").field("database", &self.database).field("epoch", &self.epoch).finish()
    }
}

/// Waits for a database, but not for ever.
async fn within<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> Result<T, Cause> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result.map_err(Cause::from),
        Err(_) => Err(Cause::Late(limit)),
    }
}

/// The connection for the length of one call.
struct Lease<'a, D: Database> {
    slot: MutexGuard<'a, Option<(D::Connection, Claim)>>,
    connection: D::Connection,
    claim: Claim,
}

impl<D: Database> Lease<'_, D> {
    /// Gives the connection back, unless it is broken.
    fn end<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if !matches!(result, Err(StoreError::Io { .. })) {
            *self.slot = Some((self.connection, self.claim));
        }
        result
    }

    /// What `outcome` means for a change with the number `found`.
    async fn judge(&mut self, outcome: Outcome, found: u64, what: &'static str) -> Result<(), StoreError> {
        match outcome {
            Outcome::Done => Ok(()),
            Outcome::OutOfOrder { last } => Err(StoreError::OutOfOrder { last: last as u64, found }),
            Outcome::NotOurs => Err(fenced(&mut self.connection, self.claim.epoch, what).await),
        }
    }
}

/// The error of one whose epoch is over.
async fn fenced(connection: &mut impl Connection, ours: i64, what: &'static str) -> StoreError {
    match within(CALL, connection.owner()).await {
        Ok(owner) => StoreError::Fenced { ours: ours as u64, theirs: owner.epoch as u64 },
        Err(cause) => cause.during(what),
    }
}

impl<D: Database> DatabaseStore<D> {
    /// Becomes the owner of the store in `database`, as the crate's [`open`](crate::open) tells.
    pub(crate) async fn own(database: D, options: OpenOptions) -> Result<Self, StoreError> {
        let mut watch = Watch::new(options.standby);
        let mut connection = database.connect().await?;
        loop {
            let error = match look(&mut connection, &mut watch).await {
                Ok(Some(claim)) => {
                    tracing::debug!(epoch = claim.epoch, "owns the store");
                    return Ok(Self { database, epoch: claim.epoch, connection: Some((connection, claim)).into() });
                }
                Ok(None) => {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
                Err(error) => error,
            };
            if !options.standby || !matches!(error, StoreError::Io { .. }) {
                return Err(error);
            }
            // Who stands by outlives a restart of the server, and counts the silence anew after it.
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot watch the store, trying again");
            watch.look_away();
            connection = loop {
                tokio::time::sleep(10 * LOOK).await;
                match database.connect().await {
                    Err(StoreError::Io { .. }) => continue,
                    result => break result?,
                }
            };
        }
    }

    async fn lease(&self, what: &'static str) -> Result<Lease<'_, D>, StoreError> {
        let mut slot = self.connection.lock().await;
        if let Some((connection, claim)) = slot.take() {
            return Ok(Lease { slot, connection, claim });
        }
        let mut connection = self.database.connect().await?;
        match within(CALL, connection.claim(self.epoch)).await {
            Ok(Some(claim)) => Ok(Lease { slot, connection, claim }),
            Ok(None) => Err(fenced(&mut connection, self.epoch, what).await),
            Err(cause) => Err(cause.during(what)),
        }
    }
}

/// Looks at the owner once; the claim if the store is ours now.
async fn look(connection: &mut impl Connection, watch: &mut Watch) -> Result<Option<Claim>, StoreError> {
    let what = "be opened";
    let owner = within(CALL, connection.owner()).await.map_err(|cause| cause.during(what))?;
    match watch.look(owner, Instant::now()) {
        Decision::Wait => Ok(None),
        Decision::Held => Err(StoreError::Held { epoch: owner.epoch as u64 }),
        Decision::Take => {
            let claim = within(CALL, connection.take(owner)).await.map_err(|cause| cause.during(what))?;
            if claim.is_none() && within(CALL, connection.owner()).await.map_err(|cause| cause.during(what))? == owner {
                // Had another opener been quicker, the epoch would differ, and it never goes back.
                return Err(StoreError::Damaged("the row of its owner does not say what it reads as".to_owned()));
            }
            Ok(claim)
        }
    }
}

impl<D: Database> Store for DatabaseStore<D> {
    fn epoch(&self) -> u64 {
        self.epoch as u64
    }

    fn load(&self) -> StoreFuture<'_, Kept> {
        Box::pin(async {
            let what = "be loaded";
            let mut lease = self.lease(what).await?;
            let result = match within(WHOLE, lease.connection.load(lease.claim)).await {
                Ok(Some(rows)) => kept(rows),
                Ok(None) => Err(fenced(&mut lease.connection, self.epoch, what).await),
                Err(cause) => Err(cause.during(what)),
            };
            lease.end(result)
        })
    }

    fn append<'a>(&'a self, number: u64, batch: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let what = "append a batch";
            let mut lease = self.lease(what).await?;
            let row = to_row(number);
            let digest = digest(row, batch);
            let result = match within(CALL, lease.connection.append(lease.claim, row, &digest, batch)).await {
                Ok(outcome) => lease.judge(outcome, number, what).await,
                Err(cause) => Err(cause.during(what)),
            };
            lease.end(result)
        })
    }

    fn snapshot<'a>(&'a self, covered: u64, snapshot: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let what = "keep a snapshot";
            let mut lease = self.lease(what).await?;
            let row = to_row(covered);
            let digest = digest(row, snapshot);
            let work = lease.connection.keep_snapshot(lease.claim, row, &digest, snapshot);
            let result = match within(WHOLE, work).await {
                Ok(outcome) => lease.judge(outcome, covered, what).await,
                Err(cause) => Err(cause.during(what)),
            };
            lease.end(result)
        })
    }

    fn renew(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let what = "renew its ownership";
            let mut lease = self.lease(what).await?;
            let result = match within(CALL, lease.connection.renew(lease.claim)).await {
                Ok(outcome) => lease.judge(outcome, 0, what).await,
                Err(cause) => Err(cause.during(what)),
            };
            lease.end(result)
        })
    }

    fn release(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let what = "give its ownership up";
            let mut lease = self.lease(what).await?;
            let result = match within(CALL, lease.connection.release(lease.claim)).await {
                Ok(outcome) => lease.judge(outcome, 0, what).await,
                Err(cause) => Err(cause.during(what)),
            };
            lease.end(result)
        })
    }
}

/// A number as the databases have it. Those beyond follow no batch that could ever be kept, and neither does
/// the greatest.
fn to_row(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What a row's digest must be: so that bytes that rot on a disk are an error, and never a decision.
fn digest(number: i64, body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes()).update(body);
    *hasher.finalize().as_bytes()
}

/// Checks every row.
fn kept(rows: Rows) -> Result<Kept, StoreError> {
    let checked = |what: &str, (number, found, body): Row| {
        if found == digest(number, &body) {
            Ok(body)
        } else {
            Err(StoreError::Damaged(format!("the bytes of {what} {number} are not those that were kept")))
        }
    };
    let covered = rows.snapshot.as_ref().map_or(0, |(covered, ..)| *covered);
    if covered < 0 {
        return Err(StoreError::Damaged(format!("a snapshot covers {covered} batches")));
    }
    let snapshot = rows.snapshot.map(|row| checked("the snapshot up to", row)).transpose()?;
    let mut batches = Vec::with_capacity(rows.batches.len());
    for (row, expected) in rows.batches.into_iter().zip(covered + 1..) {
        if row.0 != expected {
            return Err(StoreError::Damaged(format!("batch {expected} is missing, the next is {}", row.0)));
        }
        batches.push(checked("batch", row)?);
    }
    Ok(Kept { covered: covered as u64, snapshot, batches })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Row {
        (number, digest(number, b"x").to_vec(), b"x".to_vec())
    }

    fn damage(rows: Rows) -> String {
        kept(rows).unwrap_err().to_string()
    }

    #[test]
    fn a_gap_and_rotten_bytes_are_damage() {
        let mut rotten = row(2);
        rotten.2[0] ^= 1;
        let said = damage(Rows { snapshot: None, batches: vec![row(1), rotten] });
        assert_eq!(said, "the store is damaged: the bytes of batch 2 are not those that were kept");
        let said = damage(Rows { snapshot: Some(row(4)), batches: vec![row(6)] });
        assert_eq!(said, "the store is damaged: batch 5 is missing, the next is 6");
        damage(Rows { snapshot: Some(row(-1)), batches: Vec::new() });
    }

    #[test]
    fn rows_in_order_are_what_was_kept() {
        let kept = kept(Rows { snapshot: Some(row(4)), batches: vec![row(5)] }).unwrap();
        assert_eq!((kept.covered, kept.last(), kept.batches.len()), (4, 5, 1));
    }
}
