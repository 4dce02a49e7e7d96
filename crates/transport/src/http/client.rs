//! The worker's end: how it reaches the dispatcher, and what it makes of the dispatcher's errors.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::lines::Lines;
use super::problem::ErrorBody;
use super::session::HttpSession;
use super::wire::{KEEP_ALIVE_MS, Opening};
use crate::limits::Check as _;
use crate::link::{Link, LinkError};
use crate::message::{Hello, Welcome};
use crate::setup::SetupError;
use crate::tls;

/// How a worker's HTTP behaves; the default is right but for tests and private certificates.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Certificates (PEM) to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a beat may take.
    pub beat: Duration,
    /// How long any other call may take, and how long a blob may stand still.
    pub call: Duration,
    /// How long the dispatcher may be silent on the session's stream.
    pub silence: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca: None,
            connect: Duration::from_secs(5),
            beat: Duration::from_secs(3),
            call: Duration::from_secs(30),
            silence: Duration::from_millis(3 * KEEP_ALIVE_MS),
        }
    }
}

/// The way to a dispatcher over HTTP.
#[derive(Debug, Clone)]
pub struct HttpLink {
    wire: Wire,
}

impl HttpLink {
    /// The dispatcher at `url` (`http://host:port` or `https://…`, perhaps with a path before its routes), with a
    /// token of the work scope.
    ///
    /// # Errors
    /// [`SetupError`] with the setting that is at fault; nothing is sent yet.
    pub fn new(url: &str, token: &str, settings: HttpSettings) -> Result<Self, SetupError> {
        Ok(Self { wire: Wire::new(url, token, settings)? })
    }
}

impl Link for HttpLink {
    type Session = HttpSession;

    async fn connect(&self, hello: Hello) -> Result<(HttpSession, Welcome), LinkError> {
        hello.check().map_err(|error| LinkError::Refused(error.to_string()))?;
        let settings = &self.wire.settings;
        let request = self.wire.post("work/session").json(&hello);
        // Without a time limit on the whole: the answer's body is the session.
        let response = tokio::time::timeout(settings.call, request.send())
            .await
            .map_err(|_| LinkError::Lost("dispatch does not answer".to_owned()))?
            .map_err(|error| lost(&error))?;
        let mut lines = Lines::new(accepted(response).await?, settings.silence);
        let opening: Opening = understood(&lines.next().await?)?;
        Ok((HttpSession::new(self.wire.clone(), opening.session, lines), opening.welcome))
    }
}

/// A client with its URL and settings.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    client: Client,
    /// Ends in `/v1/`.
    base: Url,
    pub(crate) settings: HttpSettings,
}

impl Wire {
    pub(crate) fn new(url: &str, token: &str, settings: HttpSettings) -> Result<Self, SetupError> {
        let base = base(url).ok_or_else(|| SetupError::Url(url.to_owned()))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| SetupError::TokenText)?;
        bearer.set_sensitive(true);
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::client_config(settings.ca.as_deref())?)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(settings.connect);
        if is_loopback(&base) {
            // A proxy that the environment names for the world outside would look for its own loopback.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(SetupError::Client)?;
        Ok(Self { client, base, settings })
    }

    /// A request to a route of ours, by its path after `/v1/`.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.route(path))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.route(path))
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.put(self.route(path))
    }

    fn route(&self, path: &str) -> Url {
        let mut route = self.base.clone();
        let whole = format!("{}{path}", route.path());
        route.set_path(&whole);
        route
    }
}

fn base(url: &str) -> Option<Url> {
    let mut base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    base.set_query(None);
    base.set_fragment(None);
    let path = format!("{}/v1/", base.path().trim_end_matches('/'));
    base.set_path(&path);
    Some(base)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// What came back from a request within the time limit that it carries.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, LinkError> {
    accepted(request.send().await.map_err(|error| lost(&error))?).await
}

/// What became of a connection, with the innermost cause, which alone says something.
pub(super) fn lost(error: &reqwest::Error) -> LinkError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    LinkError::Lost(cause.to_string())
}

/// The response, if it is no error.
async fn accepted(response: Response) -> Result<Response, LinkError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let sentence = match response.bytes().await.map(|body| serde_json::from_slice::<ErrorBody>(&body)) {
        Ok(Ok(body)) => body.error,
        _ => format!("it answers with status {status}"),
    };
    Err(match status {
        StatusCode::NOT_FOUND => LinkError::Blob(sentence),
        StatusCode::PAYLOAD_TOO_LARGE => LinkError::TooLarge(sentence),
        StatusCode::GONE | StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            LinkError::Lost(sentence)
        }
        _ if status.is_client_error() => LinkError::Refused(sentence),
        _ => LinkError::Lost(sentence),
    })
}

/// The JSON of a reply.
pub(super) fn understood<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, LinkError> {
    serde_json::from_slice(body)
        .map_err(|error| LinkError::Refused(format!("its answer is not of this version's protocol: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_come_after_the_path_of_the_url() {
        for (url, route) in [
            ("http://a:1", "http://a:1/v1/work/next"),
            ("http://a:1/", "http://a:1/v1/work/next"),
            ("https://a/meze/?x=1", "https://a/meze/v1/work/next"),
        ] {
            let wire = Wire::new(url, "token", HttpSettings::default()).unwrap();
            assert_eq!(wire.route("work/next").as_str(), route);
        }
    }

    #[test]
    fn what_is_no_url_of_a_dispatcher_is_refused_at_once() {
        for url in ["", "localhost:80", "ftp://a", "http://", "unix:/x"] {
            assert!(matches!(HttpLink::new(url, "t", HttpSettings::default()), Err(SetupError::Url(_))), "{url}");
        }
        let newline = HttpLink::new("http://a", "to\nken", HttpSettings::default());
        assert!(matches!(newline, Err(SetupError::TokenText)));
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        for (url, loopback) in
            [("http://localhost:1", true), ("http://127.0.0.2", true), ("http://[::1]:1", true), ("http://a", false)]
        {
            assert_eq!(is_loopback(&base(url).unwrap()), loopback, "{url}");
        }
    }
}
