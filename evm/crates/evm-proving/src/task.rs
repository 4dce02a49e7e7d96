//! The inputs of the four kinds of task, as bytes. The same input is always the same bytes, so that asking twice is
//! asking once.

use block_witness::SegmentEnds;
use ethereum_types::H256;
use evm_arithmetization::GenerationInputs;
use evm_arithmetization::generation::TrieInputs;
use plonky2::field::types::{Field64, PrimeField64};
use proving::envelope::{self, FormatTag};
use proving::kind::Kind;
use serde::{Deserialize, Serialize};

use crate::circuits::F;
use crate::error::EvmError;
use crate::recursive::RecursiveProof;
use crate::trie;

const TAG: FormatTag = FormatTag::new(b"EVMT");
const VERSION: u16 = 2;
const WHAT: &str = "this is no task of an Ethereum block";

/// No input is longer.
pub const MAX_INPUT_BYTES: u64 = 64 << 20;

/// A segment has at most 2 to the power of this many cycles.
pub const MAX_CPU_LEN_LOG: u8 = 28;

/// No batch has more segments.
pub const MAX_SEGMENTS: u32 = 1 << 16;

/// What one task is asked to prove.
#[derive(Debug, Clone)]
pub enum TaskInput {
    /// One segment of a batch, which the prover cuts again by itself. It needs nothing.
    Segment(Box<SegmentInput>),
    /// Two neighbouring proofs of segments or aggregations, its two needs; with `dummy`, its one need alone.
    SegmentAggregation {
        /// The batch has one segment only, and is lifted to this level by itself.
        dummy: bool,
    },
    /// Two neighbouring batches or aggregations of them, its two needs.
    BatchAggregation,
    /// A block of one batch aggregation, its first need, on top of the block before it: its second need, or `previous`,
    /// or neither where the block stands on its checkpoint.
    Block {
        /// The proof of the block before, where it comes from a file.
        previous: Option<Box<RecursiveProof>>,
    },
}

/// A segment, by the inputs of its batch and its place.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// The inputs of the whole batch.
    pub batch: GenerationInputs,
    /// The segment's place in the batch, from 0.
    pub index: u32,
    /// A segment is cut before 2 to the power of this many cycles.
    pub max_cpu_len_log: u8,
    /// Where it begins and ends, as the simulation found: no other segment of the batch is an answer.
    pub ends: SegmentEnds,
}

#[derive(Serialize, Deserialize)]
enum Wire {
    Segment(Box<SegmentWire>),
    SegmentAggregation { dummy: bool },
    BatchAggregation,
    Block { previous: Option<Vec<u8>> },
}

#[derive(Serialize, Deserialize)]
struct SegmentWire {
    index: u32,
    max_cpu_len_log: u8,
    ends: SegmentEnds,
    /// The state trie, those of transactions and receipts, then the storage tries.
    tries: Vec<u8>,
    /// Whose storage tries they are.
    accounts: Vec<[u8; 32]>,
    /// Code by its hash, sorted: the library keeps it in a map without order.
    code: Vec<([u8; 32], Vec<u8>)>,
    /// All other inputs.
    rest: GenerationInputs,
}

/// The input of a segment's task; `ends` are those of its [`SegmentShape`](block_witness::SegmentShape).
///
/// # Errors
/// [`EvmError::Malformed`] and [`EvmError::TooLarge`] where no prover would take it.
pub fn segment_input(
    batch: &GenerationInputs,
    index: u32,
    max_cpu_len_log: u8,
    ends: &SegmentEnds,
) -> Result<Vec<u8>, EvmError> {
    check_segment(index, max_cpu_len_log, batch)?;
    let TrieInputs { state_trie, transactions_trie, receipts_trie, storage_tries } = &batch.tries;
    let mut tries = Vec::new();
    let storage = storage_tries.iter().map(|(_, trie)| trie);
    for one in [state_trie, transactions_trie, receipts_trie].into_iter().chain(storage) {
        trie::write(one, &mut tries).map_err(|reason| EvmError::malformed(WHAT, reason))?;
    }
    let mut code: Vec<_> = batch.contract_code.iter().map(|(hash, code)| (hash.0, code.clone())).collect();
    code.sort();
    // Cheap: whatever is large is not in it.
    let rest = GenerationInputs {
        txn_number_before: batch.txn_number_before,
        gas_used_before: batch.gas_used_before,
        gas_used_after: batch.gas_used_after,
        signed_txns: batch.signed_txns.clone(),
        burn_addr: batch.burn_addr,
        withdrawals: batch.withdrawals.clone(),
        tries: TrieInputs::default(),
        trie_roots_after: batch.trie_roots_after.clone(),
        checkpoint_state_trie_root: batch.checkpoint_state_trie_root,
        checkpoint_consolidated_hash: batch.checkpoint_consolidated_hash,
        contract_code: Default::default(),
        block_metadata: batch.block_metadata.clone(),
        block_hashes: batch.block_hashes.clone(),
        ger_data: batch.ger_data,
    };
    let accounts = storage_tries.iter().map(|(account, _)| account.0).collect();
    let ends = ends.clone();
    let wire = SegmentWire { index, max_cpu_len_log, ends, tries, accounts, code, rest };
    let bytes = sealed(&Wire::Segment(Box::new(wire)));
    let (length, limit) = (bytes.len() as u64, MAX_INPUT_BYTES + envelope::OVERHEAD as u64);
    if length > limit {
        return Err(EvmError::TooLarge { what: "the input of a segment", bytes: length, limit });
    }
    Ok(bytes)
}

