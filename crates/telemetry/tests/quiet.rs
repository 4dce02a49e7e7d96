//! Without a collector there are neither spans, nor a thread, nor a connection.
#![allow(clippy::unwrap_used, reason = "a test")]

use telemetry::{Options, SPANS, TelemetryError};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn without_a_collector_no_thread_is_started_and_no_span_is_made() {
    let wrong = |collector: &str| {
        let options = Options { collector: Some(collector.to_owned()), ..Options::new("test") };
        telemetry::init(&options).unwrap_err()
    };
    for endpoint in ["localhost:4318", "ftp://localhost", "nothing"] {
        assert!(matches!(wrong(endpoint), TelemetryError::Endpoint(_)), "{endpoint}");
    }
    let filter = Options { filter: "a=b=c".to_owned(), ..Options::new("test") };
    assert!(matches!(telemetry::init(&filter), Err(TelemetryError::Filter { .. })));

    let before = threads();
    let guard = telemetry::init(&Options::new("test")).unwrap();
    let span = tracing::debug_span!(target: SPANS, "ours", cost = tracing::field::display(never()));
    assert!(span.is_disabled());
    assert_eq!(threads(), before);
    drop(guard);
}

fn never() -> u8 {
    panic!("a span that nobody wants looks at none of its fields")
}
