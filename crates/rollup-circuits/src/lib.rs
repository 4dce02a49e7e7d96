//! The statements of the rollup family, one file a circuit.

#![allow(dead_code)]
mod circuit;
mod client;
pub mod config;
mod gadgets;
mod inner;
mod outer;
pub mod plonk;
#[cfg(test)]
mod probe;
mod recursion;
mod root_verifier;
pub mod switches;
mod wrap;
