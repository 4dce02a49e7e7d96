//! Witnesses of blocks of a development chain decode, lead to the header's roots, and run in the prover's kernel.

use crate::Result;
use block_witness::DecodedBlock;
use chain_source::{CallSettings, Source};
use dev_chain::primitives::{Address, B256, U256};
use dev_chain::{
    Account, BlockPlan, Chain, Genesis, Node, Transaction, Wallet, destructible_init, factory_init, load_input,
    stillborn_init, store_init, store_input,
};

/// Asks for the witness of the chain's last block, decodes it, holds it against the block, and runs it.
async fn last_block_runs(node: &Node) -> Result<DecodedBlock> {
    let block = node.chain().head().clone();
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    let witness = source.witness(block.header.number, None).await?;
    assert_eq!(witness.hash.as_bytes(), block.hash.as_slice());
    assert_eq!(witness.parent_hash.as_bytes(), block.header.parent_hash.as_slice());
    let mut read = block_witness::read(&witness.json)?;
    let decoded = block_witness::decode(read.remove(0), None, 2)?;
    let after = &decoded.batches.last().ok_or("there are batches")?.trie_roots_after;
    assert_eq!(after.state_root.as_bytes(), block.header.state_root.as_slice());
    assert_eq!(after.transactions_root.as_bytes(), block.header.transactions_root.as_slice());
    assert_eq!(after.receipts_root.as_bytes(), block.header.receipts_root.as_slice());
    for (place, batch) in decoded.batches.iter().enumerate() {
        let segments = block_witness::simulate(batch, place, block_witness::MAX_CPU_LEN_LOG)?;
        assert!(!segments.is_empty());
    }
    Ok(decoded)
}

async fn node() -> Result<Node> {
    Ok(Node::start(Chain::new(Genesis::default())).await?)
}

/// Where the first contract of a wallet is, or the next ones.
fn created(wallet: &Wallet, nonce: u64) -> Address {
    wallet.address().create(nonce)
}

#[tokio::test]
async fn a_block_with_a_transfer() -> Result {
    let node = node().await?;
    let (from, to) = (Wallet::numbered(0), Wallet::numbered(1));
    node.chain().mine(BlockPlan::of([Transaction::transfer(&from, to.address(), 5)]))?;
    let decoded = last_block_runs(&node).await?;
    assert_eq!((decoded.number, decoded.chain_id, decoded.transactions), (1, 77, 1));
    Ok(())
}

