//! What a request is told when it gets nothing: a status and one sentence, as JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::auth::{Refusal, Scope};
use crate::plane::PlaneError;

/// An error as HTTP carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, in a sentence.
    pub sentence: String,
}

/// The body of an error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    /// The sentence.
    pub error: String,
}

impl Problem {
    /// An error.
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    /// 400: what was said makes no sense.
    pub fn bad(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// 413: more bytes than are taken here.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {limit} bytes are taken here"))
    }

    /// 413 or 400: a body could not be read, because it is longer than `limit` or ended too soon.
    pub fn unreadable(error: &(dyn std::error::Error + 'static), limit: usize) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        // axum hides the type behind its own, and tells it by its text alone.
        if causes.any(|cause| cause.to_string() == "length limit exceeded") {
            Self::too_large(limit)
        } else {
            Self::bad("the body ended too soon")
        }
    }

    /// 401 or 403: the request came without the token that it needs.
    pub(crate) fn refused(wanted: Scope, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => {
                Self::new(StatusCode::UNAUTHORIZED, format!("this needs a bearer token of the {wanted} scope"))
            }
            Refusal::Unknown => Self::new(StatusCode::UNAUTHORIZED, "this token is not known here"),
            Refusal::WrongScope => Self::new(StatusCode::FORBIDDEN, format!("this token is not of the {wanted} scope")),
        }
    }
}

impl From<PlaneError> for Problem {
    fn from(error: PlaneError) -> Self {
        let status = match &error {
            PlaneError::NoSession => StatusCode::GONE,
            PlaneError::Bad(_) => StatusCode::BAD_REQUEST,
            PlaneError::Blob(_) => StatusCode::NOT_FOUND,
            PlaneError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { error: self.sentence })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
