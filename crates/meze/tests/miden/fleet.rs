//! Workers that come and go, and who may say so.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use meze::connection::plain_http;
use miden_wire::kind::ProofKind;

use crate::harness::{BATCHES, House, LONG, Proxy, START, block_on, bytes, until};

fn control(house: &House, proxy: &Proxy, verb: &str, workers: &[&str]) -> (Option<i32>, String) {
    let port = proxy.control.rsplit(':').next().unwrap().to_owned();
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("control-{}", CALLS.fetch_add(1, Ordering::Relaxed));
    let words = [&[verb, "--control-port", &port], workers].concat();
    let mut process = house.meze(&name, &words, &[]);
    (process.wait_end(START), process.log())
}

#[test]
fn workers_are_added_drained_and_removed_under_load_without_a_failed_request() {
    let house = House::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| house.worker(name, "batch", &[]));
    let proxy = house.proxy("proxy", "batch", &[&one], &["--max-queue-items", "100", "--keep-results", "0"]);
    let (stop, proved) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (stop, proved, proxy) = (&stop, &proved, &proxy);
            scope.spawn(move || {
                let caller = proxy.caller();
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let payload = bytes(&format!("batch-{}", (client * 8 + round) % BATCHES));
                    let answer = block_on(proxy.caller().prove(ProofKind::Batch, payload, None));
                    assert!(answer.is_ok(), "{answer:?}");
                    proved.fetch_add(1, Ordering::Relaxed);
                }
                drop(caller);
            });
        }
        let more = |count: usize| {
            let before = proved.load(Ordering::Relaxed);
            until("more proofs", LONG, || proved.load(Ordering::Relaxed) >= before + count);
        };
        more(20);
        let (code, said) = control(&house, &proxy, "add-workers", &[&two.address, &three.address]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("New number of workers: 3"), "{said}");
        proxy.wait_healthy(3);
        more(60);
        let (code, said) = control(&house, &proxy, "remove-worker", &[&one.address, &two.address]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("New number of workers: 1"), "{said}");
        more(20);
        let before = (one.starts(), two.starts());
        assert!(before.0 > 0 && before.1 > 0 && three.starts() > 0);
        more(20);
        assert_eq!((one.starts(), two.starts()), before, "who is removed gets nothing");
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_worker_of_another_type_is_shown_with_the_reason_and_gets_nothing() {
    let house = House::new();
    let (batch, block) = (house.worker("batch", "batch", &[]), house.worker("block", "block", &[]));
    let other = house.worker("other", "batch", &["--miden-version", "0.9.4"]);
    let addresses = [batch.address.as_str(), block.address.as_str(), other.address.as_str(), "127.0.0.1:1"];
    let proxy = house.proxy_over("proxy", "batch", &addresses, &["--miden-version", "0.15"]);
    until("all are checked", START, || {
        proxy.page()["workers"].as_array().unwrap().iter().all(|worker| worker["status"] != "Unknown")
    });
    let page = proxy.page();
    assert_eq!((&page["prover_type"], &page["supported_proof_type"]), (&"Batch".into(), &"Batch".into()));
    let of = |place: usize| page["workers"][place]["status"]["Unhealthy"].clone();
    assert_eq!(page["workers"][0]["status"], "Healthy");
    assert_eq!(of(1)["reason"], "Unsupported prover type: Block");
    assert_eq!(of(2)["reason"], "Worker version is invalid (0.9.4): this proxy is for workers of 0.15");
    assert!(of(3)["failed_attempts"].as_u64().unwrap() > 0 && of(3)["num_failed_attempts"].is_u64());
    assert!(of(3)["reason"].as_str().unwrap().contains("refused"), "{page}");
    block_on(proxy.caller().prove(ProofKind::Batch, bytes("batch"), None)).unwrap();
    assert_eq!((block.starts(), other.starts()), (0, 0));
}

#[test]
fn control_is_for_this_machine_alone_whatever_headers_say() {
    let house = House::new();
    let proxy = house.proxy_over("proxy", "batch", &[], &[]);
    let query = "/?action=Add&workers[0]=127.0.0.1%3A9&control_port=8083";
    let get = |url: String, header: Option<(&'static str, &'static str)>| {
        block_on(async move {
            let request = plain_http().unwrap().get(url).timeout(Duration::from_secs(5));
            let request = match header {
                Some((name, value)) => request.header(name, value),
                None => request,
            };
            request.send().await.map(|answer| (answer.status().as_u16(), answer.headers().clone()))
        })
    };
    // Not through the public port, with whatever header.
    for header in ["x-forwarded-for", "x-real-ip", "forwarded"] {
        let (_, headers) = get(format!("{}{query}", proxy.url), Some((header, "127.0.0.1"))).unwrap();
        assert!(!headers.contains_key("x-worker-count"));
    }
    // Not from an address of this machine that is not loopback, if it has one.
    let port: u16 = proxy.control.rsplit(':').next().unwrap().parse().unwrap();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok()
        && let Ok(SocketAddr::V4(own)) = socket.local_addr()
        && !own.ip().is_loopback()
    {
        let outside = get(format!("http://{}:{port}{query}", own.ip()), Some(("x-forwarded-for", "127.0.0.1")));
        assert!(outside.is_err(), "{outside:?}");
    }
    // Not for a page in a browser on this machine.
    for header in ["origin", "referer", "sec-fetch-site"] {
        assert_eq!(get(format!("{}{query}", proxy.control), Some((header, "https://evil.example"))).unwrap().0, 403);
    }
    assert_eq!(proxy.page()["workers"].as_array().unwrap().len(), 0);
    // But from here, in the old client's words.
    let (status, headers) = get(format!("{}{query}", proxy.control), None).unwrap();
    assert_eq!((status, headers["x-worker-count"].to_str().unwrap()), (200, "1"));
    let (status, headers) = get(format!("{}/any/path", proxy.control), None).unwrap();
    assert_eq!((status, headers["x-error-message"].to_str().unwrap()), (400, "No query parameters provided"));
}

#[test]
fn a_worker_registers_itself_with_a_token_and_leaves_when_it_ends() {
    let house = House::new();
    let token = house.path("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with_token = ["--registration-token-file", token.to_str().unwrap()];
    let proxy = house.proxy_over("proxy", "batch", &[], &with_token);
    let wrong = house.path("wrong");
    std::fs::write(&wrong, "ffffffffffffffffffffffffffffffff").unwrap();
    std::fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let _stranger = house.worker(
        "stranger",
        "batch",
        &["--register", &proxy.url, "--registration-token-file", wrong.to_str().unwrap()],
    );
    let mut worker = house.worker("worker", "batch", &[&["--register", &proxy.url][..], &with_token].concat());
    proxy.wait_healthy(1);
    block_on(proxy.caller().prove(ProofKind::Batch, bytes("batch"), None)).unwrap();
    assert_eq!(worker.starts(), 1);
    assert_eq!(proxy.page()["workers"].as_array().unwrap().len(), 1);
    worker.process.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(worker.process.wait_end(START), Some(0));
    assert_eq!(proxy.page()["workers"].as_array().unwrap().len(), 0);
}
