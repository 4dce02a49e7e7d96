//! Where tokens come from: a file that only its owner can read, or the environment; never the command line.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rand::RngExt as _;
use terminal::{Usage, files};
use transport::SetupError;

/// A file with a token is not longer than this, in bytes.
const MAX_TOKEN_FILE: u64 = 64 << 10;

/// The token in a file: its only word, or that of the first of `scopes` that it has a line of.
///
/// # Errors
/// It cannot be read, others can read it, or [`Usage`] where it has no such token.
pub fn token_from_file(path: &Path, scopes: &[&str]) -> Result<String> {
    let mode = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SetupError::TokensOpen { path: path.to_owned(), mode: mode & 0o7777 }.into());
    }
    let text = String::from_utf8(files::read(path, MAX_TOKEN_FILE)?).unwrap_or_default();
    pick(&text, scopes)
        .ok_or_else(|| Usage(format!("{} has no token of the {} scope", path.display(), scopes.join(" or "))).into())
}

/// The token in a text: the only word, or that after the first of `scopes` that a line begins with.
fn pick(text: &str, scopes: &[&str]) -> Option<String> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    if let [token] = lines[..]
        && !token.contains(char::is_whitespace)
    {
        return Some(token.to_owned());
    }
    let of =
        |scope: &&str| lines.iter().find_map(|line| Some(line.strip_prefix(*scope)?.strip_prefix([' ', '\t'])?.trim()));
    scopes.iter().find_map(of).map(str::to_owned)
}

/// A token from the file, or else from what the environment variable of the flag said.
///
/// # Errors
/// There is neither, or the file is wrong.
pub fn token(file: Option<&Path>, variable: &str, scope: &str) -> Result<String> {
    if let Some(path) = file {
        return token_from_file(path, &[scope]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_has_one_token_or_lines_of_the_dispatcher() {
        let lines = "# tokens\nwork 1111111111111111\nadmin 2222222222222222\nask  3333333333333333";
        assert_eq!(pick("  4444444444444444\n", &["ask"]), Some("4444444444444444".to_owned()));
        assert_eq!(pick(lines, &["ask", "admin"]), Some("3333333333333333".to_owned()));
        assert_eq!(pick(lines, &["admin"]), Some("2222222222222222".to_owned()));
        assert_eq!(pick("work 1111111111111111", &["ask", "admin"]), None);
        assert_eq!(pick("", &["ask"]), None);
    }
}
