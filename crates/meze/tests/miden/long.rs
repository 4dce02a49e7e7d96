//! What takes minutes, or programs that only long tests install: parts of `make test-long`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use miden_wire::kind::ProofKind;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{House, START, bytes, client_program, prove, until};
use crate::process::Process;

/// So many real transactions at once.
const CLIENTS: usize = 64;

/// All of them take minutes on two cores.
const PATIENCE: Duration = Duration::from_secs(35 * 60);

/// Different transactions, as many as there are clients.
fn transactions(house: &House) -> Vec<bytes::Bytes> {
    let folder = house.path("transactions");
    let words = ["fixtures", "--transactions", &CLIENTS.to_string(), "--output"].map(str::to_owned);
    let made = Command::new(client_program()).args(words).arg(&folder).status().unwrap();
    assert!(made.success());
    (0..CLIENTS).map(|number| std::fs::read(folder.join(format!("transaction-{number}.bin"))).unwrap().into()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes about eight minutes: make test-long PARTS=miden-load"]
async fn miden_load_sixty_four_real_transactions_are_all_proved() {
    let house = House::new();
    let workers = ["one", "two"].map(|name| house.worker(name, "transaction", &[]));
    let bounds = ["--timeout-secs", "3600", "--max-queue-items", "64"];
    let proxy = house.proxy("proxy", "transaction", &[&workers[0], &workers[1]], &bounds);
    let mut clients = JoinSet::new();
    for payload in transactions(&house) {
        let address = proxy.address().to_owned();
        clients.spawn(async move { prove(&address, ProofKind::Transaction, payload).await });
    }
    while let Some(proof) = clients.join_next().await {
        assert!(!proof.unwrap().unwrap().is_empty());
    }
    assert_eq!(workers.iter().map(|worker| worker.starts()).sum::<usize>(), CLIENTS);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes about eight minutes: make test-long PARTS=miden-load"]
async fn miden_load_survives_a_restart_of_the_proxy_in_the_middle() {
    let house = House::new();
    let workers = ["one", "two"].map(|name| house.worker(name, "transaction", &[]));
    let data = house.path("data");
    let fixed = ["--data-dir", data.to_str().unwrap(), "--timeout-secs", "3600", "--max-queue-items", "64"];
    let mut proxy = house.proxy("proxy", "transaction", &[&workers[0], &workers[1]], &fixed);
    let (address, begun) = (proxy.address().to_owned(), Instant::now());
    let mut clients = JoinSet::new();
    for payload in transactions(&house) {
        let address = address.clone();
        clients.spawn(async move {
            loop {
                match prove(&address, ProofKind::Transaction, payload.clone()).await {
                    Ok(proof) => return proof,
                    Err(status) => assert!(begun.elapsed() < PATIENCE, "{status:?}"),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
    let proved = "meze_proxy_requests_total{outcome=\"proved\"}";
    until("a third is proved", PATIENCE, || proxy.metric(proved) >= (CLIENTS / 3) as f64);
    let port = address.rsplit(':').next().unwrap().to_owned();
    proxy.process.kill();
    let _again =
        house.proxy("again", "transaction", &[&workers[0], &workers[1]], &[&fixed[..], &["--port", &port]].concat());
    while let Some(proof) = clients.join_next().await {
        assert!(!proof.unwrap().is_empty());
    }
    let starts = workers.iter().map(|worker| worker.starts()).sum::<usize>();
    assert!((CLIENTS..=CLIENTS + 2).contains(&starts), "only what was cut off was begun again: {starts}");
}

/// Miden's own service of the line 0.9, which `make miden-peer` installs.
fn peer() -> PathBuf {
    let tools = std::env::var_os("MEZE_TOOLS")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/meze/tools"));
    let path = tools.join("bin/miden-proving-service");
    assert!(path.exists(), "{} is missing: make miden-peer", path.display());
    path
}

/// The network's own client of the line 0.9, which `make miden-client` builds.
fn old_client() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_meze")).ancestors().nth(2).unwrap();
    let path = target.join("peers/release/miden-0-9-client");
    assert!(path.exists(), "{} is missing: make miden-client", path.display());
    path
}

#[test]
#[ignore = "needs Miden's own service: make test-long PARTS=miden-peers"]
fn miden_peers_of_the_old_line_work_behind_the_proxy_for_their_own_client() {
    let house = House::new();
    let requests = house.path("requests");
    let words = ["fixtures", "--transactions", "2", "--prove", "--output"];
    assert!(Command::new(old_client()).args(words).arg(&requests).status().unwrap().success());
    for kind in ["transaction", "batch", "block"] {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let words = ["start-worker", "--localhost", "--port", &port.to_string(), "--prover-type", kind];
        let (name, words) = (format!("peer-{kind}"), words.map(str::to_owned));
        let log = house.path(&format!("{name}.log"));
        let _worker = Process::start_program(&peer(), &name, &words, &[("RUST_LOG", "warn")], house.root(), log);
        let address = format!("127.0.0.1:{port}");
        let proxy = house.proxy_over(&format!("proxy-{kind}"), kind, &[&address], &[]);
        until("Miden's own worker is healthy", START, || proxy.healthy() == 1);
        let page = proxy.page();
        assert_eq!((&page["version"], &page["workers"][0]["version"]), (&"0.9.4".into(), &"0.9.4".into()));
        let file = match kind {
            "transaction" => "transaction-0.bin".to_owned(),
            kind => format!("{kind}.bin"),
        };
        let asked = Command::new(old_client())
            .args(["prove", "--endpoint", &proxy.url, "--kind", kind, "--input"])
            .arg(requests.join(file))
            .output()
            .unwrap();
        let said: Value = serde_json::from_slice(asked.stdout.trim_ascii()).unwrap();
        assert_eq!((&said["ok"], &said["verified"]), (&true.into(), &true.into()), "{kind}: {said}");
    }
}

/// A page that asks as a wallet does, and tells the test what it read.
const PAGE: &str = include_str!("page.html");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: make test-long PARTS=miden-browser"]
async fn miden_browser_page_gets_a_proof_and_reads_that_the_queue_is_full() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &["--max-queue-items", "0"]);
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (telling, answered, url) = (told.clone(), told.clone(), proxy.url.clone());
    let routes = Router::new()
        .route("/", get(move || async move { axum::response::Html(PAGE.replace("PROXY", &url)) }))
        // The second time another one: the answer to the first is known, queue or not.
        .route(
            "/request",
            get(move || async move {
                let name = if answered.lock().unwrap().is_empty() { "batch" } else { "batch-1" };
                bytes(name)
            }),
        )
        .route(
            "/told",
            post(move |body: String| async move {
                telling.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            }),
        );
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, routes).await });
    let browse = |name: &str| {
        let mut command = Command::new("chromium");
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
        ]);
        command.arg(format!("--user-data-dir={}", house.path(name).display())).arg(&page);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("chromium of Debian is needed")
    };
    let heard = |count: usize| {
        let told = told.clone();
        move || told.lock().unwrap().len() >= count
    };
    let mut first = browse("first");
    until("the page tells", START, heard(1));
    let _ = first.kill();
    let _ = first.wait();
    // The only place is taken by somebody else.
    worker.freeze_child();
    let held = tokio::spawn({
        let address = proxy.address().to_owned();
        async move { prove(&address, ProofKind::Batch, bytes("batch-0")).await }
    });
    until("the only place is taken", START, || proxy.counts() == (0, 1));
    let mut second = browse("second");
    until("the page tells again", START, heard(2));
    let _ = second.kill();
    let _ = second.wait();
    worker.thaw_child();
    held.await.unwrap().unwrap();
    let told = told.lock().unwrap().clone();
    assert_eq!(
        (told[0]["status"].as_str(), told[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 100)),
        (Some("0"), true),
        "{told:?}"
    );
    let full = Code::ResourceExhausted as i32;
    assert_eq!(told[1]["status"].as_str(), Some(full.to_string().as_str()), "{told:?}");
    assert_eq!(told[1]["message"].as_str(), Some("Too many requests in the queue"), "{told:?}");
}
