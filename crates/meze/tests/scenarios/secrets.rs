//! Inputs that are secret, and workers that see nothing but what they are sent.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proving::lease::Cause;
use transport::ask::{JobStanding, TaskRequest};

use crate::harness::fleet::{Dispatcher, Fleet, LONG};
use crate::harness::jobs::{done, ended, id_of, single, task};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path().is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

/// The forms in which a secret could show: as it is, in hex, in JSON's array of numbers.
fn forms(secret: &[u8]) -> [Vec<u8>; 4] {
    let hex = hex::encode(secret);
    let numbers = serde_json::to_string(secret).unwrap();
    [
        secret.to_vec(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
        numbers[1..numbers.len() - 1].to_owned().into_bytes(),
    ]
}

async fn submit_secret(dispatcher: &Dispatcher, job: &str, order: &str) {
    let asker = dispatcher.asker();
    let input = asker.input(Bytes::from(order.to_owned().into_bytes()), true).await.unwrap();
    let mut request = single(job, order);
    request.tasks = vec![TaskRequest { input, secret: true, ..request.tasks.remove(0) }];
    asker.submit(&request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_secret_input_is_in_any_file_or_answer() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let (asker, admin) = (dispatcher.asker(), dispatcher.admin());
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    let secret = blake3::hash(format!("{:?}", std::time::Instant::now()).as_bytes()).to_hex().to_string();
    let whole = format!("ms=10 bytes=2000 id={secret}");
    submit_secret(&dispatcher, "proved", &whole).await;
    done(&asker, "proved", LONG).await;
    // Where it goes wrong, the reason tells nothing of the input either.
    for (job, order) in [
        ("panics", format!("do=panic once={} id={secret}", fleet.path("panicked").display())),
        ("prints", format!("do=print once={} id={secret}", fleet.path("printed").display())),
    ] {
        submit_secret(&dispatcher, job, &order).await;
        done(&asker, job, LONG).await;
        assert_eq!(task(&asker, job, id_of(&order)).await.failures.len(), 1, "{job}");
    }
    // This prover says in its error which word it did not understand.
    let wrong = format!("{secret} is no order");
    submit_secret(&dispatcher, "invalid", &wrong).await;
    let view = ended(&asker, "invalid", LONG).await;
    assert_eq!(view.state, JobStanding::Failed);
    assert_eq!(task(&asker, "invalid", id_of(&wrong)).await.failures[0].cause, Cause::InvalidInput);

    let mut said: Vec<(String, Vec<u8>)> = Vec::new();
    said.push(("the jobs".to_owned(), format!("{:?}", asker.jobs(false, 100).await.unwrap()).into_bytes()));
    said.push(("dead letters".to_owned(), format!("{:?}", asker.dead_letters().await.unwrap()).into_bytes()));
    said.push(("workers".to_owned(), format!("{:?}", admin.workers().await.unwrap()).into_bytes()));
    for job in ["proved", "panics", "prints", "invalid"] {
        said.push((format!("job {job}"), format!("{:?}", asker.job(job).await.unwrap()).into_bytes()));
    }
    let kept = files(fleet.path("").as_path());
    assert!(kept.len() > 10, "store, blobs, logs and starts are looked at: {kept:?}");
    said.extend(kept.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())));
    for (place, text) in &said {
        for form in forms(secret.as_bytes()) {
            let found = text.windows(form.len()).any(|window| window == form);
            assert!(!found, "the secret is in {place}: {}", String::from_utf8_lossy(text));
        }
    }

    for file in files(&dispatcher.data) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", file.display());
    }
    let secrets = std::fs::read_dir(dispatcher.data.join("blobs/v1/secret")).unwrap().count();
    assert!(secrets >= 1, "the secret inputs and proofs are kept encrypted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shares_no_path_with_its_dispatcher() {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let worker = fleet.worker("worker", &dispatcher, &[]);
    // Inputs and proofs that are too large to travel inside a message.
    let order = |name: &str| format!("ms=50 bytes=200000 id={}{name}", "x".repeat(2_000));
    let input = asker.input(Bytes::from(order("below").into_bytes()), false).await.unwrap();
    let mut request = single("job", "ms=50");
    request.tasks[0].needs = vec!["below".to_owned()];
    let below = TaskRequest { name: Some("below".to_owned()), input, needs: vec![], ..request.tasks[0].clone() };
    request.tasks.push(below);
    asker.submit(&request).await.unwrap();
    done(&asker, "job", LONG).await;
    assert!(asker.result("job").await.unwrap().starts_with(b"mock: slept over "));
    assert!(asker.task_result(&id_of(&order("below"))).await.unwrap().len() > 200_000);

    let data = dispatcher.data.to_str().unwrap();
    for pid in [worker.process.pid, worker.child()] {
        for file in ["cmdline", "environ", "maps"] {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(data), "{file} of {pid}");
        }
        for open in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            let to = std::fs::read_link(open.path()).unwrap_or_default();
            assert!(!to.starts_with(data), "{pid} has {} open", to.display());
        }
    }
}
