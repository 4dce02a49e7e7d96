//! A real Prometheus over a dispatcher and its worker.

use serde_json::Value;
use test_services::Prometheus;

use crate::harness::fleet::{Fleet, LONG, until};
use crate::harness::jobs::{done, many, orders};
use crate::harness::raw;

/// The value of an expression that is one number, as text; nothing where it has no value yet.
fn value(prometheus: &Prometheus, expression: &str) -> Option<String> {
    let answer = raw::get(&prometheus.address().to_string(), &format!("/api/v1/query?query={expression}"));
    let object: Value = serde_json::from_str(answer.body.trim()).unwrap_or_else(|_| panic!("{answer:?}"));
    assert_eq!(object["status"], "success", "{object}");
    Some(object["data"]["result"][0]["value"][1].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_dispatcher_and_worker() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let worker = fleet.worker("w0", &dispatcher, &[]);
    let [dispatchers, workers] = [&dispatcher.url, &worker.url].map(|url| url.strip_prefix("http://").unwrap());
    let prometheus = Prometheus::scraping(&[dispatchers, workers]).unwrap();
    let asker = dispatcher.asker();
    asker.submit(&many("job", &orders(5, "ms=50"))).await.unwrap();
    done(&asker, "job", LONG).await;
    for (expression, wanted) in [
        ("sum(up)", "2"),
        ("sum(meze_dispatcher_proof_seconds_count)", "6"),
        ("sum(meze_worker_busy_seconds_total)>bool(0.2)", "1"),
    ] {
        until(expression, LONG, async || value(&prometheus, expression).filter(|value| value == wanted)).await;
    }
}
