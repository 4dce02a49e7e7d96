//! A small development chain for tests: real blocks, and a node's JSON-RPC in front of them.
//!
//! Blocks follow the Cancun rules, EIP-4788's system call included, so that what is made of them can be proved. A
//! [`Chain`] makes blocks when it is told to and keeps every state; [`Node`] serves it on loopback.
//!
//! - `wallet`: accounts with known keys, and transactions that are signed when they are put into a block
//! - `chain`: blocks, one after the other, and going back to make others
//! - `execution`: one transaction, or the system call, in the virtual machine
//! - `tracer`: what a transaction looked at and changed, as geth's prestate tracer says it
//! - `state`, `trie`: accounts and their Merkle–Patricia tries
//! - `contracts`: code of the contracts that tests use
//! - `node`, `methods`, `render`: JSON-RPC

mod chain;
mod contracts;
mod execution;
mod methods;
mod node;
mod render;
mod state;
mod tracer;
mod trie;
mod wallet;

pub use chain::{Block, BlockPlan, Chain, ChainError, Genesis, Withdrawal};
pub use contracts::{
    BEACON_ROOTS, beacon_roots_code, destructible_init, factory_init, load_input, stillborn_init, store_init,
    store_input,
};
pub use execution::Executed;
pub use node::Node;
pub use state::{Account, State};
pub use wallet::{Transaction, Wallet};

pub use alloy_primitives as primitives;
