//! Blocks, one after the other, and going back to make others.

use crate::contracts::{BEACON_ROOTS, beacon_roots_code};
use crate::execution::{Executed, Surroundings};
use crate::state::{Account, State};
use crate::trie::{Trie, encoded};
use crate::wallet::{Transaction, Wallet};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, address, keccak256, map::HashMap};
use alloy_rlp::RlpEncodable;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds between blocks, unless a plan says otherwise.
const BLOCK_TIME: u64 = 12;

/// What cannot be made into a block.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The virtual machine refuses a transaction as invalid.
    #[error("a transaction cannot be in a block: {0}")]
    Refused(String),
    /// There is no block of this number.
    #[error("there is no block {0}")]
    NoBlock(u64),
}

/// What a chain starts with.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Small, since the prover's table sizes grow with numbers.
    pub chain_id: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Gas of every block.
    pub gas_limit: u64,
    /// Of the first block, in wei.
    pub base_fee: u64,
    /// Beside EIP-4788's contract.
    pub accounts: BTreeMap<Address, Account>,
    /// Whether EIP-4788's system call is made; some development nodes leave it out.
    pub system_call: bool,
}

impl Default for Genesis {
    /// Ten wallets with a hundred ether each.
    fn default() -> Self {
        let balance = U256::from(100_000_000_000_000_000_000_u128);
        let rich = |index| (Wallet::numbered(index).address(), Account { balance, ..Account::default() });
        Self {
            chain_id: 77,
            timestamp: 1_700_000_000,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            accounts: (0..10).map(rich).collect(),
            system_call: true,
        }
    }
}

/// A payment from the consensus layer.
#[derive(Clone, Copy, Debug, RlpEncodable)]
pub struct Withdrawal {
    /// Counted over the whole chain.
    pub index: u64,
    /// Whose stake.
    pub validator: u64,
    /// Who gets it.
    pub address: Address,
    /// In gwei.
    pub gwei: u64,
}

/// What the next block shall hold; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct BlockPlan {
    /// In this order.
    pub transactions: Vec<Transaction>,
    /// Receiver and gwei of each.
    pub withdrawals: Vec<(Address, u64)>,
    /// Twelve seconds after its parent, if not said.
    pub timestamp: Option<u64>,
    /// Who gets the tips; one fixed address, if not said.
    pub beneficiary: Option<Address>,
}

impl BlockPlan {
    /// A block with these transactions.
    pub fn of(transactions: impl IntoIterator<Item = Transaction>) -> Self {
        Self { transactions: transactions.into_iter().collect(), ..Self::default() }
    }
}

/// A block, with the state after it.
#[derive(Clone, Debug)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The Keccak digest of the header.
    pub hash: B256,
    /// In order, with what came of each.
    pub transactions: Vec<Executed>,
    /// In order.
    pub withdrawals: Vec<Withdrawal>,
    /// After the block.
    pub state: Arc<State>,
}

/// All blocks from the genesis on, and their states.
#[derive(Debug)]
pub struct Chain {
    chain_id: u64,
    system_call: bool,
    blocks: Vec<Block>,
    /// How often the chain went back: blocks made after that are others, even with the same transactions.
    forks: u64,
    /// How many blocks the finalized one is behind the last.
    finality: u64,
}

impl Chain {
    /// A chain with only its genesis block.
    pub fn new(genesis: Genesis) -> Self {
        let mut accounts = genesis.accounts;
        let roots = Account { nonce: 1, code: beacon_roots_code(), ..Account::default() };
        accounts.insert(BEACON_ROOTS, roots);
        let state = State::new(accounts);
        let header = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root: state.root(),
            transactions_root: Trie::default().root(),
            receipts_root: Trie::default().root(),
            withdrawals_root: Some(Trie::default().root()),
            gas_limit: u128::from(genesis.gas_limit),
            timestamp: genesis.timestamp,
            base_fee_per_gas: Some(u128::from(genesis.base_fee)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Header::default()
        };
        let block = Block {
            hash: header.hash_slow(),
            header,
            transactions: Vec::new(),
            withdrawals: Vec::new(),
            state: Arc::new(state),
        };
        let (chain_id, system_call) = (genesis.chain_id, genesis.system_call);
        Self { chain_id, system_call, blocks: vec![block], forks: 0, finality: 2 }
    }

    /// What transactions are signed for.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The last block.
    pub fn head(&self) -> &Block {
        self.blocks.last().expect("the genesis block is never taken away")
    }

    /// A block by its number.
    pub fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    /// All blocks, from the genesis on.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// A block by its hash.
    pub fn block_by_hash(&self, hash: B256) -> Option<&Block> {
        self.blocks.iter().find(|block| block.hash == hash)
    }

