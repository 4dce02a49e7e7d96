//! A node whose answers a test makes, or changes on their way from another node.

use crate::Result;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is made of a method, its parameters and the other node's answer.
type Answer = dyn Fn(&str, &Value, Value) -> Reply + Send + Sync;

/// What comes back.
pub(crate) enum Reply {
    /// A whole answer of JSON-RPC.
    Json(Value),
    /// Only a status of HTTP.
    Status(u16),
}

/// The node; it goes away when it is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Fake {
    /// A node in front of the one at `behind`, if there is one.
    pub(crate) async fn start(
        behind: Option<String>,
        answer: impl Fn(&str, &Value, Value) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let http = match behind {
            Some(url) => {
                Some((reqwest::Client::builder().no_proxy().tls_backend_preconfigured(no_tls()?).build()?, url))
            }
            None => None,
        };
        let answer: Arc<Answer> = Arc::new(answer);
        let router = Router::new().route("/", post(reply)).with_state((http, answer));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("loopback can be served");
        });
        Ok(Self { address, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to a call that went well.
pub(crate) fn result(result: impl serde::Serialize) -> Reply {
    Reply::Json(json!({"jsonrpc": "2.0", "id": 1, "result": result}))
}

pub(crate) fn no_tls() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

type Shared = (Option<(reqwest::Client, String)>, Arc<Answer>);

async fn reply(State((http, answer)): State<Shared>, Json(call): Json<Value>) -> Response {
    let theirs = match http {
        Some((http, url)) => {
            let response = http.post(url).json(&call).send().await.expect("the node behind answers");
            response.json().await.expect("it answers JSON")
        }
        None => Value::Null,
    };
    let method = call["method"].as_str().unwrap_or_default();
    match answer(method, &call["params"], theirs) {
        Reply::Json(answer) => Json(answer).into_response(),
        Reply::Status(status) => StatusCode::from_u16(status).expect("a status of HTTP").into_response(),
    }
}
