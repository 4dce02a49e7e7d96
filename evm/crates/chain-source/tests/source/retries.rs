//! A node that does not answer well is asked again, a little later, and not without end.

use crate::Result;
use crate::fake::{Fake, Reply, result};
use chain_source::{CallSettings, Source, SourceError};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const BACKOFF: Duration = Duration::from_millis(20);

/// A source whose node fails `failures` times before it answers, and how often it was asked.
async fn failing(failures: u32, how: fn() -> Reply, max_retries: u32) -> Result<(Fake, Source, Arc<AtomicU32>)> {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let node = Fake::start(None, move |_, _, _| match count.fetch_add(1, Ordering::SeqCst) < failures {
        true => how(),
        false => result("0x4d"),
    })
    .await?;
    let settings = CallSettings { backoff: BACKOFF, max_retries, ..CallSettings::default() };
    let source = Source::new(&node.url(), None, settings)?;
    Ok((node, source, asked))
}

fn busy() -> Reply {
    Reply::Status(503)
}

fn limited() -> Reply {
    Reply::Json(json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "limit exceeded"}}))
}

fn unwilling() -> Reply {
    Reply::Json(json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "I will not\nsay"}}))
}

#[tokio::test]
async fn a_busy_node_is_asked_again_with_longer_and_longer_pauses() -> Result {
    for how in [busy, limited] {
        let (_node, source, asked) = failing(2, how, 2).await?;
        let start = Instant::now();
        assert_eq!(source.chain_id().await?, 77);
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        assert!(start.elapsed() >= 3 * BACKOFF);
    }
    Ok(())
}

#[tokio::test]
async fn it_is_not_asked_more_often_than_was_said() -> Result {
    let (_node, source, asked) = failing(u32::MAX, busy, 2).await?;
    let error = source.chain_id().await.expect_err("it never answers");
    assert!(matches!(error, SourceError::Unreachable { attempts: 3, .. }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_not_asked_again_and_is_one_line() -> Result {
    let (_node, source, asked) = failing(u32::MAX, unwilling, 5).await?;
    let error = source.chain_id().await.expect_err("it refuses").to_string();
    assert!(error.contains("I will not say"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() -> Result {
    let node = Fake::start(None, |_, _, _| result("0".repeat(100_000))).await?;
    let settings = CallSettings { answer_limit: 10_000, ..CallSettings::default() };
    let error = Source::new(&node.url(), None, settings)?.chain_id().await.expect_err("too long").to_string();
    assert!(error.contains("more than 10000 bytes") && error.len() < 300, "{error}");
    Ok(())
}

#[tokio::test]
async fn a_password_in_the_url_is_in_no_error() -> Result {
    let settings = CallSettings { timeout: Duration::from_millis(200), ..CallSettings::default() };
    let source = Source::new("http://somebody:word@127.0.0.1:1/key", None, settings)?;
    let error = source.chain_id().await.expect_err("nobody listens there");
    let shown = format!("{error} {error:?} {source:?}");
    assert!(shown.contains("127.0.0.1:1"), "{shown}");
    for secret in ["somebody", "word", "key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    Ok(())
}
