//! Reading and writing files, with an error that names the file, and a limit before any allocation.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or not for this user.
    #[error("cannot open {}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is longer than is allowed.
    #[error("{} is longer than the {limit} bytes that such a file may have", path.display())]
    TooLong {
        /// Where.
        path: PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// Writing failed.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`FileError::Open`], [`FileError::Read`] and [`FileError::TooLong`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|source| FileError::Open { path: path.into(), source })?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| FileError::Read { path: path.into(), source })?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLong { path: path.into(), limit });
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all. `secret`: only its owner may read it.
///
/// # Errors
/// [`FileError::Write`].
pub fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".incomplete-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        if !secret {
            // A temporary file is its owner's alone; what is published may be read by others.
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|source| FileError::Write { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_reads_back_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/file");
        write(&path, b"bytes", false).unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"bytes");
        assert!(matches!(read(&path, 4), Err(FileError::TooLong { limit: 4, .. })));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, b"bytes", true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_error_names_the_file() {
        let error = read(Path::new("/nowhere/at/all"), 1).unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nowhere/at/all");
    }
}
