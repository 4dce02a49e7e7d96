//! How blobs behave, in memory and in a folder.

#![allow(clippy::unwrap_used, reason = "what a test calls may panic, as a test may")]

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use blobs::Sensitivity::{Public, Secret};
use blobs::{BlobError, Blobs, SecretKey};
use bytes::Bytes;
use proving::payload::{BlobDigest, Payload};

fn key() -> SecretKey {
    SecretKey::from_bytes([5; 32])
}

/// The same blobs in memory and in a folder.
async fn places(folder: &Path) -> [Blobs; 2] {
    let folder = folder.join("made/for/blobs");
    [Blobs::open("memory:", key()).await.unwrap(), Blobs::open(folder.to_str().unwrap(), key()).await.unwrap()]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_was_put_is_got_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in places(folder.path()).await {
        for (size, sensitivity) in [(0, Public), (0, Secret), (1, Secret), (3_000_000, Public), (3_000_001, Secret)] {
            let bytes: Bytes = (0..size).map(|byte| (byte % 251) as u8).collect::<Vec<_>>().into();
            let payload = blobs.put(bytes.clone(), sensitivity).await.unwrap();
            assert_eq!(payload, Payload::blob_of(&bytes));
            assert_eq!(blobs.get(payload.digest()).await.unwrap(), bytes);
        }
    }
}

#[tokio::test]
async fn a_blob_that_was_never_put_or_is_deleted_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in places(folder.path()).await {
        for sensitivity in [Public, Secret] {
            let digest = BlobDigest::of(b"bytes");
            assert!(matches!(blobs.get(digest).await, Err(BlobError::Missing(missing)) if missing == digest));
            blobs.put(Bytes::from_static(b"bytes"), sensitivity).await.unwrap();
            blobs.delete(digest).await.unwrap();
            assert!(matches!(blobs.get(digest).await, Err(BlobError::Missing(missing)) if missing == digest));
            blobs.delete(digest).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_same_bytes_are_one_blob_and_a_sweep_spares_the_live_and_the_young() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in places(folder.path()).await {
        let mut digests = Vec::new();
        for (bytes, sensitivity) in [(b"live", Public), (b"LIVE", Secret), (b"gone", Public), (b"GONE", Secret)] {
            for _ in 0..2 {
                digests.push(blobs.put(Bytes::from_static(bytes), sensitivity).await.unwrap().digest());
            }
        }
        let now = SystemTime::now();
        assert_eq!(blobs.list(now).await.unwrap().len(), 4);
        let live: HashSet<_> = digests[..4].iter().copied().collect();
        let hour = Duration::from_secs(3600);
        assert_eq!(blobs.sweep(&live, hour, now).await.unwrap().blobs, 0);
        let swept = blobs.sweep(&live, hour, now + 2 * hour).await.unwrap();
        assert_eq!((swept.blobs, swept.bytes), (2, 4 + 4 + 49));
        for digest in &live {
            blobs.get(*digest).await.unwrap();
        }
        assert_eq!(blobs.list(now).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_blob_over_the_limit_is_neither_taken_nor_given() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in places(folder.path()).await {
        let blobs = blobs.with_limit(5);
        for sensitivity in [Public, Secret] {
            let exact = blobs.put(Bytes::from_static(b"12345"), sensitivity).await.unwrap();
            blobs.get(exact.digest()).await.unwrap();
            let error = blobs.put(Bytes::from_static(b"123456"), sensitivity).await.unwrap_err();
            assert!(matches!(error, BlobError::TooLarge { bytes: 6, limit: 5 }), "{error}");
        }
        let digest = BlobDigest::of(b"12345");
        let error = blobs.with_limit(4).get(digest).await.unwrap_err();
        assert!(matches!(error, BlobError::TooLarge { bytes: 5, limit: 4 }), "{error}");
    }
}

#[tokio::test]
async fn files_are_for_their_owner_alone_and_secrets_show_neither_content_nor_digest() {
    let folder = tempfile::tempdir().unwrap();
    let [_, blobs] = places(folder.path()).await;
    let secret = Bytes::from_static(b"a witness that nobody may read");
    let digest = blobs.put(secret.clone(), Secret).await.unwrap().digest();
    blobs.put(Bytes::from_static(b"public"), Public).await.unwrap();
    let found = files(folder.path());
    assert_eq!(found.len(), 3);
    for file in found {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"a witness"));
        assert!(!file.to_string_lossy().contains(&digest.to_string()));
        assert!(!bytes.windows(32).any(|window| window == digest.as_bytes()));
    }
    let debug = format!("{blobs:?}");
    assert!(!debug.contains("witness") && debug.contains("SecretKey(…)"), "{debug}");
}

#[tokio::test]
async fn a_changed_file_is_damaged_and_putting_the_bytes_again_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let [_, blobs] = places(folder.path()).await;
    for sensitivity in [Public, Secret] {
        let bytes = Bytes::from_static(b"some bytes of a blob");
        let digest = blobs.put(bytes.clone(), sensitivity).await.unwrap().digest();
        let file = files(folder.path()).into_iter().find(|file| !file.ends_with("v1/key")).unwrap();
        let good = fs::read(&file).unwrap();
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        for bad in [&changed[..], &good[..good.len() - 1], &[]] {
            fs::write(&file, bad).unwrap();
            let error = blobs.get(digest).await.unwrap_err();
            assert!(matches!(error, BlobError::Damaged { digest: d, .. } if d == digest), "{error}");
        }
        blobs.put(bytes.clone(), sensitivity).await.unwrap();
        assert_eq!(blobs.get(digest).await.unwrap(), bytes);
        blobs.delete(digest).await.unwrap();
    }
}

#[tokio::test]
async fn another_key_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().to_str().unwrap();
    let digest = {
        let blobs = Blobs::open(location, key()).await.unwrap();
        blobs.put(Bytes::from_static(b"secret"), Secret).await.unwrap().digest()
    };
    let error = Blobs::open(location, SecretKey::random()).await.unwrap_err();
    assert!(matches!(error, BlobError::WrongKey { .. }), "{error}");
    let again = Blobs::open(location, key()).await.unwrap();
    assert_eq!(again.get(digest).await.unwrap(), Bytes::from_static(b"secret"));
}

#[tokio::test]
async fn what_is_no_place_for_blobs_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for location in ["", "ftp://host/blobs", file.to_str().unwrap(), "/proc/blobs"] {
        let error = Blobs::open(location, key()).await.unwrap_err();
        assert!(matches!(error, BlobError::Location { .. } | BlobError::Io { .. }), "{location}: {error:?}");
    }
}

#[tokio::test]
async fn what_a_writer_left_half_way_is_no_blob_and_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().to_str().unwrap();
    let blobs = Blobs::open(location, key()).await.unwrap();
    let leftover = folder.path().join(format!("v1/plain/{}#17", BlobDigest::of(b"half")));
    fs::write(&leftover, b"ha").unwrap();
    assert_eq!(blobs.list(SystemTime::now()).await.unwrap(), []);
    drop(Blobs::open(location, key()).await.unwrap());
    assert!(leftover.exists(), "it may be somebody's work");
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::options().write(true).open(&leftover).unwrap().set_modified(old).unwrap();
    drop(Blobs::open(location, key()).await.unwrap());
    assert!(!leftover.exists());
}
