//! How long an append takes, beside a bare `fdatasync` on the same file system in the same run:
//! `cargo run --release -p dispatch-store --example append_latency [folder]`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use dispatch::store::{Store, StoreError};
use dispatch_store::{OpenOptions, PostgresStore, SqliteStore};

const ROUNDS: u64 = 3000;
const BATCH: [u8; 1024] = [7; 1024];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder)?;
    println!("{ROUNDS} batches of {} bytes, one after another", BATCH.len());
    sync_bare(folder.path())?;
    let sqlite = SqliteStore::open(folder.path().join("store.db"), OpenOptions::default()).await?;
    append("SQLite", &sqlite).await?;
    match test_services::Postgres::start() {
        Ok(server) => {
            let store = PostgresStore::open(&server.url(), OpenOptions::default()).await?;
            append("PostgreSQL", &store).await?;
        }
        Err(error) => println!("PostgreSQL      not measured: {error}"),
    }
    sync_bare(folder.path())?;
    Ok(())
}

fn sync_bare(folder: &Path) -> std::io::Result<()> {
    let mut file = File::create(folder.join("bare"))?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        file.write_all(&BATCH)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    report("bare fdatasync", times);
    Ok(())
}

async fn append(name: &str, store: &impl Store) -> Result<(), StoreError> {
    let mut times = Vec::new();
    for number in 1..=ROUNDS {
        let start = Instant::now();
        store.append(number, &BATCH).await?;
        times.push(start.elapsed());
    }
    report(name, times);
    store.release().await
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1000];
    println!("{name:14}  p50 {:9.1?}  p99 {:9.1?}  p99.9 {:9.1?}", at(500), at(990), at(999));
}
