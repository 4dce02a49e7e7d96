//! Opening a store in a SQLite file: the file and its modes, the settings, the layout.

use std::fs::{self, File, OpenOptions as FileOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dispatch::store::{FORMAT, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::OpenOptions;
use crate::cause::Cause;
use crate::store::{Database, DatabaseStore};

/// How long to wait for another opener that is just writing.
const BUSY: Duration = Duration::from_secs(5);

/// Between two tries, where SQLite itself does not wait.
const PAUSE: Duration = Duration::from_millis(10);

const LAYOUT: &str = include_str!("schema/sqlite.sql");

/// A store in a SQLite file, for one machine.
pub type SqliteStore = DatabaseStore<SqliteFile>;

/// A SQLite file, readable and writable by its owner alone.
#[derive(Debug)]
pub struct SqliteFile {
    path: PathBuf,
    /// Only tests set it: how many pages the disk has.
    pages: Option<u32>,
}

impl SqliteStore {
    /// Opens the store in the file `path`, which is made if there is none, and owns it; its folder must
    /// exist. When it resolves is told at [`open`](crate::open).
    pub async fn open(path: impl Into<PathBuf>, options: OpenOptions) -> Result<Self, StoreError> {
        Self::own(SqliteFile { path: path.into(), pages: None }, options).await
    }
}

impl Database for SqliteFile {
    type Connection = SqliteConnection;

    async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        let path = self.path.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&path)).await;
        prepared
            .unwrap_or_else(|error| Err(Cause::Database(sqlx::Error::Io(io::Error::other(error)))))
            .map_err(|cause| cause.during("be opened"))?;
        let mut options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        if let Some(pages) = self.pages {
            options = options.pragma("max_page_count", pages.to_string());
        }
        let given_up = Instant::now() + BUSY;
        let (connection, layout) = loop {
            match connect_and_lay_out(&options).await {
                Err(error) if is_busy(&error) && Instant::now() < given_up => tokio::time::sleep(PAUSE).await,
                result => break result.map_err(|error| Cause::from(error).during("be opened"))?,
            }
        };
        match layout {
            Layout::Read(FORMAT) => Ok(connection),
            Layout::Read(0) => Err(StoreError::Damaged("it has no format".to_owned())),
            Layout::Read(found) => Err(StoreError::Format { found }),
            Layout::Foreign => Err(StoreError::Damaged("it is a database of another program".to_owned())),
        }
    }
}

async fn connect_and_lay_out(options: &SqliteConnectOptions) -> sqlx::Result<(SqliteConnection, Layout)> {
    let mut connection = options.connect().await?;
    let layout = lay_out(&mut connection).await?;
    Ok((connection, layout))
}

/// Whether another opener was in the way. SQLite waits for it by itself, but not where both change the file to
/// WAL: each holds what the other needs, so one is refused at once, however long it would wait.
fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY_CODE: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY_CODE)
}

enum Layout {
    Read(u32),
    Foreign,
}

/// Makes the layout in an empty file, and reads the format of any other.
async fn lay_out(connection: &mut SqliteConnection) -> sqlx::Result<Layout> {
    const TABLES: &str = "SELECT count(*), coalesce(sum(name = 'meze_format'), 0) FROM sqlite_master";
    const VERSION: &str = "SELECT coalesce(max(version), 0) FROM meze_format";
    let mut tables: (i64, i64) = sqlx::query_as(TABLES).fetch_one(&mut *connection).await?;
    if tables.0 == 0 {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        // Another opener may have been quicker.
        tables = sqlx::query_as(TABLES).fetch_one(&mut *transaction).await?;
        if tables.0 == 0 {
            sqlx::raw_sql(LAYOUT).execute(&mut *transaction).await?;
            tables.1 = 1;
        }
        transaction.commit().await?;
    }
    if tables.1 == 0 {
        return Ok(Layout::Foreign);
    }
    let version: i64 = sqlx::query_scalar(VERSION).fetch_one(connection).await?;
    Ok(Layout::Read(u32::try_from(version).unwrap_or(0)))
}

/// Makes the file where there is none, so that it never has a wider mode, and narrows the mode of one that
/// is there. SQLite gives the mode of the file to those that it makes beside it.
fn prepare(path: &Path) -> Result<(), Cause> {
    let failed = |source| Cause::File { path: path.to_owned(), source };
    match FileOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            // The name must survive a power cut as well as what is in the file.
            file.sync_all().map_err(failed)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(failed)?;
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(_) if path.is_dir() => return Err(Cause::Folder(path.to_owned())),
        Err(error) => return Err(failed(error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::metadata(&name) {
            Ok(file) if file.is_dir() => return Err(Cause::Folder(name.into())),
            Ok(file) if file.permissions().mode() & 0o077 != 0 => {
                fs::set_permissions(&name, Permissions::from_mode(0o600)).map_err(failed)?;
            }
            Ok(_) => {}
            Err(error) if !suffix.is_empty() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use dispatch::store::Store;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_an_error_after_which_the_store_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile { path: folder.path().join("store.db"), pages: Some(40) };
        let path = file.path.clone();
        let store = SqliteStore::own(file, OpenOptions::default()).await.unwrap();
        store.append(1, b"small").await.unwrap();
        let error = store.append(2, &[7; 1 << 20]).await.unwrap_err();
        assert!(matches!(error, StoreError::Io { what: "append a batch", .. }), "{error:?}");
        assert_eq!(store.load().await.unwrap().last(), 1);
        store.append(2, b"small again").await.unwrap();
        store.release().await.unwrap();
        let store = SqliteStore::open(path, OpenOptions::default()).await.unwrap();
        store.append(3, &[7; 1 << 20]).await.unwrap();
        assert_eq!(store.load().await.unwrap().last(), 3);
    }
}
