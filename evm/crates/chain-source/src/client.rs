//! JSON-RPC over HTTP: few calls at once, none without end, no answer without limit, and no secrets in errors.

use crate::error::SourceError;
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// JSON-RPC's code for a method that a node does not have.
const NO_METHOD: i64 = -32601;

/// Nodes behind a limiter answer with this code when it is too much.
const LIMIT_EXCEEDED: i64 = -32005;

/// The pause before a retry is doubled each time, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a node is called.
#[derive(Clone, Copy, Debug)]
pub struct CallSettings {
    /// For one answer, from asking to its last byte.
    pub timeout: Duration,
    /// Bytes of one answer.
    pub answer_limit: usize,
    /// The pause before the first retry; it doubles from one to the next.
    pub backoff: Duration,
    /// How often a call without an answer is tried again.
    pub max_retries: u32,
    /// Calls at once.
    pub parallel: usize,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            answer_limit: 256 << 20,
            backoff: Duration::ZERO,
            max_retries: 0,
            parallel: 16,
        }
    }
}

/// A node, and how to call it.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    /// Of the URL only what is no secret: people put passwords and keys into user and path.
    name: String,
    settings: CallSettings,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("node", &self.name).finish_non_exhaustive()
    }
}

/// What came of one attempt.
enum Attempt {
    Answer(Value),
    /// Worth another attempt.
    Nothing(String),
    /// Not worth one.
    Failed(SourceError),
}

impl Client {
    pub(crate) fn new(url: &str, settings: CallSettings) -> Result<Self, SourceError> {
        let url = Url::parse(url).map_err(|_| SourceError::Url)?;
        let host = url.host_str().ok_or(SourceError::Url)?.to_owned();
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SourceError::Url);
        }
        let name = match url.port() {
            Some(port) => format!("{}://{host}:{port}", url.scheme()),
            None => format!("{}://{host}", url.scheme()),
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(10)));
        if matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            // A proxy that the environment names for the world outside would look for its own loopback.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| SourceError::Client(error.without_url().into()))?;
        let permits = Arc::new(Semaphore::new(settings.parallel.max(1)));
        Ok(Self { http, url, name, settings, permits })
    }

    /// How many calls may be under way.
    pub(crate) fn parallel(&self) -> usize {
        self.settings.parallel.max(1)
    }

    /// Calls a method, and reads its answer as a `T`.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, SourceError> {
        let answer = self.ask(method, params).await?;
        serde_json::from_value(answer).map_err(|error| self.unexpected(method, error.to_string()))
    }

    /// The same for a method that the node may not have: then there is nothing.
    pub(crate) async fn call_if_there<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, SourceError> {
        match self.call(method, params).await {
            Ok(answer) => Ok(Some(answer)),
            Err(SourceError::Refused { code, message, .. }) if is_missing(code, &message) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn unexpected(&self, method: &'static str, why: impl Into<String>) -> SourceError {
        SourceError::Answer { node: self.name.clone(), method, why: shortened(&why.into()) }
    }

    async fn ask(&self, method: &'static str, params: Value) -> Result<Value, SourceError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut pause = self.settings.backoff;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = {
                let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
                self.attempt(method, &body).await
            };
            let why = match attempt {
                Attempt::Answer(answer) => return Ok(answer),
                Attempt::Failed(error) => return Err(error),
                Attempt::Nothing(why) => why,
            };
            if attempts > self.settings.max_retries {
                return Err(SourceError::Unreachable { node: self.name.clone(), method, attempts, why });
            }
            tracing::debug!(node = self.name, method, attempts, why, "asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE.max(self.settings.backoff));
        }
    }

    async fn attempt(&self, method: &'static str, body: &Value) -> Attempt {
        let nothing = |error: reqwest::Error| Attempt::Nothing(chain(&error.without_url()));
        let mut response = match self.http.post(self.url.clone()).json(body).send().await {
            Ok(response) => response,
            Err(error) => return nothing(error),
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Attempt::Nothing(format!("HTTP status {status}"));
        }
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return nothing(error),
            }
            if bytes.len() > self.settings.answer_limit {
                let limit = self.settings.answer_limit;
                return Attempt::Failed(self.unexpected(method, format!("an answer of more than {limit} bytes")));
            }
        }
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(Value::Object(mut answer)) => {
                if let Some(error) = answer.remove("error").filter(|error| !error.is_null()) {
                    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
                    let message = error.get("message").and_then(Value::as_str).unwrap_or("without a reason");
                    let message = shortened(message);
                    if code == LIMIT_EXCEEDED {
                        return Attempt::Nothing(message);
                    }
                    return Attempt::Failed(SourceError::Refused { node: self.name.clone(), method, code, message });
                }
                match answer.remove("result") {
                    Some(result) => Attempt::Answer(result),
                    None => Attempt::Failed(self.unexpected(method, "neither a result nor an error")),
                }
            }
            _ if !status.is_success() => Attempt::Failed(self.unexpected(method, format!("HTTP status {status}"))),
            Ok(_) => Attempt::Failed(self.unexpected(method, "JSON that is no object")),
            Err(error) => Attempt::Failed(self.unexpected(method, format!("no JSON: {error}"))),
        }
    }
}

/// Whether a refusal says that there is no such method. Nodes that are proxies use codes of their own.
fn is_missing(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    code == NO_METHOD
        || ["not found", "does not exist", "not supported", "unsupported", "not available"]
            .iter()
            .any(|words| message.contains("method") && message.contains(words))
}

/// TLS with the system's certificates. A machine without any can still talk to a node nearby.
fn tls() -> Result<rustls::ClientConfig, SourceError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceError::Client(Box::new(error)))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    shortened(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// What others say, in one line of bearable length.
fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    match text.chars().count() > 300 {
        true => format!("{line}…"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        let client =
            Client::new("https://user:word@host.example/v3/key?token=t", CallSettings::default()).expect("a good URL");
        let shown = format!("{client:?} {}", client.unexpected("eth_chainId", "nothing"));
        assert!(shown.contains("https://host.example"), "{shown}");
        for secret in ["user", "word", "v3", "key", "token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_being_shown() {
        for url in ["", "host:8545", "ftp://word@host", "http://"] {
            let error = Client::new(url, CallSettings::default()).expect_err("a bad URL");
            assert!(!error.to_string().contains("word"), "{error}");
        }
    }

    #[test]
    fn a_missing_method_is_told_from_other_refusals() {
        assert!(is_missing(-32601, "anything"));
        assert!(is_missing(-32000, "the method eth_getWitness does not exist/is not available"));
        assert!(!is_missing(-32000, "header not found"));
    }
}
