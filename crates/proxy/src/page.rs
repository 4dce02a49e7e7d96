//! The status page, as the service's 0.9 line and its description write it, and the metrics page.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::fleet::Health;
use crate::front::Front;

/// `/status`, in any method.
pub fn status_page(front: Front) -> Router {
    let status = move || {
        let front = front.clone();
        async move { Json(status(&front)) }
    };
    Router::new().route("/status", any(status))
}

/// The metrics, on any path.
pub fn metrics_page(front: Front) -> Router {
    let metrics = move || {
        let front = front.clone();
        async move { text(front.metrics_text()) }
    };
    Router::new().fallback(any(metrics))
}

fn text(metrics: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics).into_response()
}

/// The status. Where the 0.9.4 program and its description differ, both spellings are there.
fn status(front: &Front) -> Value {
    let kind = front.settings().kind.title();
    let members = front.fleet().members();
    let workers = members.iter().map(|member| {
        let standing = member.standing();
        let health = match standing.health {
            Health::Unknown => json!("Unknown"),
            Health::Healthy => json!("Healthy"),
            Health::Unhealthy { failed_attempts, reason } => json!({ "Unhealthy": {
                "failed_attempts": failed_attempts,
                "num_failed_attempts": failed_attempts,
                "reason": reason,
            }}),
        };
        json!({ "address": member.address, "version": standing.version, "status": health })
    });
    let (waiting, running) = front.counts();
    json!({
        "version": front.version(),
        "meze_version": front.settings().meze_version,
        "prover_type": kind,
        "supported_proof_type": kind,
        "workers": workers.collect::<Vec<_>>(),
        "waiting": waiting,
        "running": running,
    })
}