/// The input of a task that joins two neighbouring proofs of segments or, with `dummy`, lifts the only one of a batch.
pub fn segment_aggregation_input(dummy: bool) -> Vec<u8> {
    sealed(&Wire::SegmentAggregation { dummy })
}

/// The input of a task that joins two neighbouring batches.
pub fn batch_aggregation_input() -> Vec<u8> {
    sealed(&Wire::BatchAggregation)
}

/// The input of a block's task. The proof of the block before it is given here where it comes from a file; where it is
/// a task's, that task is the block's second need, and nothing is given here.
pub fn block_input(previous: Option<&RecursiveProof>) -> Vec<u8> {
    sealed(&Wire::Block { previous: previous.map(RecursiveProof::to_bytes) })
}

fn sealed(wire: &Wire) -> Vec<u8> {
    envelope::seal(TAG, VERSION, &postcard::to_stdvec(wire).expect("a task is plain data"))
}

impl TaskInput {
    /// Reads an input.
    ///
    /// # Errors
    /// [`EvmError::Envelope`] and [`EvmError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvmError> {
        let body = envelope::open(bytes, TAG, VERSION, MAX_INPUT_BYTES).map_err(EvmError::envelope(WHAT))?;
        let (wire, rest) = postcard::take_from_bytes::<Wire>(body).map_err(|error| EvmError::malformed(WHAT, error))?;
        if !rest.is_empty() {
            return Err(EvmError::malformed(WHAT, "there is more behind its end"));
        }
        Ok(match wire {
            Wire::Segment(segment) => Self::Segment(Box::new(read_segment(*segment)?)),
            Wire::SegmentAggregation { dummy } => Self::SegmentAggregation { dummy },
            Wire::BatchAggregation => Self::BatchAggregation,
            Wire::Block { previous } => {
                let previous = previous.as_deref().map(RecursiveProof::from_bytes).transpose()?;
                Self::Block { previous: previous.map(Box::new) }
            }
        })
    }

    /// The kind of the task.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Segment(_) => Kind::EVM_SEGMENT,
            Self::SegmentAggregation { .. } => Kind::EVM_SEGMENT_AGGREGATION,
            Self::BatchAggregation => Kind::EVM_BATCH_AGGREGATION,
            Self::Block { .. } => Kind::EVM_BLOCK,
        }
    }
}

fn read_segment(wire: SegmentWire) -> Result<SegmentInput, EvmError> {
    let SegmentWire { index, max_cpu_len_log, ends, tries, accounts, code, rest: mut batch } = wire;
    let mut bytes = &tries[..];
    let mut next = || trie::read(&mut bytes).map_err(|reason| EvmError::malformed(WHAT, reason));
    let (state_trie, transactions_trie, receipts_trie) = (next()?, next()?, next()?);
    let storage_tries: Result<_, EvmError> = accounts.into_iter().map(|account| Ok((H256(account), next()?))).collect();
    batch.tries = TrieInputs { state_trie, transactions_trie, receipts_trie, storage_tries: storage_tries? };
    if !bytes.is_empty() {
        return Err(EvmError::malformed(WHAT, "there are more tries than accounts"));
    }
    if !code.is_sorted_by(|(one, _), (next, _)| one < next) || !batch.contract_code.is_empty() {
        return Err(EvmError::malformed(WHAT, "code is not sorted by its hash"));
    }
    batch.contract_code = code.into_iter().map(|(hash, code)| (H256(hash), code)).collect();
    check_segment(index, max_cpu_len_log, &batch)?;
    Ok(SegmentInput { batch, index, max_cpu_len_log, ends })
}

