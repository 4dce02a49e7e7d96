//! Where the bytes lie: a folder, memory, or an object store in a cloud.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::{BlobError, folder};

/// A place, and how to write to it.
#[derive(Debug)]
pub(crate) struct Place {
    /// As it was given.
    pub(crate) location: String,
    store: Arc<dyn ObjectStore>,
    /// A folder's path: there we write ourselves, durably and for our eyes alone.
    folder: Option<PathBuf>,
}

impl Place {
    /// Opens a folder (which is made), `memory:`, or the URL of an object store.
    pub(crate) async fn open(location: &str) -> Result<Self, BlobError> {
        let given = location.to_owned();
        if location == "memory:" {
            return Ok(Self { location: given, store: Arc::new(InMemory::new()), folder: None });
        }
        let path = match location.split_once("://") {
            None => location,
            Some(("file", path)) => path,
            Some((scheme, rest)) => {
                let store = cloud(scheme, rest, location)?;
                return Ok(Self { location: given, store, folder: None });
            }
        };
        if path.is_empty() {
            let reason = "give a folder, memory: or the URL of an object store";
            return Err(BlobError::Location { location: given, reason });
        }
        let root = PathBuf::from(path);
        let made = blocking({
            let root = root.clone();
            move || {
                folder::make(&root.join("v1/plain"))?;
                folder::make(&root.join("v1/secret"))?;
                remove_leftovers(&root);
                Ok(())
            }
        });
        made.await.map_err(BlobError::io("make the folder of the blobs"))?;
        let store =
            LocalFileSystem::new_with_prefix(&root).map_err(BlobError::store("open the folder of the blobs"))?;
        Ok(Self { location: given, store: Arc::new(store), folder: Some(root) })
    }

    /// Writes; when it resolves, the bytes survive a power cut.
    pub(crate) async fn write(&self, path: &str, bytes: Bytes) -> Result<(), BlobError> {
        let what = "write a blob";
        match &self.folder {
            Some(root) => {
                let file = root.join(path);
                blocking(move || folder::write(&file, &bytes)).await.map_err(BlobError::io(what))
            }
            None => {
                let written = self.store.put(&Path::from(path), bytes.into()).await;
                written.map(drop).map_err(BlobError::store(what))
            }
        }
    }

    /// Reads all of it, but nothing that is larger than `limit`: that is an `Err` with its size within. `None`
    /// if there is nothing.
    pub(crate) async fn read(&self, path: &str, limit: u64) -> Result<Option<Result<Bytes, u64>>, BlobError> {
        let what = "read a blob";
        let found = match self.store.get(&Path::from(path)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(BlobError::store(what))?,
        };
        if found.meta.size > limit {
            return Ok(Some(Err(found.meta.size)));
        }
        Ok(Some(Ok(found.bytes().await.map_err(BlobError::store(what))?)))
    }

    /// Removes it; no error if there is nothing.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), BlobError> {
        let what = "delete a blob";
        match &self.folder {
            Some(root) => {
                let file = root.join(path);
                blocking(move || folder::remove(&file)).await.map_err(BlobError::io(what))
            }
            None => match self.store.delete(&Path::from(path)).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                result => result.map_err(BlobError::store(what)),
            },
        }
    }

    /// Everything below `folder`.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>, BlobError> {
        let below = Path::from(folder);
        self.store.list(Some(&below)).try_collect().await.map_err(BlobError::store("list the blobs"))
    }
}

/// Removes what writers left behind that ended half way; an hour old, so that it is nobody's work.
fn remove_leftovers(root: &FilePath) {
    for folder in ["v1/plain", "v1/secret", "v1"] {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|file| file.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if folder::is_staging(&entry.path()) && age.is_some_and(|age| age.as_secs() > 3600) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// The object store of a cloud, `<scheme>://<bucket>/<folder>`, if it was built in.
fn cloud(scheme: &str, rest: &str, location: &str) -> Result<Arc<dyn ObjectStore>, BlobError> {
    // Each of these is needed by one feature or another.
    #[allow(unused_variables)]
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    let reason = match scheme {
        #[cfg(feature = "s3")]
        "s3" => {
            let store = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket).build();
            return below(folder, store);
        }
        #[cfg(feature = "gcs")]
        "gs" => {
            let store = object_store::gcp::GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).build();
            return below(folder, store);
        }
        #[cfg(feature = "azure")]
        "az" => {
            let store = object_store::azure::MicrosoftAzureBuilder::from_env().with_container_name(bucket).build();
            return below(folder, store);
        }
        "s3" => "this meze was built without S3 (feature s3)",
        "gs" => "this meze was built without Google Cloud Storage (feature gcs)",
        "az" => "this meze was built without Azure (feature azure)",
        _ => "give a folder, memory:, or a URL with s3, gs or az",
    };
    Err(BlobError::Location { location: location.to_owned(), reason })
}

#[cfg(feature = "cloud")]
fn below(folder: &str, store: object_store::Result<impl ObjectStore>) -> Result<Arc<dyn ObjectStore>, BlobError> {
    let store = store.map_err(BlobError::store("open the object store"))?;
    Ok(Arc::new(object_store::prefix::PrefixStore::new(store, Path::from(folder))))
}
