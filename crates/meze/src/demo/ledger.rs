//! The chain as the demo's wallets see it: trees, blocks, and how to follow them.

use rollup::block::Block;
use rollup::field::Digest;
use rollup::state::Deployment;
use rollup::transaction::Address;
use rollup::wallet::{Membership, ScanSlot, Wallet, WalletError};
use rollup::witness::MerklePath;
use rollup::world::{World, WorldError};

/// The contract that the demo pretends to settle on.
pub(crate) const DEPLOYMENT: Deployment = Deployment { chain_id: 31_337, contract: Address([0x6d65_7a65, 0, 0, 0, 1]) };
/// Who gets the fees.
pub(crate) const BENEFICIARY: Address = Address([0xfee, 0, 0, 0, 1]);

/// The provider's trees, and every block that counts.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) world: World,
    pub(crate) blocks: Vec<Block>,
}

impl Chain {
    /// Genesis.
    pub(crate) fn new() -> Result<Self, WorldError> {
        Ok(Self { world: World::in_memory(DEPLOYMENT)?, blocks: Vec::new() })
    }

    /// Reads the blocks that the wallet has not seen.
    pub(crate) fn sync(&self, wallet: &mut Wallet) -> Result<(), WalletError> {
        for block in self.blocks.iter().skip(wallet.next_rollup() as usize) {
            let slots = block.transactions().map(|(slot, transaction)| ScanSlot {
                leaf_index: block.leaf_index(slot),
                public: &transaction.public,
                payload: &transaction.payload,
            });
            wallet.scan(block.rollup_id(), block.header().new.data_root, slots)?;
        }
        Ok(())
    }
}

impl Membership for Chain {
    fn data_root(&self) -> Digest {
        self.world.state().data_root
    }

    fn data_path(&self, leaf_index: u64) -> Result<MerklePath, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.world.data_path(&self.data_root(), leaf_index)?)
    }
}
