//! Our own empty blocks, decoded, chained and simulated.

use block_witness::{
    BATCH_SIZE, DecodedBlock, MAX_CPU_LEN_LOG, Previous, Table, TableRanges, WitnessError, batch_from_bytes,
    batch_to_bytes, check_links, count_segments, decode, read, simulate,
};
use serde_json::Value;

use crate::empty_blocks::{FIRST, bytes, chain};

fn decoded_chain(count: u64) -> Vec<DecodedBlock> {
    let blocks = read(&bytes(&Value::Array(chain(count)))).unwrap();
    check_links(&blocks, None).unwrap();
    let mut previous: Option<Previous> = None;
    let mut decoded = Vec::new();
    for block in blocks {
        let block = decode(block, previous.as_ref(), BATCH_SIZE).unwrap();
        previous = Some(block.as_previous());
        decoded.push(block);
    }
    decoded
}

#[test]
fn each_block_starts_where_the_one_before_it_ended() {
    let blocks = decoded_chain(3);
    assert_eq!(blocks.iter().map(|block| block.number).collect::<Vec<_>>(), [FIRST, FIRST + 1, FIRST + 2]);
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].pre_state_root, pair[0].post_state_root);
        assert_ne!(pair[1].post_state_root, pair[0].post_state_root);
        assert_eq!(pair[1].checkpoint_state_root, blocks[0].pre_state_root);
        assert_eq!(pair[1].checkpoint_consolidated_hash, blocks[0].checkpoint_consolidated_hash);
        assert_eq!(pair[1].batches.len(), 2);
    }
}

#[test]
fn an_empty_block_fits_the_ranges_of_empty_blocks() {
    for block in decoded_chain(2) {
        for (place, batch) in block.batches.iter().enumerate() {
            let shapes = simulate(batch, place, MAX_CPU_LEN_LOG).unwrap();
            eprintln!("batch {place}: {shapes:?}");
            assert_eq!(shapes.len(), 1);
            shapes[0].check(&TableRanges::empty_block(), block.number, place).unwrap();
            shapes[0].check(&TableRanges::small_block(), block.number, place).unwrap();
            let cpu = shapes[0].sizes[Table::Cpu.index()].unwrap();
            assert!(shapes[0].cycles < 1 << cpu && shapes[0].cycles > 1 << (cpu - 1), "{shapes:?}");
        }
    }
}

#[test]
fn a_batch_is_cut_where_segments_may_be_no_longer() {
    let block = decoded_chain(1).remove(0);
    let whole = simulate(&block.batches[0], 0, MAX_CPU_LEN_LOG).unwrap();
    let cut = simulate(&block.batches[0], 0, 10).unwrap();
    assert!(cut.len() > 2, "{cut:?}");
    assert_eq!(count_segments(&block.batches[0], 0, 10).unwrap(), cut.len());
    assert_eq!(cut.iter().map(|shape| shape.index).collect::<Vec<_>>(), (0..cut.len()).collect::<Vec<_>>());
    assert!(cut.iter().all(|shape| shape.cycles <= 1 << 10 && shape.sizes[Table::Cpu.index()] <= Some(10)));
    assert!(whole[0].cycles > cut[0].cycles);
    for wrong in [0, 6, 33, 64] {
        assert!(matches!(simulate(&block.batches[0], 0, wrong), Err(WitnessError::CpuLength(given)) if given == wrong));
    }
}

#[test]
fn a_table_outside_its_range_says_which_variable_to_set() {
    let block = decoded_chain(1).remove(0);
    let shape = simulate(&block.batches[1], 1, MAX_CPU_LEN_LOG).unwrap().remove(0);
    let size = shape.sizes[Table::Memory.index()].unwrap();
    let fitting = TableRanges::empty_block();
    let small = fitting.clone().with(Table::Memory, size - 2..size).unwrap();
    let said = shape.check(&small, block.number, 1).unwrap_err().to_string();
    assert_eq!(
        said,
        format!(
            "block 7, batch 1, segment 0: table memory has 2^{size} rows, outside the configured {}..{size}; set \
             MEMORY_CIRCUIT_SIZE={}..{} (--memory {}..{}), or make segments shorter with --max-cpu-len-log (this one \
             has {} cycles)",
            size - 2,
            size - 2,
            size + 1,
            size - 2,
            size + 1,
            shape.cycles
        )
    );
    let large = fitting.with(Table::Memory, size + 1..size + 3).unwrap();
    let said = shape.check(&large, block.number, 1).unwrap_err().to_string();
    assert!(said.ends_with(&format!("set MEMORY_CIRCUIT_SIZE={size}..{0} (--memory {size}..{0})", size + 3)), "{said}");
}

#[test]
fn a_batch_is_the_same_bytes_every_time() {
    let (once, again) = (decoded_chain(1).remove(0), decoded_chain(1).remove(0));
    for (batch, same) in once.batches.iter().zip(&again.batches) {
        let bytes = batch_to_bytes(batch);
        assert_eq!(bytes, batch_to_bytes(same));
        let back = batch_from_bytes(&bytes).unwrap();
        assert_eq!(bytes, batch_to_bytes(&back));
        assert_eq!(simulate(&back, 0, MAX_CPU_LEN_LOG).unwrap(), simulate(batch, 0, MAX_CPU_LEN_LOG).unwrap());
        for end in [0, 7, 8, bytes.len() - 1] {
            assert!(matches!(batch_from_bytes(&bytes[..end]), Err(WitnessError::BatchBytes(_))));
        }
        assert!(matches!(batch_from_bytes(&[&bytes[..], b"x"].concat()), Err(WitnessError::BatchBytes(_))));
    }
    assert_ne!(batch_to_bytes(&once.batches[0]), batch_to_bytes(&once.batches[1]));
}

#[test]
fn a_batch_that_ends_in_another_state_is_refused_with_its_place() {
    let mut block = decoded_chain(1).remove(0);
    block.batches[1].trie_roots_after.state_root = block.pre_state_root;
    let said = simulate(&block.batches[1], 1, MAX_CPU_LEN_LOG).unwrap_err().to_string();
    assert!(said.starts_with("block 7, batch 1: the simulation failed in segment 0: "), "{said}");
}
