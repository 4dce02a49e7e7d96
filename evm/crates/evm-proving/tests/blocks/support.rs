//! Blocks to prove without any witness: nothing happens in them but the system call of EIP-4788, on a state that holds
//! its contract alone. And a way through all tasks of a block.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use block_witness::{SegmentShape, Table};
use ethereum_types::{Address, BigEndianHash, H256, U256};
use evm_arithmetization::generation::TrieInputs;
use evm_arithmetization::proof::{BlockHashes, BlockMetadata, EMPTY_CONSOLIDATED_BLOCKHASH, TrieRoots};
use evm_arithmetization::testing_utils::{
    beacon_roots_account_nibbles, beacon_roots_contract_from_storage, preinitialized_state_and_storage_tries,
    update_beacon_roots_account_storage,
};
use evm_arithmetization::{Field, GenerationInputs};
use mpt_trie::partial_trie::{HashedPartialTrie, PartialTrie};
use plonky2::field::types::Field as _;
use proving::context::ProveContext;
use proving::envelope;
use proving::error::VerifyError;
use proving::kind::Kind;
use proving::prover::{Proof, Prover, Verifier};

use evm_proving::provers::{EvmProver, provers};
use evm_proving::verifiers::{EvmVerifier, verifiers};
use evm_proving::{CircuitConfig, CircuitStore, Part, Preset, Security, task};

/// The longest segment, as in all tests.
pub(crate) const MAX_CPU_LEN_LOG: u8 = 20;

pub(crate) const CHAIN_ID: u64 = 1;

/// A block in two batches.
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) hash: H256,
    pub(crate) batches: [GenerationInputs; 2],
    pub(crate) checkpoint: H256,
    pub(crate) state_root: H256,
}

/// Blocks 1 and up of a chain whose checkpoint is block 0.
pub(crate) fn chain(length: u64) -> Vec<Block> {
    let (mut state, mut storage) = preinitialized_state_and_storage_tries().unwrap();
    let checkpoint = state.hash();
    let mut hashes = vec![H256::zero(); 256];
    let mut blocks = Vec::new();
    for number in 1..=length {
        let metadata = BlockMetadata {
            block_beneficiary: Address::repeat_byte(0xbe),
            block_timestamp: (1000 + 12 * number).into(),
            block_number: number.into(),
            block_random: H256::from_uint(&number.into()),
            block_gaslimit: 30_000_000.into(),
            block_chain_id: CHAIN_ID.into(),
            block_base_fee: 10.into(),
            ..Default::default()
        };
        let (before, storage_before) = (state.clone(), storage.clone());
        let account = &mut storage[0].1;
        update_beacon_roots_account_storage(account, metadata.block_timestamp, metadata.parent_beacon_block_root)
            .unwrap();
        let contract = rlp_of(account);
        state.insert(beacon_roots_account_nibbles(), contract).unwrap();
        let hash = H256::from_uint(&(U256::from(number) << 200));
        let batch = |state_trie: &HashedPartialTrie, storage_tries: &[(H256, HashedPartialTrie)]| {
            let tries = TrieInputs {
                state_trie: state_trie.clone(),
                storage_tries: storage_tries.to_vec(),
                ..Default::default()
            };
            GenerationInputs {
                trie_roots_after: TrieRoots {
                    state_root: state.hash(),
                    transactions_root: tries.transactions_trie.hash(),
                    receipts_root: tries.receipts_trie.hash(),
                },
                tries,
                checkpoint_state_trie_root: checkpoint,
                checkpoint_consolidated_hash: EMPTY_CONSOLIDATED_BLOCKHASH.map(Field::from_canonical_u64),
                block_metadata: metadata.clone(),
                block_hashes: BlockHashes { prev_hashes: hashes.clone(), cur_hash: hash },
                ..Default::default()
            }
        };
        let batches = [batch(&before, &storage_before), batch(&state, &storage)];
        blocks.push(Block { number, hash, batches, checkpoint, state_root: state.hash() });
        hashes.remove(0);
        hashes.push(hash);
    }
    blocks
}

fn rlp_of(storage: &HashedPartialTrie) -> Vec<u8> {
    rlp::encode(&beacon_roots_contract_from_storage(storage)).to_vec()
}

/// A prover and a verifier of each kind.
pub(crate) struct Family {
    pub(crate) provers: Vec<EvmProver>,
    pub(crate) verifiers: Vec<EvmVerifier>,
}

/// A task that was proved.
#[derive(Clone)]
pub(crate) struct Done {
    pub(crate) input: Vec<u8>,
    pub(crate) needs: Vec<Vec<u8>>,
    pub(crate) proof: Proof,
}

impl Family {
    /// Proves a task and checks the proof.
    pub(crate) fn done(&self, kind: Kind, input: Vec<u8>, needs: &[&Done]) -> Done {
        let needs: Vec<Vec<u8>> = needs.iter().map(|need| need.proof.bytes().to_vec()).collect();
        let slices: Vec<&[u8]> = needs.iter().map(|need| &need[..]).collect();
        let prover = self.provers.iter().find(|prover| Prover::kind(*prover) == kind).unwrap();
        let began = Instant::now();
        let proof = prover.prove(&input, &slices, &ProveContext::default()).unwrap();
        println!("{kind}: {:.1} s, {} bytes", began.elapsed().as_secs_f64(), proof.bytes().len());
        let done = Done { input, needs, proof };
        self.verify(&done, &done.proof).unwrap();
        done
    }

