//! What only a store on a server can meet: the server restarts, connections break, other versions' tables.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::time::{Duration, Instant};

use dispatch::store::{Store, StoreError};
use dispatch_store::{OpenOptions, PostgresStore};
use sqlx::{Connection, PgConnection};
use test_services::Postgres;

async fn open(postgres: &Postgres) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&postgres.url(), OpenOptions::default()).await
}

async fn execute(postgres: &Postgres, sql: &'static str) {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_store_goes_on_after_its_server_was_killed_and_started_again() {
    let mut postgres = Postgres::start().unwrap();
    let store = open(&postgres).await.unwrap();
    store.append(1, b"a").await.unwrap();
    postgres.kill();
    for _ in 0..2 {
        let error = store.append(2, b"b").await.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    }
    assert!(matches!(store.load().await.unwrap_err(), StoreError::Io { .. }));
    postgres.restart().unwrap();
    assert_eq!(store.load().await.unwrap().batches, [b"a"]);
    store.append(2, b"b").await.unwrap();

    // Also where nobody noticed that the server was gone.
    postgres.restart().unwrap();
    let error = store.append(3, b"c").await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert_eq!(store.load().await.unwrap().last(), 2);
    store.append(3, b"c").await.unwrap();
    store.renew().await.unwrap();
}

#[tokio::test]
async fn every_acknowledged_batch_survives_a_server_that_is_killed() {
    let mut postgres = Postgres::start().unwrap();
    let store = std::sync::Arc::new(open(&postgres).await.unwrap());
    let mut last = 0;
    for _ in 0..3 {
        let appender = store.clone();
        let appending = tokio::spawn(async move {
            let mut number = appender.load().await.unwrap().last();
            while appender.append(number + 1, &number.to_le_bytes()).await.is_ok() {
                number += 1;
            }
            number
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut server = postgres;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server
        })
        .await
        .unwrap();
        let acknowledged = appending.await.unwrap();
        server.restart().unwrap();
        postgres = server;
        let kept = store.load().await.unwrap().last();
        assert!(kept == acknowledged || kept == acknowledged + 1, "{kept} of {acknowledged}");
        assert!(acknowledged > last);
        last = kept;
    }
}

#[tokio::test]
async fn what_was_under_way_over_a_broken_connection_never_arrives_later() {
    let postgres = Postgres::start().unwrap();
    let store = open(&postgres).await.unwrap();
    store.append(1, b"a").await.unwrap();
    // Another session holds the owner's row: the append waits on the server, and is given up here.
    let mut other = PgConnection::connect(&postgres.url()).await.unwrap();
    let mut holding = other.begin().await.unwrap();
    sqlx::raw_sql("SELECT * FROM meze_owner FOR UPDATE").execute(&mut *holding).await.unwrap();
    tokio::time::timeout(Duration::from_millis(300), store.append(2, b"stale")).await.unwrap_err();
    holding.commit().await.unwrap();

    let kept = store.load().await.unwrap().last();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store.load().await.unwrap().last(), kept);
    store.append(kept + 1, b"next").await.unwrap();
}

#[tokio::test]
async fn who_stands_by_outlives_a_restart_of_the_server() {
    let mut postgres = Postgres::start().unwrap();
    let owner = open(&postgres).await.unwrap();
    owner.append(1, b"a").await.unwrap();
    let url = postgres.url();
    let standby = tokio::spawn(async move { PostgresStore::open(&url, OpenOptions::default().standby(true)).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    postgres.restart().unwrap();
    let next = standby.await.unwrap().unwrap();
    assert_eq!(next.load().await.unwrap().batches, [b"a"]);
    // The first call only learns that its connection is gone.
    assert!(matches!(owner.load().await.unwrap_err(), StoreError::Io { .. }));
    assert!(matches!(owner.load().await.unwrap_err(), StoreError::Fenced { ours: 1, theirs: 2 }));
}

#[tokio::test]
async fn tables_of_format_1_are_read() {
    let postgres = Postgres::start().unwrap();
    execute(&postgres, include_str!("formats/format-1.postgres.sql")).await;
    let store = open(&postgres).await.unwrap();
    let kept = store.load().await.unwrap();
    assert_eq!((kept.covered, kept.snapshot.as_deref()), (2, Some(&b"one, two"[..])));
    assert_eq!(kept.batches, [b"three".to_vec(), b"".to_vec()]);
    assert_eq!(store.epoch(), 2);
    store.append(5, b"five").await.unwrap();
}

#[tokio::test]
async fn a_newer_format_and_a_damaged_layout_are_clear_errors() {
    let postgres = Postgres::start().unwrap();
    open(&postgres).await.unwrap().release().await.unwrap();
    execute(&postgres, "UPDATE meze_format SET version = 2").await;
    let error = open(&postgres).await.unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 2 }), "{error:?}");
    execute(&postgres, "UPDATE meze_format SET version = 1; DROP TABLE meze_owner").await;
    let error = open(&postgres).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_without_the_password() {
    let start = Instant::now();
    let url = "postgres://meze:hunter2@127.0.0.1:9/meze";
    let error = PostgresStore::open(url, OpenOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { what: "be opened", .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(start.elapsed() < Duration::from_secs(5));
    let error = PostgresStore::open("postgres://[", OpenOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
}
