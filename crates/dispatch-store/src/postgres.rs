//! Opening a store in a PostgreSQL database: the way to the server, the settings, the layout.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use dispatch::store::{FORMAT, StoreError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::OpenOptions;
use crate::cause::Cause;
use crate::store::{Database, DatabaseStore};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

const LAYOUT: &str = include_str!("schema/postgres.sql");

/// A store in a PostgreSQL database, for dispatchers on many machines.
pub type PostgresStore = DatabaseStore<PostgresServer>;

/// A PostgreSQL database; its `meze_…` tables are the store, in the first schema of the user's search path.
pub struct PostgresServer {
    options: PgConnectOptions,
}

/// Without the password.
impl fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        write!(f, "PostgreSQL database {} at {host}:{port}", self.options.get_database().unwrap_or("of the user"))
    }
}

impl PostgresStore {
    /// Opens the store in the database at `url` (`postgres://user:password@host:port/database`), makes its
    /// tables where there are none, and owns it. When it resolves is told at [`open`](crate::open).
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let way = PgConnectOptions::from_str(url).map_err(|error| Cause::from(error).during("be opened"))?;
        let settings = [("synchronous_commit", "on"), ("default_transaction_isolation", "read committed")];
        let way = way.application_name("meze").options(settings).disable_statement_logging();
        Self::own(PostgresServer { options: way }, options).await
    }
}

impl Database for PostgresServer {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let work = async {
            let mut connection = self.options.connect().await?;
            let version = lay_out(&mut connection).await?;
            Ok((connection, version))
        };
        let result = tokio::time::timeout(CONNECT, work).await.unwrap_or(Err(Cause::Late(CONNECT)));
        match result.map_err(|cause| cause.during("be opened"))? {
            (connection, FORMAT) => Ok(connection),
            (_, 0) => Err(StoreError::Damaged("it has no format".to_owned())),
            (_, found) => Err(StoreError::Format { found }),
        }
    }
}

/// Makes the layout where there is none; the format of what is there.
async fn lay_out(connection: &mut PgConnection) -> Result<u32, Cause> {
    // The server remembers that a table is not there, until it locks one, as here pg_class.
    const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('meze_format'))";
    const VERSION: &str = "SELECT coalesce(max(version), 0) FROM meze_format";
    // Any number that no other program takes by chance: "meze".
    const LOCK: &str = "SELECT pg_advisory_xact_lock(1835367013)";
    if !sqlx::query_scalar::<_, bool>(EXISTS).fetch_one(&mut *connection).await? {
        let mut transaction = connection.begin().await?;
        sqlx::query(LOCK).execute(&mut *transaction).await?;
        // Another opener may have been quicker.
        if !sqlx::query_scalar::<_, bool>(EXISTS).fetch_one(&mut *transaction).await? {
            sqlx::raw_sql(LAYOUT).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    if sqlx::query_scalar::<_, String>("SHOW fsync").fetch_one(&mut *connection).await? == "off" {
        tracing::warn!("the PostgreSQL server runs with fsync=off: a power cut can lose what was kept");
    }
    let version: i32 = sqlx::query_scalar(VERSION).fetch_one(connection).await?;
    Ok(u32::try_from(version).unwrap_or(0))
}
