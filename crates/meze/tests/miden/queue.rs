//! A bounded queue: as many as there are places, and not one more.

use miden_wire::kind::ProofKind;
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{BATCHES, House, LONG, bytes, prove, until};

/// The queue's usual bound, and two workers.
const ADMITTED: usize = 10 + 2;

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_clients_exactly_as_many_are_admitted_as_there_are_places() {
    let house = House::new();
    let workers = ["one", "two"].map(|name| house.worker(name, "batch", &[]));
    let proxy = house.proxy("proxy", "batch", &[&workers[0], &workers[1]], &[]);
    // Nothing ends while the clients come.
    workers.iter().for_each(|worker| worker.freeze_child());
    let mut clients = JoinSet::new();
    for client in 0..BATCHES {
        let (address, payload) = (proxy.address().to_owned(), bytes(&format!("batch-{client}")));
        clients.spawn(async move { prove(&address, ProofKind::Batch, payload).await });
    }
    for _ in ADMITTED..BATCHES {
        let refused = clients.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        assert_eq!(refused.message(), "Too many requests in the queue");
    }
    until("two run and ten wait", LONG, || proxy.counts() == (10, 2));
    assert_eq!(proxy.metric("queue_drop_count"), (BATCHES - ADMITTED) as f64);
    assert_eq!(proxy.metric("queue_size"), 10.0);
    workers.iter().for_each(|worker| worker.thaw_child());
    while let Some(answer) = clients.join_next().await {
        assert!(!answer.unwrap().unwrap().is_empty());
    }
    assert_eq!(workers.iter().map(|worker| worker.starts()).sum::<usize>(), ADMITTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_the_queue_gives_its_place_back_at_once_and_nothing_is_proved_for_it() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &["--max-queue-items", "1"]);
    worker.freeze_child();
    let ask = |name: &str| {
        let (address, payload) = (proxy.address().to_owned(), bytes(name));
        tokio::spawn(async move { prove(&address, ProofKind::Batch, payload).await })
    };
    let running = ask("batch-0");
    until("one runs", LONG, || proxy.counts() == (0, 1));
    let waiting = ask("batch-1");
    until("one waits", LONG, || proxy.counts() == (1, 1));
    assert_eq!(ask("batch-2").await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    // The same request takes no place of its own.
    let same = ask("batch-1");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    same.abort();
    until("nobody waits", LONG, || proxy.counts() == (0, 1));
    let next = ask("batch-3");
    until("another waits", LONG, || proxy.counts() == (1, 1));
    worker.thaw_child();
    running.await.unwrap().unwrap();
    next.await.unwrap().unwrap();
    assert_eq!(worker.starts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_is_told_so() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &["--max-req-per-sec", "3"]);
    let mut codes = Vec::new();
    for number in 0..10 {
        let answer = prove(proxy.address(), ProofKind::Batch, bytes(&format!("batch-{number}"))).await;
        codes.push(
            answer.map_or_else(|status| (status.code(), status.message().to_owned()), |_| (Code::Ok, String::new())),
        );
    }
    let limited = |(code, text): &&(Code, String)| {
        *code == Code::ResourceExhausted && text == "Rate limit exceeded: 3 requests per second"
    };
    let refused = codes.iter().filter(limited).count();
    assert!(refused > 0 && codes.iter().all(|code| code.0 == Code::Ok || limited(&code)), "{codes:?}");
    assert_eq!(proxy.metric("rate_limited_requests"), refused as f64);
}
