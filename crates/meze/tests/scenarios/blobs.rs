//! Proofs that are lost or damaged on the disk after they were accepted.

use std::path::PathBuf;

use proving::id::TaskId;
use proving::payload::BlobDigest;
use transport::ask::TaskStanding;

use crate::harness::fleet::{Dispatcher, Fleet, LONG};
use crate::harness::jobs::{done, id_of, id_over, many, stands, started, started_again, task};

/// Two proofs that are blobs, and one that is still made while harm comes to the first.
const ORDERS: [&str; 3] = ["bytes=100000 id=first", "bytes=100000 id=second", "ms=2500 id=slow"];

/// Where the proof of a task lies.
async fn file_of(dispatcher: &Dispatcher, proved: TaskId) -> PathBuf {
    let proof = dispatcher.asker().task_result(&proved).await.unwrap();
    let file = dispatcher.data.join("blobs/v1/plain").join(BlobDigest::of(&proof).to_string());
    assert!(file.is_file(), "{}", file.display());
    file
}

async fn the_producer_runs_again(harm: impl Fn(PathBuf)) {
    let fleet = Fleet::new();
    let dispatcher = fleet.dispatcher("dispatcher", &[]);
    let asker = dispatcher.asker();
    let _workers = ["w0", "w1"].map(|name| fleet.worker(name, &dispatcher, &[]));
    asker.submit(&many("job", &ORDERS)).await.unwrap();
    let ids = ORDERS.map(id_of);
    stands(&asker, "job", ids[0], TaskStanding::Done).await;
    stands(&asker, "job", ids[1], TaskStanding::Done).await;
    started(&fleet, ids[2], 1, LONG).await;
    harm(file_of(&dispatcher, ids[0]).await);

    done(&asker, "job", LONG).await;
    let root = id_over("id=root-of-job", &ids);
    let mut generations = Vec::new();
    for id in ids.into_iter().chain([root]) {
        generations.push(task(&asker, "job", id).await.generation);
    }
    assert_eq!(generations, [1, 0, 0, 0], "only the lost proof is of a new generation");
    assert_eq!(started_again(&fleet), [(ids[0].to_string(), 2)], "only its producer ran again");
    assert_eq!(fleet.starts_of(&root).len(), 1);
    file_of(&dispatcher, ids[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_deleted_is_made_again_and_nothing_else_is() {
    the_producer_runs_again(|file| std::fs::remove_file(file).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_damaged_is_made_again_and_nothing_else_is() {
    the_producer_runs_again(|file| {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[50_000] ^= 1;
        std::fs::write(file, bytes).unwrap();
    })
    .await;
}
