//! Writes files so that each is there wholly or not at all, survives a power cut, and is for its owner alone.
//! (`object_store` can sync its files, but gives them the mode that the process happens to have.)

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes a folder and those above it; new ones are for their owner alone, and survive a power cut.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make(above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(above),
    }
}

/// Writes the file `path`; replaces what is there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    staged(path, bytes, |staging| fs::rename(staging, path))
}

/// Writes the file `path` if there is none; whether it did.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let result = staged(path, bytes, |staging| {
        fs::hard_link(staging, path)?;
        fs::remove_file(staging)
    });
    match result {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    }
}

/// Removes the file `path`, for good; no error if there is none.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync(path.parent().unwrap_or(Path::new(""))),
    }
}

/// Whether a file is one that [`write`] had not finished. `object_store` does not list such names either.
pub(crate) fn is_staging(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.rsplit_once('#').is_some_and(|(_, end)| end.parse::<u64>().is_ok()))
}

fn staged(path: &Path, bytes: &[u8], publish: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{}", rand::random::<u64>()));
    let staging = PathBuf::from(name);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staging).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| publish(&staging)) {
        let _ = fs::remove_file(&staging);
        return Err(error);
    }
    sync(path.parent().unwrap_or(Path::new("")))
}

fn sync(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
