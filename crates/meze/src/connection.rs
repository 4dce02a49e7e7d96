//! The way from a command to a running dispatcher: its address, the token, and a runtime to speak in.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use terminal::Usage;
use transport::SetupError;
use transport::ask::{AskClient, AskError};
use transport::http::HttpSettings;

use crate::roles::{self, secrets};

/// The variable that a token may be in: as an argument, everybody on the machine could read it.
pub const TOKEN_VARIABLE: &str = "MEZE_TOKEN";

/// A client for pages of this machine, through no proxy.
///
/// # Errors
/// The system's own.
pub fn plain_http() -> Result<reqwest::Client> {
    // It wants to know how TLS would be done, even where there is none. A second time it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?)
}

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
            Some(path) => secrets::token_from_file(path, scopes),
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

/// Runs one conversation to its end on this thread.
///
/// # Errors
/// The conversation's own.
pub fn converse<T>(conversation: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = roles::runtime(1)?;
    runtime.block_on(conversation)
}
