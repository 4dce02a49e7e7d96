//! Where tokens come from: a file that only its owner can read, or the environment; never the command line.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rand::RngExt as _;

/// The first token of a scope in a token file, or the whole file if it is one token.
///
/// # Errors
/// The file cannot be read, others can read it, or it has no such token.
pub fn token_from_file(path: &Path, scope: &str) -> Result<String> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read the token file {}", path.display()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        bail!("others can read the token file {}: chmod 600 it", path.display());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the token file {}", path.display()))?;
    let entry = |line: &str| {
        let (found, token) = line.trim().split_once(char::is_whitespace)?;
        (found == scope).then(|| token.trim().to_owned())
    };
    if let Some(token) = text.lines().find_map(entry) {
        return Ok(token);
    }
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(token), None) => Ok(token.to_owned()),
        _ => bail!("the token file {} has no token of the scope {scope}", path.display()),
    }
}

/// A token from the file, or else from what the environment variable of the flag said.
///
/// # Errors
/// There is neither, or the file is wrong.
pub fn token(file: Option<&Path>, variable: &str, scope: &str) -> Result<String> {
    if let Some(path) = file {
        return token_from_file(path, scope);
    }
    match std::env::var(variable) {
        Ok(token) if !token.is_empty() => Ok(token),
        _ => bail!("no token of the scope {scope}: name a file with --token-file, or set {variable}"),
    }
}

/// A fresh token: 256 random bits.
pub fn fresh() -> String {
    let mut bytes = [0u8; 32];
    rand::rng().fill(&mut bytes);
    hex::encode(bytes)
}

/// Writes a file of fresh tokens, one a scope, that only its owner can read.
///
/// # Errors
/// It cannot be written, or is there already.
pub fn write_fresh(path: &Path) -> Result<()> {
    let mut file: File = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write the token file {}", path.display()))?;
    let text = ["ask", "work", "admin"].map(|scope| format!("{scope} {}\n", fresh())).concat();
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write the token file {}", path.display()))
}
