//! What is not taken in: each is one clear sentence, counted, and leaves nothing behind.

use proving::payload::BlobDigest;
use serde_json::{Value, json};

use crate::harness::fleet::{Dispatcher, Fleet, START};
use crate::harness::jobs::{single, sleeper};
use crate::harness::numbers::Numbers;
use crate::harness::raw::{self, Answer};

fn submit(dispatcher: &Dispatcher, job: &Value) -> Answer {
    let body = serde_json::to_vec(job).unwrap();
    raw::ask(dispatcher.address(), "POST", "/v1/jobs", Some(&dispatcher.token("ask")), &body)
}

/// A job of sleepers that need each other so.
fn graph(needs: &[&[&str]]) -> Value {
    let mut job = serde_json::to_value(single("graph", "id=0")).unwrap();
    let tasks: Vec<Value> = needs
        .iter()
        .enumerate()
        .map(|(index, needs)| {
            let mut task = serde_json::to_value(sleeper(&format!("id={index}"))).unwrap();
            task["name"] = json!(format!("t{index}"));
            task["needs"] = json!(needs);
            task
        })
        .collect();
    (job["tasks"], job["root"]) = (json!(tasks), json!("t0"));
    job
}

fn with(change: impl Fn(&mut Value)) -> Value {
    let mut job = graph(&[&[]]);
    change(&mut job["tasks"][0]);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_make_no_sense_are_one_sentence_each_and_nothing_of_them_is_kept() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &["--max-blob", "1"]);
    let unknown_task = "00".repeat(32);
    let cases: [(&str, Value, u16, &str); 12] = [
        ("unknown kind", with(|task| task["kind"] = json!("rollup.nonsense")), 400, "the kind rollup.nonsense is not"),
        (
            "a known kind without keys",
            with(|task| task["kind"] = json!("rollup.inner")),
            400,
            "rollup.inner is not known",
        ),
        ("circle", graph(&[&["t1"], &["t2"], &["t1"]]), 400, "need each other in a circle"),
        ("itself", graph(&[&["t0"]]), 400, "need each other in a circle"),
        ("unknown name", graph(&[&["t7"]]), 400, "\"t7\" is neither"),
        ("unknown task", with(|task| task["needs"] = json!([unknown_task])), 400, "which is not known"),
        ("not hex", with(|task| task["input"] = json!({ "hex": "xyz" })), 400, "is not hex"),
        ("long inline", with(|task| task["input"] = json!({ "hex": "00".repeat(513) })), 400, "stored as a blob first"),
        ("secret inline", with(|task| task["secret"] = json!(true)), 400, "secret"),
        (
            "oversized blob",
            with(|task| task["input"] = json!({ "blob": { "digest": "00".repeat(32), "bytes": 1u64 << 40 } })),
            413,
            "the limit is",
        ),
        ("unknown field", with(|task| task["colour"] = json!("red")), 400, "unknown field `colour`"),
        ("no JSON object", json!([1, 2, 3]), 400, "invalid"),
    ];
    for (what, job, status, words) in &cases {
        let answer = submit(&dispatcher, job);
        assert_eq!(answer.status, *status, "{what}: {answer:?}");
        let sentence = answer.sentence();
        assert!(sentence.contains(words) && sentence.lines().count() == 1, "{what}: {sentence}");
    }
    // A job that comes in portions, the last of which makes no sense: nobody proves the others either.
    let mut portions = graph(&[&[][..]; 450]);
    portions["tasks"][449]["kind"] = json!("rollup.nonsense");
    assert_eq!(submit(&dispatcher, &portions).status, 400);
    assert_eq!(dispatcher.asker().jobs(true, 10).await.unwrap(), [], "none of it runs");
    let (ask, address) = (dispatcher.token("ask"), dispatcher.address());
    let cut_json = raw::ask(address, "POST", "/v1/jobs", Some(&ask), br#"{"name": "job", "tasks": [{"#);
    assert_eq!((cut_json.status, cut_json.sentence().contains("EOF")), (400, true), "{cut_json:?}");
    let cut_off = raw::cut_off(address, "POST", "/v1/jobs", &ask, br#"{"name": "job"}"#);
    assert_eq!((cut_off.status, &*cut_off.sentence()), (400, "the body ended too soon"), "{cut_off:?}");

    let bytes = vec![7; (1 << 20) + 1];
    let path = format!("/v1/inputs/{}", BlobDigest::of(&bytes));
    let large = raw::ask(address, "PUT", &path, Some(&ask), &bytes);
    assert_eq!((large.status, large.sentence().contains("at most 1048576 bytes")), (413, true), "{large:?}");
    let path = format!("/v1/inputs/{}", BlobDigest::of(b"others"));
    let other = raw::ask(address, "PUT", &path, Some(&ask), b"these");
    assert_eq!((other.status, &*other.sentence()), (400, "the bytes do not have this digest"));
    let cut_input = raw::cut_off(address, "PUT", &path, &ask, b"othe");
    assert_eq!((cut_input.status, &*cut_input.sentence()), (400, "the body ended too soon"), "{cut_input:?}");

    let numbers = Numbers::of(&dispatcher.url);
    for state in ["ready", "waiting", "running", "done", "dead"] {
        assert_eq!(numbers.sum("meze_dispatcher_tasks", &[("state", state)]), 0, "{state}");
    }
    assert_eq!(numbers.sum("meze_dispatcher_jobs_ended_total", &[]), 1, "only the half-taken one was ever a job");
    let refused = |status| numbers.sum("meze_dispatcher_requests_refused_total", &[("status", status)]);
    assert_eq!((refused("400"), refused("413")), (11 + 1 + 2 + 2, 1 + 1));
    let stored = std::fs::read_dir(dispatcher.data.join("blobs/v1/plain")).unwrap().count();
    assert_eq!(stored, 0, "nothing of it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plane_wants_its_own_token() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let address = dispatcher.address();
    let job = serde_json::to_vec(&single("job", "id=0")).unwrap();
    let routes: [(&str, &str, &str, &[u8]); 5] = [
        ("ask", "POST", "/v1/jobs", &job),
        ("ask", "GET", "/v1/jobs", b""),
        ("work", "POST", "/v1/work/session", b"{}"),
        ("work", "POST", "/v1/work/next", b"{}"),
        ("admin", "POST", "/v1/workers/anybody/drain", b""),
    ];
    let wrong = "0".repeat(64);
    for (scope, method, path, body) in routes {
        let missing = raw::ask(address, method, path, None, body);
        let needs = format!("this needs a bearer token of the {scope} scope");
        assert_eq!((missing.status, missing.sentence()), (401, needs), "{path}");
        let unknown = raw::ask(address, method, path, Some(&wrong), body);
        assert_eq!((unknown.status, &*unknown.sentence()), (401, "this token is not known here"), "{path}");
        let other = dispatcher.token(if scope == "work" { "ask" } else { "work" });
        let other = raw::ask(address, method, path, Some(&other), body);
        assert_eq!(
            (other.status, other.sentence()),
            (403, format!("this token is not of the {scope} scope")),
            "{path}"
        );
    }
    let numbers = Numbers::of(&dispatcher.url);
    for reason in ["missing", "unknown", "wrong-scope"] {
        let count =
            |scope| numbers.sum("meze_dispatcher_tokens_refused_total", &[("scope", scope), ("reason", reason)]);
        assert_eq!(["ask", "work", "admin"].map(count), [2, 2, 1], "{reason}");
    }
    assert_eq!(dispatcher.asker().jobs(false, 10).await.unwrap(), []);

    // A worker with a wrong token ends with a sentence, instead of asking for ever.
    let mut stranger = fleet.worker_at("stranger", &dispatcher.url, &wrong, &[]);
    assert_eq!(stranger.process.wait_end(START), Some(1));
    let said = stranger.process.log();
    assert!(said.contains("dispatch refuses this worker: this token is not known here"), "{said}");
    assert_eq!(dispatcher.admin().workers().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_messages_that_make_no_sense_are_refused() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let (address, token) = (dispatcher.address(), dispatcher.token("work"));
    let post =
        |path: &str, body: &Value| raw::ask(address, "POST", path, Some(&token), &serde_json::to_vec(body).unwrap());
    let hello = |name: &str| json!({ "worker": name, "version": "1", "offers": [], "memory_bytes": 1 });
    let cases = [
        ("no name", post("/v1/work/session", &hello("")), 400, "1 to 128 characters"),
        ("control codes", post("/v1/work/session", &hello("a\u{1b}[2J")), 400, "none of them control codes"),
        ("no hello", post("/v1/work/session", &json!({ "who": "me" })), 400, "this is not what is asked here"),
        ("no session", post("/v1/work/next", &json!({ "session": 1 })), 410, "session"),
        ("too long", post("/v1/work/failed", &json!({ "session": 1, "more": "x".repeat(40_000) })), 413, "at most"),
        ("cut off", raw::cut_off(address, "POST", "/v1/work/session", &token, b"{"), 400, "ended too soon"),
    ];
    for (what, answer, status, words) in cases {
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(answer.sentence().contains(words), "{what}: {answer:?}");
    }
    assert_eq!(dispatcher.admin().workers().await.unwrap(), []);
    let numbers = Numbers::of(&dispatcher.url);
    let refused = |status| numbers.sum("meze_dispatcher_requests_refused_total", &[("status", status)]);
    assert_eq!((refused("400"), refused("410"), refused("413")), (4, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_one_sentence_with_the_flag_to_change() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let mut second = fleet.dispatcher_unheard("second", "second", &["--listen", dispatcher.address()]);
    assert_eq!(second.process.wait_end(START), Some(1));
    let said = second.process.log();
    let sentence = said.lines().last().unwrap();
    assert!(sentence.contains(dispatcher.address()) && sentence.contains("choose another --listen"), "{said}");

    let port = dispatcher.address().rsplit_once(':').unwrap().1;
    let mut worker = fleet.worker_at("worker", &dispatcher.url, &dispatcher.token("work"), &["--port", port]);
    assert_eq!(worker.process.wait_end(START), Some(1));
    let said = worker.process.log();
    let sentence = said.lines().last().unwrap();
    assert!(sentence.contains(dispatcher.address()) && sentence.contains("choose another --port"), "{said}");
}
