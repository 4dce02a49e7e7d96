//! What a proof must say to answer its task: its public values, against the task's input and needs.

use block_witness::Table;
use ethereum_types::U256;
use evm_arithmetization::PublicValues;
use evm_arithmetization::proof::RegistersData;
use mpt_trie::partial_trie::PartialTrie;
use proving::error::VerifyError;

use crate::kernel;
use crate::task::SegmentInput;

type Checked = Result<(), VerifyError>;

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(check: &'static str, found: &T, expected: &T) -> Checked {
    if found == expected {
        return Ok(());
    }
    let short = |value: &T| format!("{value:?}").chars().take(160).collect::<String>();
    Err(VerifyError::new(check, format!("it says {}, {} was asked", short(found), short(expected))))
}

/// A segment's proof says which batch it is of, and from which registers to which it runs: so one of the batch is no
/// answer to another.
pub(crate) fn segment(values: &PublicValues, input: &SegmentInput) -> Checked {
    let batch = &input.batch;
    same("block metadata", &values.block_metadata, &batch.block_metadata)?;
    same("block hashes", &values.block_hashes, &batch.block_hashes)?;
    let before = &values.trie_roots_before;
    same("state before", &before.state_root, &batch.tries.state_trie.hash())?;
    same("transactions before", &before.transactions_root, &batch.tries.transactions_trie.hash())?;
    same("receipts before", &before.receipts_root, &batch.tries.receipts_trie.hash())?;
    same("roots after", &values.trie_roots_after, &batch.trie_roots_after)?;
    let extra = &values.extra_block_data;
    same("checkpoint state", &extra.checkpoint_state_trie_root, &batch.checkpoint_state_trie_root)?;
    same("checkpoint hashes", &extra.checkpoint_consolidated_hash, &batch.checkpoint_consolidated_hash)?;
    same("transactions", &extra.txn_number_before, &batch.txn_number_before)?;
    let after = batch.txn_number_before.saturating_add(U256::from(batch.signed_txns.len()));
    same("transactions", &extra.txn_number_after, &after)?;
    same("gas", &extra.gas_used_before, &batch.gas_used_before)?;
    same("gas", &extra.gas_used_after, &batch.gas_used_after)?;
    same("segment's begin", &values.registers_before, &input.ends.before)?;
    same("segment's end", &values.registers_after, &input.ends.after)
}

/// The registers that a batch begins with.
fn initial() -> RegistersData {
    RegistersData { program_counter: kernel::main_label().into(), is_kernel: U256::one(), ..RegistersData::default() }
}

/// Whether the last cycle of the batch is behind it.
pub(crate) fn is_whole(values: &PublicValues) -> Checked {
    same("segment", &(values.registers_before == initial()), &true)?;
    same("last segment", &values.registers_after.program_counter, &kernel::halt_label().into())
}

/// The values of two neighbouring parts of a batch together.
///
/// # Errors
/// The first value by which they are no neighbours.
pub(crate) fn join_segments(left: &PublicValues, right: &PublicValues) -> Result<PublicValues, VerifyError> {
    same("block metadata", &right.block_metadata, &left.block_metadata)?;
    same("block hashes", &right.block_hashes, &left.block_hashes)?;
    same("state before", &right.trie_roots_before, &left.trie_roots_before)?;
    same("roots after", &right.trie_roots_after, &left.trie_roots_after)?;
    same("transactions and gas", &right.extra_block_data, &left.extra_block_data)?;
    same("registers between", &right.registers_before, &left.registers_after)?;
    same("memory between", &right.mem_before, &left.mem_after)?;
    Ok(PublicValues {
        registers_before: left.registers_before.clone(),
        mem_before: left.mem_before.clone(),
        ..right.clone()
    })
}

/// The values of two neighbouring parts of a block together. Registers and memory are the right one's.
///
/// # Errors
/// The first value by which they are no neighbours.
pub(crate) fn join_batches(left: &PublicValues, right: &PublicValues) -> Result<PublicValues, VerifyError> {
    same("block metadata", &right.block_metadata, &left.block_metadata)?;
    same("block hashes", &right.block_hashes, &left.block_hashes)?;
    same("roots between", &right.trie_roots_before, &left.trie_roots_after)?;
    let (from, to) = (&left.extra_block_data, &right.extra_block_data);
    same("checkpoint state", &to.checkpoint_state_trie_root, &from.checkpoint_state_trie_root)?;
    same("checkpoint hashes", &to.checkpoint_consolidated_hash, &from.checkpoint_consolidated_hash)?;
    same("transactions between", &to.txn_number_before, &from.txn_number_after)?;
    same("gas between", &to.gas_used_before, &from.gas_used_after)?;
    let mut values = right.clone();
    values.trie_roots_before = left.trie_roots_before.clone();
    values.extra_block_data.txn_number_before = from.txn_number_before;
    values.extra_block_data.gas_used_before = from.gas_used_before;
    Ok(values)
}

/// The values of a block on top of the one before it, or of its checkpoint.
///
/// # Errors
/// The first value by which it does not stand there.
pub(crate) fn block(whole: &PublicValues, previous: Option<&PublicValues>) -> Result<PublicValues, VerifyError> {
    let extra = &whole.extra_block_data;
    same("first transaction", &extra.txn_number_before, &U256::zero())?;
    same("gas", &extra.gas_used_before, &U256::zero())?;
    same("gas", &extra.gas_used_after, &whole.block_metadata.block_gas_used)?;
    let mut values = whole.clone();
    match previous {
        None => same("checkpoint state", &whole.trie_roots_before.state_root, &extra.checkpoint_state_trie_root)?,
        Some(before) => {
            let number = before.block_metadata.block_number.saturating_add(U256::one());
            same("block number", &whole.block_metadata.block_number, &number)?;
            same("state between", &whole.trie_roots_before.state_root, &before.trie_roots_after.state_root)?;
            let known = &before.extra_block_data;
            same("checkpoint state", &extra.checkpoint_state_trie_root, &known.checkpoint_state_trie_root)?;
            same("checkpoint hashes", &extra.checkpoint_consolidated_hash, &known.checkpoint_consolidated_hash)?;
            let mut hashes = before.block_hashes.prev_hashes.clone();
            hashes.push(before.block_hashes.cur_hash);
            same("block hashes", &whole.block_hashes.prev_hashes[..], &hashes[1..])?;
            values.trie_roots_before = before.trie_roots_before.clone();
        }
    }
    Ok(values)
}

/// Whether a proof's values are those that its children make.
pub(crate) fn follows(values: &PublicValues, expected: &PublicValues) -> Checked {
    same("block metadata", &values.block_metadata, &expected.block_metadata)?;
    same("block hashes", &values.block_hashes, &expected.block_hashes)?;
    same("roots before", &values.trie_roots_before, &expected.trie_roots_before)?;
    same("roots after", &values.trie_roots_after, &expected.trie_roots_after)?;
    same("transactions, gas and checkpoint", &values.extra_block_data, &expected.extra_block_data)?;
    same("registers before", &values.registers_before, &expected.registers_before)?;
    same("registers after", &values.registers_after, &expected.registers_after)?;
    same("memory before", &values.mem_before, &expected.mem_before)?;
    same("memory after", &values.mem_after, &expected.mem_after)
}

/// Says which table does not fit.
pub(crate) fn table_name(index: usize) -> &'static str {
    Table::ALL.get(index).map_or("unknown", |table| table.name())
}
