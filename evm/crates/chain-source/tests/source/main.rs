//! Blocks and witnesses from nodes of several kinds: a development chain, one whose answers are changed on the way, one
//! that makes witnesses itself, and a real anvil.

mod anvil;
mod changed;
mod fake;
mod following;
mod old_nodes;
mod retries;
mod witnesses;
mod zero_node;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
