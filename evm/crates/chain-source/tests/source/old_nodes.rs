//! Nodes that are older than the methods and rules of today.

use crate::Result;
use crate::fake::{Fake, Reply};
use chain_source::{CallSettings, Source};
use dev_chain::{BlockPlan, Chain, Genesis, Node, Transaction, Wallet, destructible_init};
use serde_json::{Value, json};

/// The witness of a node's block by way of a fake one, which must decode.
async fn decodes(fake: &Fake, number: u64) -> Result {
    let source = Source::new(&fake.url(), None, CallSettings::default())?;
    let witness = source.witness(number, None).await?;
    block_witness::decode(block_witness::read(&witness.json)?.remove(0), None, 2)?;
    Ok(())
}

#[tokio::test]
async fn receipts_are_asked_for_one_by_one_where_they_do_not_come_together() -> Result {
    let mut chain = Chain::new(Genesis::default());
    let [from, to] = [0, 1].map(Wallet::numbered);
    let transfer = || Transaction::transfer(&from, to.address(), 1);
    chain.mine(BlockPlan::of([transfer(), transfer().legacy(), transfer()]))?;
    let node = Node::start(chain).await?;
    let fake = Fake::start(Some(node.url()), |method, _, answer| {
        Reply::Json(match method {
            "eth_getBlockReceipts" => json!({"error": {"code": -32601, "message": "the method is not here"}}),
            _ => answer,
        })
    })
    .await?;
    decodes(&fake, 1).await
}

#[tokio::test]
async fn a_contract_that_a_tracer_before_cancun_takes_for_destroyed_is_looked_up() -> Result {
    let mut chain = Chain::new(Genesis::default());
    let wallet = Wallet::numbered(0);
    let contract = wallet.address().create(0);
    chain.mine(BlockPlan::of([Transaction::create(&wallet, destructible_init())]))?;
    chain.mine(BlockPlan::of([Transaction::transfer(&wallet, contract, 9).gas_limit(60_000)]))?;
    let before = chain.head().transactions[0].before[format!("{contract:#x}")].clone();
    let node = Node::start(chain).await?;
    let fake = Fake::start(Some(node.url()), move |method, params, mut answer: Value| {
        if method == "debug_traceTransaction" && params[1]["tracerConfig"]["diffMode"] == json!(true) {
            answer["result"]["pre"][format!("{contract:#x}")] = before.clone();
            if let Some(post) = answer["result"]["post"].as_object_mut() {
                post.remove(&format!("{contract:#x}"));
            }
        }
        Reply::Json(answer)
    })
    .await?;
    decodes(&fake, 2).await
}
