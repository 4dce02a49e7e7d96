//! Whatever a node answers: there is a witness or an error, in bounded time, and never a panic.

use crate::fake::{Fake, Reply};
use chain_source::{CallSettings, Source};
use dev_chain::{BlockPlan, Chain, Genesis, Node, Transaction, Wallet, store_init, store_input};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// More calls than a witness of the block below takes.
const CALLS: usize = 90;

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(String::new()),
        Just("0x".to_owned()),
        Just("0x0".to_owned()),
        "0x[0-9a-f]{1,80}",
        "0x([0-9a-f]{40}|[0-9a-f]{64})",
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z0-9]{0,10}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Puts `other` somewhere into `answer`.
fn change(answer: &mut Value, place: &mut usize, other: &Value) -> bool {
    if *place == 0 {
        *answer = other.clone();
        return true;
    }
    *place -= 1;
    match answer {
        Value::Array(values) => values.iter_mut().any(|value| change(value, place, other)),
        Value::Object(fields) => fields.values_mut().any(|value| change(value, place, other)),
        _ => false,
    }
}

/// Bends one digit of a text, so that it stays of the right form.
fn bend(answer: &mut Value, place: &mut usize, digit: char) -> bool {
    match answer {
        Value::String(text) if text.len() > 2 => {
            if *place < text.len() - 2 {
                let at = *place + 2;
                text.replace_range(
                    text.char_indices().nth(at).map_or(0..0, |(from, c)| from..from + c.len_utf8()),
                    &digit.to_string(),
                );
                return true;
            }
            *place -= text.len() - 2;
            false
        }
        Value::Array(values) => values.iter_mut().any(|value| bend(value, place, digit)),
        Value::Object(fields) => fields.values_mut().any(|value| bend(value, place, digit)),
        _ => false,
    }
}

#[test]
fn any_answers_make_a_witness_or_an_error() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let node = runtime.block_on(async {
        let mut chain = Chain::new(Genesis::default());
        let wallet = Wallet::numbered(0);
        let contract = wallet.address().create(0);
        let write = |slot, value| Transaction::call(&wallet, contract, store_input(slot, value));
        chain
            .mine(BlockPlan::of([Transaction::create(&wallet, store_init()), write(1, 5), write(2, 6)]))
            .expect("good");
        let transactions = vec![write(1, 0), write(3, 7)];
        let withdrawals = vec![(wallet.address(), 1)];
        chain.mine(BlockPlan { transactions, withdrawals, ..BlockPlan::default() }).expect("good");
        Node::start(chain).await.expect("a free port")
    });
    let case = (0..CALLS, any::<prop::sample::Index>(), any_json(), any::<bool>(), prop::char::range('0', 'g'));
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&case, |(call, place, other, whole, digit)| {
            let count = Arc::new(AtomicUsize::new(0));
            let changed = move |_: &str, _: &Value, mut theirs: Value| {
                if count.fetch_add(1, Ordering::SeqCst) == call {
                    let size = theirs.to_string().len();
                    match whole {
                        true => change(&mut theirs, &mut place.index(1 + size / 60), &other),
                        false => bend(&mut theirs["result"], &mut place.index(size), digit),
                    };
                }
                Reply::Json(theirs)
            };
            runtime.block_on(async {
                let fake = Fake::start(Some(node.url()), changed).await.expect("a free port");
                let settings = CallSettings { parallel: 1, ..CallSettings::default() };
                let source = Source::new(&fake.url(), None, settings).expect("a good URL");
                let made = tokio::time::timeout(Duration::from_secs(60), source.witness(2, None)).await;
                if let Err(error) = made.expect("it takes no time without end") {
                    assert!(error.to_string().len() < 1000, "{error}");
                }
            });
            Ok(())
        })
        .expect("no case fails");
}

#[test]
fn any_answers_at_all_make_an_error_or_a_block() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(any_json(), any::<bool>()), |(answer, bare)| {
            runtime.block_on(async {
                let fake = Fake::start(None, move |_, _, _| {
                    Reply::Json(if bare { answer.clone() } else { json!({"result": answer}) })
                })
                .await
                .expect("a free port");
                let source = Source::new(&fake.url(), None, CallSettings::default()).expect("a good URL");
                let _ = source.witness(1, None).await;
                let _ = source.block(1).await;
                let _ = source.finalized_number().await;
            });
            Ok(())
        })
        .expect("no case fails");
}
