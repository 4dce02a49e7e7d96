//! A task followed through a real collector, from who asks for it to who proves it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use telemetry::{Options, SPANS};
use tracing::Instrument as _;

use crate::house::{House, job, task};

/// The collector `rotel`, telling what it hears in a file.
struct Rotel {
    child: Child,
    address: String,
    told: PathBuf,
}

impl Rotel {
    /// The binary: `ROTEL`, or one on the path, or that in the Python package of this name.
    fn find() -> Option<PathBuf> {
        if let Some(path) = std::env::var_os("ROTEL") {
            return Some(path.into());
        }
        if Command::new("rotel").arg("--version").output().is_ok() {
            return Some("rotel".into());
        }
        let script = "import rotel, os; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
        let found = Command::new("python3").args(["-c", script]).output().ok()?;
        found.status.success().then(|| String::from_utf8(found.stdout).unwrap().trim().into())
    }

    fn start(folder: &Path) -> Self {
        let binary = Self::find().expect(
            "rotel is missing: pip install rotel, and name its binary in ROTEL \
             (…/site-packages/rotel/rotel-agent) if this Python does not see it",
        );
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (address, other, told) = (free(), free(), folder.join("told"));
        let child = Command::new(binary)
            .args(["start", "--otlp-http-endpoint", &address, "--otlp-grpc-endpoint", &other])
            .args(["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .stdout(Stdio::from(File::create(&told).unwrap()))
            .stderr(Stdio::from(File::create(folder.join("errors")).unwrap()))
            .spawn()
            .unwrap();
        let rotel = Self { child, address, told };
        let started = Instant::now();
        while std::net::TcpStream::connect(&rotel.address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "rotel does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        rotel
    }

    /// Waits until it tells of spans of these names in one trace, that of the first; gives them, and all that it told.
    fn tells(&self, names: &[&str]) -> (Vec<Told>, String) {
        let started = Instant::now();
        loop {
            let told = std::fs::read_to_string(&self.told).unwrap();
            // Other tests of this process have spans too.
            let trace = spans(&told).into_iter().find(|span| span.name == names[0]).map(|span| span.trace);
            let traced: Vec<Told> =
                spans(&told).into_iter().filter(|span| Some(&span.trace) == trace.as_ref()).collect();
            if names.iter().all(|name| traced.iter().any(|span| span.name == *name)) {
                return (traced, told);
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{names:?} are not all in\n{told}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A span, as rotel's debug log shows it.
#[derive(Debug, Default)]
struct Told {
    trace: String,
    parent: String,
    id: String,
    name: String,
}

fn spans(text: &str) -> Vec<Told> {
    let mut spans: Vec<Told> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match key.trim() {
            "Trace ID" => spans.push(Told { trace: value, ..Told::default() }),
            "Parent ID" => spans.iter_mut().last().unwrap().parent = value,
            "ID" => spans.iter_mut().last().unwrap().id = value,
            "Name" if !spans.is_empty() && spans.last().unwrap().name.is_empty() => {
                spans.iter_mut().last().unwrap().name = value;
            }
            _ => {}
        }
    }
    spans
}

#[test]
#[ignore = "it needs rotel: pip install rotel"]
fn telemetry_of_a_task_is_one_trace_from_the_ask_to_the_proof() {
    let folder = tempfile::tempdir().unwrap();
    let rotel = Rotel::start(folder.path());
    let collector = Some(format!("http://{}", rotel.address));
    let guard = telemetry::init(&Options { collector, ..Options::new("dispatcher") }).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let house = House::open(Vec::new()).await;
        house.worker("one", |offer| {
            let span = tracing::debug_span!(target: SPANS, parent: None, "prove", task = %offer.task);
            telemetry::follow(&span, offer.traceparent.as_deref());
            span.in_scope(|| Ok(vec![1]))
        });
        let asker = house.asker();
        let ask = async {
            asker.submit(&job("traced", vec![task("a", &[])])).await.unwrap();
            asker.wait("traced", Duration::from_secs(5), |_| {}).await.unwrap();
        };
        ask.instrument(tracing::debug_span!(target: SPANS, "ask")).await;
    });
    drop(guard);
    let (spans, told) = rotel.tells(&["ask", "submit", "task", "prove"]);
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (ask, submit, task, prove) = (of("ask"), of("submit"), of("task"), of("prove"));
    assert!([ask, submit, task].iter().all(|span| span.id.len() == 16 && span.trace.len() == 32), "{spans:?}");
    assert_eq!((&submit.parent, &task.parent, &prove.parent), (&ask.id, &ask.id, &task.id), "{spans:?}");
    for part in ["meze-dispatcher", "test.sleep", "accepted"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
}
