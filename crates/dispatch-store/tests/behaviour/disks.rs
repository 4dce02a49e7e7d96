//! What a store lies on: something fresh that can be opened again and again.

use std::sync::Arc;

use dispatch::store::{MemoryDisk, Store, StoreError};
use dispatch_store::OpenOptions;

/// A fresh place for a store.
pub(crate) trait Disk: Sync {
    /// Makes one with nothing in it.
    fn fresh() -> Self;

    /// Opens the store on it.
    fn open(&self, options: OpenOptions) -> impl Future<Output = Result<Arc<dyn Store>, StoreError>> + Send;

    /// Opens it where nobody else has it.
    async fn own(&self) -> Arc<dyn Store> {
        self.open(OpenOptions::default()).await.unwrap()
    }
}

/// Twin of the others.
pub(crate) struct Memory(MemoryDisk);

/// A file.
pub(crate) struct Sqlite(tempfile::TempDir);

/// A server.
pub(crate) struct Postgres(test_services::Postgres);

impl Disk for Memory {
    fn fresh() -> Self {
        Self(MemoryDisk::default())
    }

    async fn open(&self, _: OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(self.0.open()))
    }
}

impl Disk for Sqlite {
    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self, options: OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
        dispatch_store::open(&format!("sqlite:{}", self.0.path().join("store.db").display()), options).await
    }
}

impl Disk for Postgres {
    fn fresh() -> Self {
        Self(test_services::Postgres::start().unwrap())
    }

    async fn open(&self, options: OpenOptions) -> Result<Arc<dyn Store>, StoreError> {
        dispatch_store::open(&self.0.url(), options).await
    }
}
