//! Our own empty blocks, decoded, chained and simulated.

use block_witness::{
    BATCH_SIZE, DecodedBlock, MAX_CPU_LEN_LOG, Previous, Table, TableRanges, WitnessError, check_links, count_segments,
    decode, read, simulate,
};
use serde_json::Value;

use crate::empty_blocks::{FIRST, bytes, chain};

/// What the batches of these blocks take.
pub(crate) const EMPTY: &str = "16..17,8..9,13..14,9..10,8..9,6..8,17..18,16..17,7..8";

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
            shapes[0].check(&EMPTY.parse().unwrap(), block.number, place).unwrap();
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
fn tables_outside_their_ranges_say_which_variables_to_set() {
    let block = decoded_chain(1).remove(0);
    let shape = simulate(&block.batches[1], 1, MAX_CPU_LEN_LOG).unwrap().remove(0);
    let cycles = shape.cycles;
    let fitting: TableRanges = EMPTY.parse().unwrap();
    let said = |ranges: TableRanges| shape.check(&ranges, block.number, 1).unwrap_err().to_string();
    let long = fitting.clone().with(Table::Memory, 15..17).unwrap().with(Table::Cpu, 10..12).unwrap();
    assert_eq!(
        said(long),
        format!(
            "block 7, batch 1, segment 0: table cpu has 2^13 rows, outside the configured 10..12; set \
             CPU_CIRCUIT_SIZE=10..14 MEMORY_CIRCUIT_SIZE=15..18 (--cpu 10..14 --memory 15..18), or make segments \
             shorter with --max-cpu-len-log (this one has {cycles} cycles)"
        )
    );
    assert_eq!(
        said(fitting.with(Table::Memory, 18..20).unwrap()),
        "block 7, batch 1, segment 0: table memory has 2^17 rows, outside the configured 18..20; set \
         MEMORY_CIRCUIT_SIZE=17..20 (--memory 17..20)"
    );
}

#[test]
fn a_batch_that_ends_in_another_state_is_refused_with_its_place() {
    let mut block = decoded_chain(1).remove(0);
    block.batches[1].trie_roots_after.state_root = block.pre_state_root;
    let said = simulate(&block.batches[1], 1, MAX_CPU_LEN_LOG).unwrap_err().to_string();
    assert!(said.starts_with("block 7, batch 1: the simulation failed in segment 0: "), "{said}");
}
