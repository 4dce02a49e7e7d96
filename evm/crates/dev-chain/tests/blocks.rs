//! Blocks of the development chain, and what its tracer says of their transactions.

use alloy_consensus::TxEnvelope;
use dev_chain::primitives::{Address, B256, U256, keccak256};
use dev_chain::{
    Account, BEACON_ROOTS, BlockPlan, Chain, Genesis, Transaction, Wallet, destructible_init, stillborn_init,
    store_init, store_input,
};
use serde_json::{Value, json};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn chain() -> Chain {
    Chain::new(Genesis::default())
}

fn text(address: Address) -> String {
    format!("{address:#x}")
}

fn word(number: u64) -> String {
    format!("{:#x}", B256::from(U256::from(number)))
}

#[test]
fn a_transfer_moves_money_and_pays_for_its_gas() -> Result {
    let mut chain = chain();
    let (from, to) = (Wallet::numbered(0), Address::repeat_byte(9));
    let before = chain.head().state.account(from.address()).ok_or("rich")?.balance;
    let block = chain.mine(BlockPlan::of([Transaction::transfer(&from, to, 5)]))?;
    let executed = &block.transactions[0];
    let paid = U256::from(executed.gas_used) * U256::from(executed.gas_price);
    assert_eq!(executed.gas_used, 21_000);
    assert_eq!(block.state.account(to).map(|it| it.balance), Some(U256::from(5)));
    assert_eq!(block.state.account(from.address()).map(|it| it.balance), Some(before - U256::from(5) - paid));
    assert_eq!(block.header.state_root, block.state.root());
    assert_eq!(block.hash, block.header.hash_slow());
    Ok(())
}

#[test]
fn signatures_are_those_of_the_senders_in_every_form() -> Result {
    let mut chain = chain();
    let wallet = Wallet::numbered(0);
    let transfer = || Transaction::transfer(&wallet, Address::repeat_byte(9), 5).gas_limit(50_000);
    let listed = transfer().with_access_list(BEACON_ROOTS, &[B256::ZERO]);
    let block = chain.mine(BlockPlan::of([transfer(), transfer().legacy(), listed]))?;
    for executed in &block.transactions {
        let (signature, digest) = match &executed.envelope {
            TxEnvelope::Legacy(it) => (it.signature(), it.signature_hash()),
            TxEnvelope::Eip2930(it) => (it.signature(), it.signature_hash()),
            TxEnvelope::Eip1559(it) => (it.signature(), it.signature_hash()),
            other => return Err(format!("{other:?} was not made").into()),
        };
        assert_eq!(signature.recover_address_from_prehash(&digest)?, wallet.address());
    }
    Ok(())
}

#[test]
fn the_beacon_root_of_the_parent_is_written_before_every_block() -> Result {
    let mut chain = chain();
    chain.mine_empty(2)?;
    for number in 1..=2 {
        let block = chain.block(number).ok_or("it was made")?;
        let contract = block.state.account(BEACON_ROOTS).ok_or("it is in the genesis")?;
        let slot = U256::from(block.header.timestamp % 8191);
        let root = block.header.parent_beacon_block_root.ok_or("Cancun")?;
        assert_eq!(contract.storage.get(&slot), Some(&U256::from(block.header.timestamp)));
        assert_eq!(contract.storage.get(&(slot + U256::from(8191))), Some(&U256::from_be_bytes(root.0)));
    }
    Ok(())
}

#[test]
fn the_base_fee_falls_by_an_eighth_after_an_empty_block() -> Result {
    let mut chain = chain();
    chain.mine_empty(2)?;
    let fee = |number| chain.block(number).and_then(|block| block.header.base_fee_per_gas);
    assert_eq!((fee(0), fee(1), fee(2)), (Some(1_000_000_000), Some(875_000_000), Some(765_625_000)));
    Ok(())
}

#[test]
fn going_back_makes_other_blocks() -> Result {
    let mut chain = chain();
    chain.mine_empty(3)?;
    let old = chain.head().hash;
    chain.go_back(1)?;
    assert_eq!(chain.head().header.number, 1);
    chain.mine_empty(2)?;
    assert_ne!(chain.head().hash, old);
    assert!(chain.block_by_hash(old).is_none());
    assert!(chain.go_back(9).is_err());
    Ok(())
}

