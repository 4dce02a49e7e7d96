//! Reading and writing files, with an error that names the file, and a limit before any allocation.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > limit {
        bail!("{} is longer than the {limit} bytes that such a file may have", path.display());
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all. `secret`: only its owner may read it.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> Result<()> {
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
    written().with_context(|| format!("cannot write {}", path.display()))
}
