//! Witnesses of a small chain of our own: block 1 has a transfer, block 2 is empty, and so on in turn.

use chain_source::{CallSettings, Source};
use dev_chain::primitives::Address;
use dev_chain::{BlockPlan, Chain, Genesis, Node, Transaction, Wallet};

/// The chain that the blocks are of.
pub(crate) const CHAIN: u64 = 77;

/// A chain of so many blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// The witness of all of them, as a leader reads it.
    pub(crate) witness: Vec<u8>,
    /// The state root before the first.
    pub(crate) checkpoint: String,
    /// The state root after the last.
    pub(crate) state_root: String,
}

/// A node with a chain of so many blocks.
pub(crate) async fn node(count: u64) -> Node {
    let node = Node::start(Chain::new(Genesis::default())).await.unwrap();
    let wallet = Wallet::numbered(0);
    for number in 1..=count {
        let transfer = Transaction::transfer(&wallet, Address::repeat_byte(0x42), number);
        let plan = if number % 2 == 1 { BlockPlan::of([transfer]) } else { BlockPlan::default() };
        node.chain().mine(plan).unwrap();
    }
    node
}

/// So many blocks with their witness.
pub(crate) fn blocks(count: u64) -> Blocks {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let node = node(count).await;
        let source = Source::new(&node.url(), None, CallSettings::default()).unwrap();
        let mut list = Vec::new();
        for number in 1..=count {
            let witness = source.witness(number, Some(0)).await.unwrap();
            list.push(serde_json::from_slice::<serde_json::Value>(&witness.json).unwrap());
        }
        let root = |number| format!("{:#x}", node.chain().block(number).unwrap().header.state_root);
        Blocks { witness: serde_json::to_vec(&list).unwrap(), checkpoint: root(0), state_root: root(count) }
    })
}
