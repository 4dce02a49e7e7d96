//! Blobs over HTTP: read whole, written while they come in, under the name that their bytes have.

use std::str::FromStr as _;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use proving::payload::BlobDigest;

use super::problem::Problem;
use super::server::{Desk, json, respond};
use super::wire::SECRET_HEADER;
use crate::plane::WorkPlane;

/// The memory that a write takes before it has sent anything, whatever length it claims.
const FIRST_BYTES: usize = 1 << 20;

pub(super) async fn read<P: WorkPlane>(
    State(desk): State<Desk<P>>,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    let bytes = desk.plane.read_blob(name(&digest)?).await?;
    let octets = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, octets)], bytes).into_response())
}

pub(super) async fn write<P: WorkPlane>(
    State(desk): State<Desk<P>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let named = name(&digest)?;
    let secret = match headers.get(SECRET_HEADER).map(HeaderValue::as_bytes) {
        None | Some(b"false") => false,
        Some(b"true") => true,
        // Taking a misspelt yes for a no would keep a secret in clear.
        Some(_) => return Err(Problem::bad("the header meze-secret is true or false")),
    };
    let limit = desk.plane.max_blob_bytes();
    let claimed = content_length(&headers);
    if claimed.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut bytes = BytesMut::with_capacity(claimed.unwrap_or_default().min(FIRST_BYTES));
    let mut hasher = blake3::Hasher::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad("the body ended too soon"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        hasher.update(&chunk);
        bytes.extend_from_slice(&chunk);
    }
    let actual = BlobDigest::from_bytes(*hasher.finalize().as_bytes());
    if actual != named {
        return Err(Problem::bad(format!("these bytes are blob {actual}, not {named}")));
    }
    let payload = desk.plane.write_blob(bytes.freeze(), secret).await?;
    json(&payload).map(respond)
}

fn name(digest: &str) -> Result<BlobDigest, Problem> {
    BlobDigest::from_str(digest).map_err(|error| Problem::bad(error.to_string()))
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