#[test]
fn a_trace_has_everything_before_and_only_changes_in_its_difference() -> Result {
    let mut chain = chain();
    let wallet = Wallet::numbered(0);
    let contract = wallet.address().create(0);
    let write = |slot, value| Transaction::call(&wallet, contract, store_input(slot, value));
    let block = chain.mine(BlockPlan::of([Transaction::create(&wallet, store_init()), write(1, 5)]))?;
    let created = &block.transactions[0];
    assert_eq!(created.before.get(text(contract)), None, "it was not there before");
    assert_eq!(created.changes["pre"].get(text(contract)), None);
    let post = &created.changes["post"][text(contract)];
    assert_eq!((&post["nonce"], post.get("balance")), (&json!(1), None));
    let code = block.state.account(contract).ok_or("it was created")?.code.to_string();
    assert_eq!(post["code"], json!(code));
    let written = &block.transactions[1];
    assert_eq!(written.before[text(contract)]["storage"], json!({word(1): word(0)}), "zeros are shown before");
    assert_eq!(written.changes["pre"][text(contract)].get("storage"), None, "and left out of the difference");
    assert_eq!(written.changes["post"][text(contract)], json!({"storage": {word(1): word(5)}}));

    let block = chain.mine(BlockPlan::of([write(1, 0), write(2, 0)]))?;
    let deleted = &block.transactions[0].changes;
    assert_eq!(deleted["pre"][text(contract)]["storage"], json!({word(1): word(5)}));
    assert_eq!(deleted["post"][text(contract)], json!({}), "what became zero is only before");
    let sender = &deleted["pre"][text(wallet.address())];
    assert_eq!(sender["nonce"], json!(2), "nonces are JSON's numbers");
    let nothing = &block.transactions[1];
    assert_eq!(nothing.changes["pre"].get(text(contract)), None);
    assert_eq!(nothing.before[text(contract)]["storage"], json!({word(2): word(0)}));
    Ok(())
}

#[test]
fn only_a_contract_that_is_destroyed_at_birth_is_gone() -> Result {
    let wallet = Wallet::numbered(0);
    let mut genesis = Genesis::default();
    let waiting = Account { balance: U256::from(5), ..Account::default() };
    genesis.accounts.insert(wallet.address().create(1), waiting);
    let mut chain = Chain::new(genesis);
    let (old, unborn) = (wallet.address().create(0), wallet.address().create(1));
    let block = chain.mine(BlockPlan::of([
        Transaction::create(&wallet, destructible_init()),
        Transaction::create(&wallet, stillborn_init()),
        Transaction::call(&wallet, old, store_input(0, 0)),
    ]))?;
    assert!(block.transactions.iter().all(|executed| executed.receipt.is_success()));
    assert!(block.state.account(old).is_some_and(|account| !account.code.is_empty()));
    assert_eq!(block.state.account(unborn), None);
    let changes = &block.transactions[1].changes;
    assert_eq!(changes["pre"][text(unborn)], json!({"balance": "0x5"}));
    assert_eq!(changes["post"].get(text(unborn)), None);
    Ok(())
}

#[tokio::test]
async fn json_rpc_shows_blocks_by_number_tag_and_hash() -> Result {
    let mut chain = chain();
    chain.mine(BlockPlan::of([Transaction::transfer(&Wallet::numbered(0), Address::repeat_byte(9), 5)]))?;
    chain.mine_empty(3)?;
    let node = dev_chain::Node::start(chain).await?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build()?;
    let call = async |method: &str, params: Value| -> Result<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Ok(http.post(node.url()).json(&call).send().await?.json().await?)
    };
    for (name, number) in
        [("0x1", "0x1"), ("latest", "0x4"), ("finalized", "0x2"), ("safe", "0x3"), ("earliest", "0x0")]
    {
        let block = call("eth_getBlockByNumber", json!([name, true])).await?;
        assert_eq!(block["result"]["number"], json!(number), "{name}");
        let hash = block["result"]["hash"].clone();
        assert_eq!(call("eth_getBlockByHash", json!([hash, true])).await?["result"], block["result"]);
    }
    let block = call("eth_getBlockByNumber", json!(["0x1", true])).await?["result"].take();
    let transaction = &block["transactions"][0];
    let receipt = call("eth_getTransactionReceipt", json!([transaction["hash"]])).await?["result"].take();
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    let receipts = call("eth_getBlockReceipts", json!(["0x1"])).await?["result"].take();
    assert_eq!(receipts, json!([receipt]));
    let proof = call("eth_getProof", json!([transaction["to"], ["0x0"], "0x1"])).await?["result"].take();
    let root: dev_chain::primitives::Bytes = proof["accountProof"][0].as_str().ok_or("a node")?.parse()?;
    assert_eq!(json!(keccak256(root)), block["stateRoot"]);
    let refused = call("eth_nothing", json!([])).await?;
    assert_eq!(refused["error"]["code"], json!(-32601));
    assert_eq!(call("eth_getBlockByNumber", json!(["0x9", false])).await?["result"], Value::Null);
    Ok(())
}