    /// Checks a proof as the answer to a task.
    pub(crate) fn verify(&self, task: &Done, proof: &Proof) -> Result<(), VerifyError> {
        let needs: Vec<&[u8]> = task.needs.iter().map(|need| &need[..]).collect();
        let kind = task.proof.kind();
        self.verifiers.iter().find(|verifier| verifier.kind() == *kind).unwrap().verify(&task.input, &needs, proof)
    }

    /// All tasks of a block whose batches have one segment each, the block last.
    pub(crate) fn block(&self, block: &Block, previous: Option<&Done>) -> Vec<Done> {
        let mut all = Vec::new();
        for batch in &block.batches {
            let segment = self.segments(batch, MAX_CPU_LEN_LOG).remove(0);
            let lifted = self.done(Kind::EVM_SEGMENT_AGGREGATION, task::segment_aggregation_input(true), &[&segment]);
            all.extend([segment, lifted]);
        }
        let whole = self.done(Kind::EVM_BATCH_AGGREGATION, task::batch_aggregation_input(), &[&all[1], &all[3]]);
        let needs: Vec<&Done> = [Some(&whole), previous].into_iter().flatten().collect();
        let done = self.done(Kind::EVM_BLOCK, task::block_input(None), &needs);
        all.extend([whole, done]);
        all
    }

    /// All tasks of a block of any shape, aggregated from the left: the block's, last of all.
    pub(crate) fn block_of(&self, batches: &[GenerationInputs], log: u8) -> Done {
        let batches: Vec<Done> = batches.iter().map(|batch| self.batch(batch, log)).collect();
        let whole = batches[1..].iter().fold(batches[0].clone(), |left, right| {
            self.done(Kind::EVM_BATCH_AGGREGATION, task::batch_aggregation_input(), &[&left, right])
        });
        self.done(Kind::EVM_BLOCK, task::block_input(None), &[&whole])
    }

    /// All tasks of a batch, the one that stands for the whole of it last.
    pub(crate) fn batch(&self, batch: &GenerationInputs, log: u8) -> Done {
        let segments: Vec<Done> = self.segments(batch, log);
        let dummy = segments.len() == 1;
        let lifted =
            |needs: &[&Done]| self.done(Kind::EVM_SEGMENT_AGGREGATION, task::segment_aggregation_input(dummy), needs);
        match &segments[..] {
            [only] => lifted(&[only]),
            [first, rest @ ..] => rest.iter().fold(first.clone(), |left, right| lifted(&[&left, right])),
            [] => panic!("a batch has a segment"),
        }
    }

    /// Every segment of a batch.
    pub(crate) fn segments(&self, batch: &GenerationInputs, log: u8) -> Vec<Done> {
        let shapes = block_witness::simulate(batch, 0, usize::from(log)).unwrap();
        let input = |shape: &SegmentShape| task::segment_input(batch, shape.index as u32, log, &shape.ends).unwrap();
        shapes.iter().map(|shape| self.done(Kind::EVM_SEGMENT, input(shape), &[])).collect()
    }
}

/// The folder of circuits that all tests share.
pub(crate) fn store() -> CircuitStore {
    CircuitStore::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("evm-circuits"))
}

/// Circuits of these ranges, in the insecure test configuration.
pub(crate) fn config(ranges: &str) -> CircuitConfig {
    CircuitConfig::new(ranges.parse().unwrap(), Security::InsecureTest)
}

/// Just the ranges that these batches take. A table that no segment has still has circuits.
pub(crate) fn fitting(batches: &[GenerationInputs], log: u8) -> CircuitConfig {
    let mut ranges = Preset::Empty.ranges();
    let shape = |(place, batch)| block_witness::simulate(batch, place, usize::from(log)).unwrap();
    let shapes: Vec<_> = batches.iter().enumerate().flat_map(shape).collect();
    for table in Table::ALL {
        let sizes = || shapes.iter().filter_map(|shape| shape.sizes[table.index()]);
        if let (Some(least), Some(most)) = (sizes().min(), sizes().max()) {
            ranges = ranges.with(table, least..most + 1).unwrap();
        }
    }
    println!("ranges: {ranges}");
    CircuitConfig::new(ranges, Security::InsecureTest)
}

/// Everything to prove and check with.
pub(crate) fn family(config: &CircuitConfig) -> Family {
    let began = Instant::now();
    let circuits = store().circuits(config, Part::All).unwrap();
    println!("circuits: {:.1} s", began.elapsed().as_secs_f64());
    Family { provers: provers(&circuits), verifiers: verifiers(&Arc::new(circuits.key().clone())) }
}

/// The bytes with one changed, at about `count` places: all of the beginning, and then every so many.
pub(crate) fn flips(bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
    let step = (bytes.len() / count).max(1);
    let places = (0..bytes.len().min(count / 4)).chain((0..bytes.len()).skip(count / 4).step_by(step));
    let flipped = |at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    places.map(flipped).collect()
}

/// The same within an envelope whose checksum is made right again: what only a verifier finds.
pub(crate) fn resealed_flips(sealed: &[u8], count: usize) -> Vec<Vec<u8>> {
    let header = envelope::header(sealed).unwrap();
    let body = envelope::open(sealed, header.tag, header.version, header.length).unwrap();
    flips(body, count).iter().map(|body| envelope::seal(header.tag, header.version, body)).collect()
}
