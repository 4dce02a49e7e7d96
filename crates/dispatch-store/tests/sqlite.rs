//! What only a store in a file can meet: file modes, damage, other versions' files.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dispatch::store::{Store, StoreError};
use dispatch_store::{OpenOptions, SqliteStore};
use sqlx::{Connection, SqliteConnection};

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, OpenOptions::default()).await
}

/// The whole chain of an error, as users see it.
fn said(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}

async fn execute(path: &Path, sql: &'static str) {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A file of format 1, which must stay readable.
fn copy_of_format_1(folder: &Path) -> PathBuf {
    let path = folder.join("store.db");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/format-1.db"), &path).unwrap();
    path
}

#[tokio::test]
async fn an_owner_that_cannot_be_replaced_is_damage_and_not_a_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy_of_format_1(folder.path());
    execute(&path, "UPDATE meze_owner SET released = 165").await;
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn its_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, b"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(&path).await.unwrap();
    store.append(1, b"a").await.unwrap();
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_of_format_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&copy_of_format_1(folder.path())).await.unwrap();
    let kept = store.load().await.unwrap();
    assert_eq!((kept.covered, kept.snapshot.as_deref()), (2, Some(&b"one, two"[..])));
    assert_eq!(kept.batches, [b"three".to_vec(), b"".to_vec()]);
    assert_eq!(store.epoch(), 2);
    store.append(5, b"five").await.unwrap();
}

/// Made the file of format 1; run it by hand for the next format, under another name.
#[tokio::test]
#[ignore = "writes a file into the repository"]
async fn write_a_file_of_this_format() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/format-1.db"));
    assert!(!path.exists(), "the file of a released format never changes");
    let store = open(path).await.unwrap();
    for (number, batch) in [(1, "one"), (2, "two"), (3, "three"), (4, "")] {
        store.append(number, batch.as_bytes()).await.unwrap();
    }
    store.snapshot(2, b"one, two").await.unwrap();
    store.release().await.unwrap();
    drop(store);
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)").await;
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy_of_format_1(folder.path());
    execute(&path, "UPDATE meze_format SET version = 2").await;
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 2 }), "{error:?}");
}

#[tokio::test]
async fn what_is_not_a_store_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "no database at all. ".repeat(100)).unwrap();
    execute(&path("foreign"), "CREATE TABLE notes (text TEXT)").await;
    fs::copy(copy_of_format_1(folder.path()), path("cut")).unwrap();
    execute(&path("cut"), "DROP TABLE meze_owner").await;
    for (name, expected) in [
        ("text", "the store is damaged: "),
        ("foreign", "the store is damaged: it is a database of another program"),
        ("cut", "the store is damaged: "),
        ("", "the store cannot be opened: "),
        ("missing/store.db", "the store cannot be opened: cannot open "),
    ] {
        let error = open(&path(name)).await.unwrap_err();
        assert!(said(&error).starts_with(expected), "{name:?}: {}", said(&error));
    }
    assert!(said(&open(folder.path()).await.unwrap_err()).ends_with("is a folder: name a file in it"));
    let error = open(Path::new("/proc/store.db")).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
}

/// Opens a file with these bytes and loads what it holds.
async fn load(folder: PathBuf, name: String, bytes: Vec<u8>) -> (String, Result<(u64, u64), StoreError>) {
    let path = folder.join(&name);
    fs::write(&path, &bytes).unwrap();
    let loaded = match open(&path).await {
        Ok(store) => store.load().await,
        Err(error) => Err(error),
    };
    (name, loaded.map(|kept| (kept.covered, kept.last())))
}

#[tokio::test]
async fn a_damaged_file_is_an_error_wherever_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(copy_of_format_1(folder.path())).unwrap();
    // All at once: where the damage makes an owner appear, it is watched for a while.
    let mut files = tokio::task::JoinSet::new();
    for start in (0..good.len()).step_by(256) {
        let mut bytes = good.clone();
        bytes[start..start + 256].fill(0xa5);
        files.spawn(load(folder.path().to_owned(), format!("damaged at {start}"), bytes));
    }
    for length in (0..good.len()).step_by(1000).skip(1) {
        files.spawn(load(folder.path().to_owned(), format!("cut to {length}"), good[..length].to_vec()));
    }
    let mut errors = 0;
    while let Some(file) = files.join_next().await {
        match file.unwrap() {
            // SQLite does not use most of a small file: damage there does no harm.
            (name, Ok(loaded)) => assert!(loaded == (2, 4) && name.starts_with("damaged"), "{name}: {loaded:?}"),
            (_, Err(StoreError::Damaged(_) | StoreError::Io { .. })) => errors += 1,
            (name, Err(error)) => panic!("{name}: {error:?}"),
        }
    }
    assert!(errors > 20, "{errors}");
}
