//! The way from a command to a running dispatcher: its address, the token, and a runtime to speak in.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use transport::SetupError;
use transport::ask::{AskClient, AskError};
use transport::http::HttpSettings;

use crate::command::Usage;
use crate::{files, roles};

/// The variable that a token may be in: as an argument, everybody on the machine could read it.
pub const TOKEN_VARIABLE: &str = "MEZE_TOKEN";

/// A file with a token is not longer than this, in bytes.
const MAX_TOKEN_FILE: u64 = 64 << 10;

/// Which dispatcher, and who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dispatcher")]
pub struct ConnectionArgs {
    /// The dispatcher
    #[arg(long, env = "MEZE_URL", value_name = "URL", default_value = "http://127.0.0.1:8082")]
    pub url: String,

    /// A file that only you can read, with a token or with the dispatcher's `scope token` lines; else the token is in
    /// MEZE_TOKEN
    #[arg(long, env = "MEZE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Certificates (PEM) to trust beside the system's
    #[arg(long, env = "MEZE_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

impl ConnectionArgs {
    /// A client with a token of the first of `scopes` that there is one of; nothing is sent yet.
    ///
    /// # Errors
    /// [`Usage`] for an address or a token that is none.
    pub fn client(&self, scopes: &[&str]) -> Result<AskClient> {
        let token = self.token(scopes)?;
        let settings = HttpSettings { ca: self.ca.clone(), ..HttpSettings::default() };
        AskClient::new(&self.url, &token, settings).map_err(|error| match error {
            SetupError::Url(_) | SetupError::TokenText => Usage(error.to_string()).into(),
            error => error.into(),
        })
    }

    fn token(&self, scopes: &[&str]) -> Result<String> {
        let from_variable = || std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty());
        match &self.token_file {
            Some(path) => read_token(path, scopes),
            None => from_variable().map(|token| token.trim().to_owned()).ok_or_else(|| {
                Usage(format!("there is no token: put it into {TOKEN_VARIABLE}, or name its file with --token-file"))
                    .into()
            }),
        }
    }

    /// An error of the client, with the address that it is about.
    pub fn explain(&self, error: AskError) -> anyhow::Error {
        match error {
            AskError::Refused { .. } => error.into(),
            _ => anyhow::anyhow!("{}: {error}", self.url),
        }
    }
}

fn read_token(path: &Path, scopes: &[&str]) -> Result<String> {
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

/// Runs one conversation to its end on this thread.
///
/// # Errors
/// The conversation's own.
pub fn converse<T>(conversation: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = roles::runtime(1)?;
    runtime.block_on(conversation)
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
