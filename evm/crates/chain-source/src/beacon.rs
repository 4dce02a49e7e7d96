//! EIP-4788: at the start of each block, the beacon root of its parent goes into a contract. Some development nodes
//! leave that out, and nobody can prove their blocks.

use crate::answers::{Bytes, Head};
use crate::client::Client;
use crate::error::SourceError;
use ethereum_types::{Address, BigEndianHash, H160, U256};
use serde_json::json;

/// Where the contract is.
pub(crate) const CONTRACT: Address = H160([
    0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31, 0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac,
    0x02,
]);

/// Slots of each of the contract's two rings.
const RING: u64 = 8191;

/// The slots that a block at `timestamp` writes: for its timestamp, and for the root.
pub(crate) fn slots(timestamp: u64) -> [U256; 2] {
    let index = U256::from(timestamp % RING);
    [index, index + RING]
}

/// Whether the node applied the system call in this block.
pub(crate) async fn check(client: &Client, head: &Head) -> Result<(), SourceError> {
    let block = head.number.0;
    let root = head.parent_beacon_block_root.ok_or(SourceError::BeforeCancun(block))?;
    let at = format!("{block:#x}");
    let code: Bytes = client.call("eth_getCode", json!([CONTRACT, at])).await?;
    if code.0.is_empty() {
        return Err(SourceError::SystemCall { block, why: "its contract is not on the chain" });
    }
    let values = [U256::from(head.timestamp.0), root.into_uint()];
    for (slot, value) in slots(head.timestamp.0).into_iter().zip(values) {
        let found: U256 = client.call("eth_getStorageAt", json!([CONTRACT, slot, at])).await?;
        if found != value {
            return Err(SourceError::SystemCall { block, why: "its contract does not hold the block's beacon root" });
        }
    }
    Ok(())
}