#[tokio::test]
async fn an_empty_block_and_one_after_it() -> Result {
    let node = node().await?;
    node.chain().mine_empty(1)?;
    last_block_runs(&node).await?;
    node.chain().mine_empty(1)?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn a_block_with_transfers_of_every_form() -> Result {
    let node = node().await?;
    let [a, b, c] = [0, 1, 2].map(Wallet::numbered);
    let stranger = Address::repeat_byte(0x42);
    node.chain().mine(BlockPlan::of([
        Transaction::transfer(&a, stranger, 1).legacy(),
        Transaction::transfer(&b, stranger, 2).with_access_list(c.address(), &[B256::ZERO]).gas_limit(40_000),
        Transaction::transfer(&c, a.address(), 3),
        Transaction::transfer(&a, a.address(), 4),
        Transaction::transfer(&a, Address::repeat_byte(0x43), 0),
    ]))?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn a_block_with_withdrawals_to_old_and_new_accounts() -> Result {
    let node = node().await?;
    let withdrawals = vec![(Wallet::numbered(0).address(), 7), (Address::repeat_byte(0x51), 32_000_000_000)];
    node.chain().mine(BlockPlan { withdrawals, ..BlockPlan::default() })?;
    last_block_runs(&node).await?;
    let withdrawals = vec![(Address::repeat_byte(0x51), 1), (Address::repeat_byte(0x51), 2)];
    let transactions = vec![Transaction::transfer(&Wallet::numbered(0), Address::repeat_byte(0x52), 1)];
    node.chain().mine(BlockPlan { withdrawals, transactions, ..BlockPlan::default() })?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn blocks_that_create_a_contract_and_use_it_in_the_same_block_and_later() -> Result {
    let node = node().await?;
    let wallet = Wallet::numbered(0);
    let contract = created(&wallet, 0);
    node.chain().mine(BlockPlan::of([
        Transaction::create(&wallet, store_init()),
        Transaction::call(&wallet, contract, store_input(1, 11)),
        Transaction::call(&wallet, contract, load_input(1)),
    ]))?;
    last_block_runs(&node).await?;
    assert_eq!(node.chain().head().transactions[1].logs().len(), 1);
    node.chain().mine(BlockPlan::of([
        Transaction::call(&wallet, contract, store_input(1, 12)),
        Transaction::call(&wallet, contract, store_input(2, 22)),
        Transaction::call(&wallet, contract, load_input(3)),
    ]))?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn blocks_whose_deletions_leave_branches_with_one_child() -> Result {
    let node = node().await?;
    let wallet = Wallet::numbered(0);
    let contract = created(&wallet, 0);
    let write = |slot, value| Transaction::call(&wallet, contract, store_input(slot, value));
    node.chain().mine(BlockPlan::of([Transaction::create(&wallet, store_init())]))?;
    node.chain().mine(BlockPlan::of((1..=24).map(|slot| write(slot, 1000 + slot))))?;
    // One by one, so that every way to hang in the trie comes up; one is deleted and written again in the same block.
    for slot in 1..=24 {
        let again = (slot % 5 == 0).then(|| write(slot, 7));
        node.chain().mine(BlockPlan::of([write(slot, 0)].into_iter().chain(again)))?;
        let source = Source::new(&node.url(), None, CallSettings::default())?;
        let number = node.chain().head().header.number;
        let mut read = block_witness::read(&source.witness(number, None).await?.json)?;
        let decoded = block_witness::decode(read.remove(0), None, 2)?;
        let expected = node.chain().head().header.state_root;
        assert_eq!(decoded.post_state_root.as_bytes(), expected.as_slice(), "slot {slot}");
    }
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn a_block_with_a_transaction_that_fails() -> Result {
    let node = node().await?;
    let wallet = Wallet::numbered(0);
    let contract = created(&wallet, 0);
    // The fee recipient has to be there before: the decoder takes nothing over that a failed transaction made.
    node.chain().mine(BlockPlan::of([Transaction::create(&wallet, store_init())]))?;
    node.chain().mine(BlockPlan::of([
        Transaction::call(&wallet, contract, store_input(1, 1)).gas_limit(30_000),
        Transaction::create(&wallet, store_init()).gas_limit(54_000),
    ]))?;
    let block = node.chain().head().clone();
    assert!(block.transactions.iter().all(|executed| !executed.receipt.is_success()));
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn blocks_with_contracts_that_destroy_themselves() -> Result {
    let node = node().await?;
    let wallet = Wallet::numbered(0);
    let (contract, heir) = (created(&wallet, 0), Wallet::numbered(1));
    node.chain().mine(BlockPlan::of([Transaction::create(&wallet, destructible_init())]))?;
    node.chain().mine(BlockPlan::of([
        Transaction::transfer(&wallet, contract, 1000).gas_limit(60_000),
        Transaction::create(&heir, stillborn_init()),
        Transaction::call(&heir, contract, store_input(0, 0)),
    ]))?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn a_block_that_pays_tips_to_a_new_account_and_comes_after_256_others() -> Result {
    let node = node().await?;
    node.chain().mine_empty(300)?;
    let transactions = vec![Transaction::transfer(&Wallet::numbered(0), Wallet::numbered(1).address(), 1)];
    let beneficiary = Some(Address::repeat_byte(0x77));
    node.chain().mine(BlockPlan { transactions, beneficiary, ..BlockPlan::default() })?;
    let decoded = last_block_runs(&node).await?;
    let hashes = &decoded.batches[0].block_hashes.prev_hashes;
    for (hash, number) in hashes.iter().zip(301 - 256..) {
        let expected = node.chain().block(number).ok_or("it was made")?.hash;
        assert_eq!(hash.as_bytes(), expected.as_slice(), "block {number}");
    }
    Ok(())
}

#[tokio::test]
async fn a_checkpoint_further_back_is_the_one_in_the_witness() -> Result {
    let node = node().await?;
    node.chain().mine_empty(3)?;
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    let read = block_witness::read(&source.witness(3, Some(1)).await?.json)?;
    let root = node.chain().block(1).ok_or("it was made")?.header.state_root;
    assert_eq!(read[0].other_data.checkpoint_state_trie_root.as_bytes(), root.as_slice());
    let error = source.witness(2, Some(2)).await.expect_err("a checkpoint that is the block");
    assert!(error.to_string().contains("give one before it"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_node_without_the_system_call_is_named_in_one_line() -> Result {
    let genesis = Genesis { system_call: false, ..Genesis::default() };
    let node = Node::start(Chain::new(genesis)).await?;
    node.chain().mine_empty(1)?;
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    for error in [
        source.check_system_call(1).await.expect_err("no system call"),
        source.witness(1, None).await.expect_err("no system call"),
    ] {
        let line = error.to_string();
        assert!(line.contains("does not apply EIP-4788's system call") && !line.contains('\n'), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn blocks_that_are_not_there_are_said_so() -> Result {
    let node = node().await?;
    let source = Source::new(&node.url(), None, CallSettings::default())?;
    let genesis = source.witness(0, None).await.expect_err("nothing is before it");
    assert!(genesis.to_string().contains("start at block 1"), "{genesis}");
    let future = source.witness(9, None).await.expect_err("it is not made yet");
    assert!(future.is_passing() && future.to_string().contains("no block 9"), "{future}");
    Ok(())
}

#[tokio::test]
async fn money_waiting_at_an_address_goes_when_its_contract_destroys_itself_at_birth() -> Result {
    let wallet = Wallet::numbered(0);
    let mut genesis = Genesis::default();
    let waiting = Account { balance: U256::from(5), ..Account::default() };
    genesis.accounts.insert(created(&wallet, 0), waiting);
    let node = Node::start(Chain::new(genesis)).await?;
    node.chain().mine(BlockPlan::of([Transaction::create(&wallet, stillborn_init())]))?;
    last_block_runs(&node).await?;
    Ok(())
}

#[tokio::test]
async fn blocks_with_contracts_of_which_nothing_is_left() -> Result {
    let node = node().await?;
    let wallet = Wallet::numbered(0);
    let factory = created(&wallet, 0);
    node.chain().mine(BlockPlan::of([Transaction::create(&wallet, factory_init())]))?;
    let call = |_| Transaction::call(&wallet, factory, load_input(0));
    node.chain().mine(BlockPlan::of((0..8).map(call)))?;
    let block = node.chain().head().clone();
    for executed in &block.transactions {
        let [child] = executed.creations[..] else { return Err("one contract was expected".into()) };
        assert!(executed.receipt.is_success() && block.state.account(child).is_none());
        assert_eq!(executed.before.get(format!("{child:#x}")), None, "the tracer is silent about it");
    }
    last_block_runs(&node).await?;
    Ok(())
}
