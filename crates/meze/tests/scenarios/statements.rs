//! One store through changes of circuit, mode and shape: each is another statement, and nothing is reused.

use proving::id::TaskId;
use proving::statement::Statement;
use transport::ask::{JobRequest, TaskStanding};

use crate::harness::fleet::Fleet;
use crate::harness::guest::{join, prove, take};
use crate::harness::jobs::{done, single};
use crate::harness::numbers::Numbers;

/// The same input under another statement.
fn job(name: &str, statement: &Statement) -> JobRequest {
    let mut request = single(name, "id=the-same-input");
    request.tasks[0].statement = statement.clone();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn another_circuit_mode_or_shape_on_the_same_store_reuses_nothing() {
    let fleet = Fleet::new();
    // Without a verifier of the kind, so that every statement is taken.
    let mut dispatcher = fleet.dispatcher_of(&["--trust", "test.sleep"]);
    let digest = |byte: &str| byte.repeat(32);
    let statements = [
        format!("real/key/{}", digest("01")),
        // Another circuit or shape has another key.
        format!("real/key/{}", digest("02")),
        // The same one in another mode.
        format!("mock/key/{}", digest("01")),
        "mock/line/sleep-1".to_owned(),
        "mock/line/sleep-2".to_owned(),
    ];
    let statements = statements.map(|text| text.parse::<Statement>().unwrap());
    let asker = dispatcher.asker();
    let mut seen: Vec<TaskId> = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let name = format!("job-{index}");
        asker.submit(&job(&name, statement)).await.unwrap();
        let view = asker.job(&name).await.unwrap();
        let task = view.tasks[0].id;
        assert!(!seen.contains(&task), "{statement} has a task of its own");
        assert_eq!(view.tasks[0].state, TaskStanding::Ready, "{statement}: no proof of before counts");
        if let Some(before) = index.checked_sub(1) {
            let old = join(&dispatcher, "old", statements[before].clone()).await;
            assert!(take(&old).await.is_none(), "{statement} is not for a worker of {}", statements[before]);
        }
        let worker = join(&dispatcher, &format!("worker-{index}"), statement.clone()).await;
        let offer = take(&worker).await.unwrap();
        assert_eq!((offer.task, &offer.statement), (task, statement));
        prove(&worker, &offer, format!("a proof under {statement}").as_bytes()).await;
        done(&asker, &name, crate::harness::fleet::LONG).await;
        seen.push(task);
        // The next one meets the store as another version would find it.
        dispatcher.process.kill();
        dispatcher.start_again();
    }
    for (index, statement) in statements.iter().enumerate() {
        let proof = asker.result(&format!("job-{index}")).await.unwrap();
        assert_eq!(proof, format!("a proof under {statement}").as_bytes());
        // Under the same statement, though, it is there already.
        asker.submit(&job(&format!("again-{index}"), statement)).await.unwrap();
        assert_eq!(asker.job(&format!("again-{index}")).await.unwrap().tasks[0].state, TaskStanding::Done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_a_key_here_is_not_taken() {
    let fleet = Fleet::new();
    let mut dispatcher = fleet.dispatcher_of(&["--trust", "test.sleep"]);
    let other: Statement = "mock/line/of-before".parse().unwrap();
    dispatcher.asker().submit(&job("before", &other)).await.unwrap();
    dispatcher.process.kill();
    // From now on proofs of the kind are checked, and those of this statement cannot be.
    dispatcher.start_again_with(&["--sleepers"]);
    let asker = dispatcher.asker();
    let refused = asker.submit(&job("after", &other)).await.unwrap_err().to_string();
    assert_eq!(refused, "there is no key here to check test.sleep under mock/line/of-before");
    let liar = join(&dispatcher, "liar", other).await;
    let offer = take(&liar).await.unwrap();
    let answer = crate::harness::guest::say_done(&liar, &offer, offer.token, b"anything").await;
    assert!(format!("{answer:?}").contains("no key of this statement any more"), "{answer:?}");
    assert_eq!(Numbers::of(&dispatcher.url).sum("meze_dispatcher_proof_seconds_count", &[]), 0);
}
