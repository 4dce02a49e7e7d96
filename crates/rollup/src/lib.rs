//! The private-payments rollup in plain data.
//!
//! No proof system and no async here: the hash, notes and keys, the four trees, transactions and
//! their witnesses, the rollup block, and a reference model of the state that knows no proofs.

pub mod block;
pub mod builder;
mod codec;
pub mod field;
pub mod hash;
pub mod keys;
pub mod model;
pub mod note;
pub mod payload;
pub mod public;
pub mod published;
pub mod shape;
pub mod state;
pub mod transaction;
pub mod tree;
pub mod viewing;
pub mod wallet;
pub mod witness;
pub mod world;
