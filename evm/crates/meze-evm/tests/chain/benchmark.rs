//! The block that is measured where no other is said: that its file is what our own chain gives.

use std::path::Path;

use crate::blocks::blocks;

/// Writes the file anew where `MEZE_EVM_WRITE` is set.
#[test]
fn the_block_of_the_benchmark_is_one_of_our_own_chain() {
    let made: serde_json::Value = serde_json::from_slice(&blocks(1).witness).unwrap();
    if std::env::var_os("MEZE_EVM_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench/block.json");
        std::fs::write(path, format!("{made}\n")).unwrap();
        return;
    }
    let kept: serde_json::Value = serde_json::from_slice(meze_evm::bench::SMALL_BLOCK).unwrap();
    assert!(made == kept, "write it anew: MEZE_EVM_WRITE=1 cargo nextest run --workspace the_block_of_the_benchmark");
}
