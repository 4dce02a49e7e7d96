//! One transaction, or the system call, in the virtual machine.

use crate::chain::ChainError;
use crate::contracts::BEACON_ROOTS;
use crate::state::{State, View};
use crate::tracer::Tracer;
use alloy_consensus::{Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxEnvelope, TxType};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bloom, Log, TxKind, U256, address, map::HashMap};
use revm::primitives::{BlobExcessGasAndPrice, BlockEnv, ResultAndState, SpecId, TxEnv};
use revm::{Evm, inspector_handle_register};
use serde_json::Value;

/// Who makes the system call.
const SYSTEM: Address = address!("fffffffffffffffffffffffffffffffffffffffe");

/// A transaction in a block, with what came of it.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Signed.
    pub envelope: TxEnvelope,
    /// Whose signature it is.
    pub sender: Address,
    /// As the receipts trie holds it.
    pub receipt: ReceiptEnvelope,
    /// By this transaction alone.
    pub gas_used: u64,
    /// Wei a gas.
    pub gas_price: u128,
    /// The contract that it created, if it was to create one, whether or not it did.
    pub created: Option<Address>,
    /// Contracts that it or contracts created or tried to.
    pub creations: Vec<Address>,
    /// As geth's prestate tracer says it, without `diffMode`.
    pub before: Value,
    /// The same with `diffMode`.
    pub changes: Value,
}

impl Executed {
    /// The logs.
    pub fn logs(&self) -> &[Log] {
        self.receipt.logs()
    }

    /// The signed bytes, as the transactions trie holds them.
    pub fn bytes(&self) -> Vec<u8> {
        self.envelope.encoded_2718()
    }
}

/// What all transactions of a block have in common.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) chain_id: u64,
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) beneficiary: Address,
    pub(crate) gas_limit: u64,
    pub(crate) base_fee: u64,
    pub(crate) random: B256,
    /// Hashes of the blocks before, by number.
    pub(crate) hashes: &'a HashMap<u64, B256>,
}

impl Surroundings<'_> {
    fn block(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            coinbase: self.beneficiary,
            timestamp: U256::from(self.timestamp),
            gas_limit: U256::from(self.gas_limit),
            basefee: U256::from(self.base_fee),
            difficulty: U256::ZERO,
            prevrandao: Some(self.random),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, false)),
        }
    }

    /// EIP-4788: the beacon root of the parent goes into its contract before all transactions, for free.
    pub(crate) fn call_beacon_roots(&self, state: &mut State, root: B256) -> Result<(), ChainError> {
        let view = View { state, hashes: self.hashes };
        let mut evm = Evm::builder()
            .with_ref_db(&view)
            .with_spec_id(SpecId::CANCUN)
            .modify_cfg_env(|cfg| cfg.chain_id = self.chain_id)
            .modify_block_env(|block| *block = BlockEnv { basefee: U256::ZERO, ..self.block() })
            .modify_tx_env(|tx| {
                *tx = TxEnv {
                    caller: SYSTEM,
                    transact_to: TxKind::Call(BEACON_ROOTS),
                    data: root.into(),
                    gas_limit: 30_000_000,
                    gas_price: U256::ZERO,
                    chain_id: Some(self.chain_id),
                    ..TxEnv::default()
                }
            })
            .build();
        let result = evm.transact().map_err(|error| ChainError::Refused(format!("{error:?}")))?;
        drop(evm);
        let only_the_contract = result.state.into_iter().filter(|(address, _)| *address == BEACON_ROOTS);
        state.apply(only_the_contract.collect());
        Ok(())
    }

    /// Runs a transaction on `state`; `gas_before` is what the block's earlier ones used.
    pub(crate) fn execute(
        &self,
        state: &mut State,
        envelope: TxEnvelope,
        sender: Address,
        gas_before: u64,
    ) -> Result<Executed, ChainError> {
        let to = match envelope.to() {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        };
        let nonce = envelope.nonce();
        let mut tracer = Tracer::new(sender, to, nonce, self.beneficiary);
        let view = View { state, hashes: self.hashes };
        let mut evm = Evm::builder()
            .with_ref_db(&view)
            .with_external_context(&mut tracer)
            .with_spec_id(SpecId::CANCUN)
            .modify_cfg_env(|cfg| cfg.chain_id = self.chain_id)
            .modify_block_env(|block| *block = self.block())
            .modify_tx_env(|tx| *tx = environment(&envelope, sender))
            .append_handler_register(inspector_handle_register)
            .build();
        let ResultAndState { result, state: changes } =
            evm.transact().map_err(|error| ChainError::Refused(format!("{error:?}")))?;
        drop(evm);
        let before = state.clone();
        state.apply(changes);

        let gas_used = result.gas_used();
        let receipt = Receipt {
            status: result.is_success().into(),
            cumulative_gas_used: u128::from(gas_before + gas_used),
            logs: result.into_logs(),
        };
        let logs_bloom = receipt.logs.iter().collect::<Bloom>();
        let receipt = ReceiptWithBloom { receipt, logs_bloom };
        Ok(Executed {
            receipt: match envelope.tx_type() {
                TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
                TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
                _ => ReceiptEnvelope::Legacy(receipt),
            },
            gas_price: price(&envelope, self.base_fee),
            created: to.is_none().then(|| sender.create(nonce)),
            creations: tracer.created(),
            before: tracer.before(&before),
            changes: tracer.changes(&before, state),
            envelope,
            sender,
            gas_used,
        })
    }
}

/// What a gas costs the sender.
fn price(envelope: &TxEnvelope, base_fee: u64) -> u128 {
    match envelope {
        TxEnvelope::Eip1559(it) => {
            let it = it.tx();
            it.max_fee_per_gas.min(u128::from(base_fee) + it.max_priority_fee_per_gas)
        }
        other => other.gas_price().unwrap_or_default(),
    }
}

fn environment(envelope: &TxEnvelope, sender: Address) -> TxEnv {
    let (max_fee, tip, access_list) = match envelope {
        TxEnvelope::Eip1559(it) => {
            let it = it.tx();
            (it.max_fee_per_gas, Some(U256::from(it.max_priority_fee_per_gas)), it.access_list.0.clone())
        }
        TxEnvelope::Eip2930(it) => (it.tx().gas_price, None, it.tx().access_list.0.clone()),
        other => (other.gas_price().unwrap_or_default(), None, Vec::new()),
    };
    TxEnv {
        caller: sender,
        gas_limit: u64::try_from(envelope.gas_limit()).unwrap_or(u64::MAX),
        gas_price: U256::from(max_fee),
        gas_priority_fee: tip,
        transact_to: envelope.to(),
        value: envelope.value(),
        data: envelope.input().to_vec().into(),
        nonce: Some(envelope.nonce()),
        chain_id: envelope.chain_id(),
        access_list: access_list
            .into_iter()
            .map(|item| revm::primitives::AccessListItem { address: item.address, storage_keys: item.storage_keys })
            .collect(),
        ..TxEnv::default()
    }
}
