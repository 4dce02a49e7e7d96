//! The key of the secret blobs: 32 random bytes in a file that only its owner reads.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fmt, fs};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{BlobError, folder};

/// The key under which secret blobs are encrypted and named.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A new random key.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// Takes a key that was made elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the key file `path`: 64 hex digits, mode 0600. Makes one with a new key where there is none, and
    /// the folders above it; of several processes at once, all get the same.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, BlobError> {
        let path = path.as_ref();
        match File::open(path) {
            Ok(file) => Self::read(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folder::make(path.parent().unwrap_or(Path::new("")))
                    .map_err(BlobError::io("make the folder of the key file"))?;
                let key = Self::random();
                let text = Zeroizing::new(hex::encode(key.0) + "\n");
                if folder::write_new(path, text.as_bytes()).map_err(BlobError::io("write the key file"))? {
                    return Ok(key);
                }
                Self::read(path, fs::File::open(path).map_err(BlobError::io("read the key file"))?)
            }
            Err(error) => Err(BlobError::io("read the key file")(error)),
        }
    }

    fn read(path: &Path, file: File) -> Result<Self, BlobError> {
        let what = "read the key file";
        let mode = file.metadata().map_err(BlobError::io(what))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(BlobError::KeyExposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(80));
        file.take(80).read_to_end(&mut text).map_err(BlobError::io(what))?;
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        let mut key = Self([0; 32]);
        let is_lowercase = !digits.iter().any(u8::is_ascii_uppercase);
        if is_lowercase && hex::decode_to_slice(digits, &mut key.0).is_ok() {
            Ok(key)
        } else {
            Err(BlobError::NoKey(path.to_owned()))
        }
    }

    /// The key for encryption.
    pub(crate) fn encryption(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("meze blobs v1: encryption of secret blobs", &self.0))
    }

    /// The stored name of the secret blob with this digest, in hex.
    pub(crate) fn name(&self, digest: &[u8; 32]) -> String {
        let key = Zeroizing::new(blake3::derive_key("meze blobs v1: names of secret blobs", &self.0));
        blake3::keyed_hash(&key, digest).to_hex().to_string()
    }

    /// Tells this key from others, and nothing about it.
    pub(crate) fn fingerprint(&self) -> String {
        hex::encode(blake3::derive_key("meze blobs v1: which key", &self.0))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("key");
        let made = SecretKey::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SecretKey::load_or_create(&path).unwrap().0, made.0);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn many_who_make_a_key_file_at_once_get_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| SecretKey::load_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key.0 == keys[0].0));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        SecretKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = SecretKey::load_or_create(&path).unwrap_err();
        assert!(matches!(error, BlobError::KeyExposed { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn a_file_with_anything_else_is_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), &"0g".repeat(32), &"0f".repeat(1000)] {
            folder::write(&path, text.as_bytes()).unwrap();
            assert!(matches!(SecretKey::load_or_create(&path), Err(BlobError::NoKey(_))), "{text:?}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", SecretKey([7; 32])), "SecretKey(…)");
    }
}