fn check_segment(index: u32, max_cpu_len_log: u8, batch: &GenerationInputs) -> Result<(), EvmError> {
    let wrong = |reason: String| Err(EvmError::malformed(WHAT, reason));
    if !(5..=MAX_CPU_LEN_LOG).contains(&max_cpu_len_log) {
        return wrong(format!("the longest segment is 2^5 to 2^{MAX_CPU_LEN_LOG} cycles, not 2^{max_cpu_len_log}"));
    }
    if index >= MAX_SEGMENTS {
        return wrong(format!("a batch has at most {MAX_SEGMENTS} segments, there is none of index {index}"));
    }
    let hashes = batch.block_hashes.prev_hashes.len();
    if hashes != 256 {
        return wrong(format!("a block has 256 hashes of blocks before it, not {hashes}"));
    }
    if batch.checkpoint_consolidated_hash.iter().any(|element| element.to_noncanonical_u64() >= F::ORDER) {
        return wrong("the checkpoint's consolidated hash is not four elements of the field".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch() -> GenerationInputs {
        let mut batch = GenerationInputs { signed_txns: vec![vec![2, 3]], ..Default::default() };
        for byte in 0..20u8 {
            batch.contract_code.insert(H256([byte; 32]), vec![byte; usize::from(byte)]);
        }
        batch
    }

    fn segment_input(batch: &GenerationInputs, index: u32, log: u8) -> Result<Vec<u8>, EvmError> {
        let mut ends = SegmentEnds::default();
        ends.after.gas_used = 7.into();
        super::segment_input(batch, index, log, &ends)
    }

    #[test]
    fn a_segment_reads_back_and_is_the_same_bytes_every_time() {
        let bytes = segment_input(&batch(), 3, 19).unwrap();
        for _ in 0..4 {
            assert_eq!(segment_input(&batch(), 3, 19).unwrap(), bytes);
        }
        let TaskInput::Segment(segment) = TaskInput::from_bytes(&bytes).unwrap() else { panic!("a segment") };
        assert_eq!((segment.index, segment.max_cpu_len_log), (3, 19));
        assert_eq!(segment.ends.after.gas_used, 7.into());
        assert_eq!(segment.batch.contract_code, batch().contract_code);
        assert_eq!(segment_input(&segment.batch, 3, 19).unwrap(), bytes);
        assert_ne!(segment_input(&batch(), 4, 19).unwrap(), bytes);
    }

    #[test]
    fn the_other_kinds_read_back() {
        let kinds = [
            (segment_aggregation_input(true), Kind::EVM_SEGMENT_AGGREGATION),
            (batch_aggregation_input(), Kind::EVM_BATCH_AGGREGATION),
            (block_input(None), Kind::EVM_BLOCK),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(TaskInput::from_bytes(&bytes).unwrap().kind(), kind);
        }
        assert_ne!(segment_aggregation_input(true), segment_aggregation_input(false));
    }

    #[test]
    fn what_no_prover_takes_is_not_written() {
        assert!(segment_input(&batch(), 0, 4).is_err());
        assert!(segment_input(&batch(), MAX_SEGMENTS, 19).is_err());
        let mut few = batch();
        few.block_hashes.prev_hashes.pop();
        let error = segment_input(&few, 0, 19).unwrap_err().to_string();
        assert!(error.ends_with("a block has 256 hashes of blocks before it, not 255"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400), sort in 0u8..5) {
            let sealed = envelope::seal(TAG, VERSION, &[vec![sort], body].concat());
            let _ = TaskInput::from_bytes(&sealed);
        }

        #[test]
        fn a_changed_byte_behind_a_good_checksum_does_not_make_it_panic(at: prop::sample::Index, byte: u8) {
            let bytes = segment_input(&batch(), 0, 19).unwrap();
            let mut body = envelope::open(&bytes, TAG, VERSION, MAX_INPUT_BYTES).unwrap().to_vec();
            *at.get_mut(&mut body) = byte;
            let _ = TaskInput::from_bytes(&envelope::seal(TAG, VERSION, &body));
        }
    }
}