    /// How many blocks the finalized one shall be behind the last; two at first.
    pub fn set_finality(&mut self, blocks: u64) {
        self.finality = blocks;
    }

    /// The last block that counts as final.
    pub fn finalized(&self) -> u64 {
        self.head().header.number.saturating_sub(self.finality)
    }

    /// Takes away all blocks after `number`; those made next are others.
    pub fn go_back(&mut self, number: u64) -> Result<(), ChainError> {
        if self.block(number).is_none() {
            return Err(ChainError::NoBlock(number));
        }
        self.blocks.retain(|block| block.header.number <= number);
        self.forks += 1;
        Ok(())
    }

    /// Makes `count` empty blocks.
    pub fn mine_empty(&mut self, count: u64) -> Result<(), ChainError> {
        (0..count).try_for_each(|_| self.mine(BlockPlan::default()).map(drop))
    }

    /// Makes the next block.
    pub fn mine(&mut self, plan: BlockPlan) -> Result<&Block, ChainError> {
        let parent = self.head();
        let number = parent.header.number + 1;
        let mut state = State::clone(&parent.state);
        let hashes: HashMap<u64, B256> =
            self.blocks.iter().rev().take(256).map(|block| (block.header.number, block.hash)).collect();
        let surroundings = Surroundings {
            chain_id: self.chain_id,
            number,
            timestamp: plan.timestamp.unwrap_or(parent.header.timestamp + BLOCK_TIME),
            beneficiary: plan.beneficiary.unwrap_or(address!("00000000000000000000000000000000000fee00")),
            gas_limit: u64::try_from(parent.header.gas_limit).expect("it was a u64 in the genesis"),
            base_fee: next_base_fee(&parent.header),
            random: keccak256(format!("random {number}")),
            hashes: &hashes,
        };
        let beacon_root = keccak256(format!("beacon root {number} of fork {}", self.forks));
        if self.system_call {
            surroundings.call_beacon_roots(&mut state, beacon_root)?;
        }
        let mut transactions = Vec::new();
        let mut gas_used = 0;
        for transaction in &plan.transactions {
            let sender = transaction.sender();
            let nonce = state.account(sender).map_or(0, |account| account.nonce);
            let envelope = transaction.sign(self.chain_id, nonce, surroundings.base_fee);
            let executed = surroundings.execute(&mut state, envelope, sender, gas_used)?;
            gas_used += executed.gas_used;
            transactions.push(executed);
        }
        let first = self.blocks.iter().map(|block| block.withdrawals.len() as u64).sum::<u64>();
        let withdrawals: Vec<Withdrawal> = (first..)
            .zip(plan.withdrawals)
            .map(|(index, (address, gwei))| Withdrawal { index, validator: index % 7, address, gwei })
            .collect();
        for withdrawal in &withdrawals {
            state.credit(withdrawal.address, U256::from(withdrawal.gwei) * U256::from(1_000_000_000));
        }
        let header = Header {
            parent_hash: parent.hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: surroundings.beneficiary,
            state_root: state.root(),
            transactions_root: Trie::of_list(transactions.iter().map(Executed::bytes)).root(),
            receipts_root: Trie::of_list(transactions.iter().map(|it| it.receipt.encoded_2718())).root(),
            withdrawals_root: Some(Trie::of_list(withdrawals.iter().map(encoded)).root()),
            logs_bloom: transactions.iter().fold(Bloom::ZERO, |bloom, it| bloom | *it.receipt.logs_bloom()),
            number,
            gas_limit: u128::from(surroundings.gas_limit),
            gas_used: u128::from(gas_used),
            timestamp: surroundings.timestamp,
            mix_hash: surroundings.random,
            base_fee_per_gas: Some(u128::from(surroundings.base_fee)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(beacon_root),
            extra_data: Bytes::from_static(b"meze"),
            ..Header::default()
        };
        let hash = header.hash_slow();
        self.blocks.push(Block { header, hash, transactions, withdrawals, state: Arc::new(state) });
        Ok(self.head())
    }
}

/// EIP-1559: an eighth more after a full block, an eighth less after an empty one.
fn next_base_fee(parent: &Header) -> u64 {
    let base = parent.base_fee_per_gas.unwrap_or_default();
    let target = parent.gas_limit / 2;
    let fee = if parent.gas_used > target {
        base + (base * (parent.gas_used - target) / target / 8).max(1)
    } else {
        base - base * (target - parent.gas_used) / target / 8
    };
    u64::try_from(fee).expect("base fees of a test chain are far below 2^64")
}
