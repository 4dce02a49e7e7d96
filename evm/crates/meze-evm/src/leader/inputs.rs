//! The inputs of a block's tasks, as bytes: the same block is always the same bytes.

use std::sync::Arc;

use block_witness::{DecodedBlock, SegmentEnds, SegmentShape};
use evm_proving::EvmError;
use evm_proving::recursive::RecursiveProof;
use evm_proving::task::{batch_aggregation_input, block_input, segment_aggregation_input, segment_input};
use proving::id::TaskId;

use super::plan::Node;

/// What a block is on top of.
#[derive(Debug, Clone)]
pub enum Before {
    /// Its checkpoint.
    Checkpoint,
    /// A proof from a file.
    Proof(Arc<RecursiveProof>),
    /// A task.
    Task(TaskId),
}

impl Before {
    /// The task, if it is one.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Task(task) => Some(*task),
            Self::Checkpoint | Self::Proof(_) => None,
        }
    }
}

/// The inputs of one block's tasks.
#[derive(Debug)]
pub struct Inputs {
    block: Arc<DecodedBlock>,
    max_cpu_len_log: u8,
    before: Before,
    /// Of the segments of the batches that are simulated.
    ends: Vec<Vec<SegmentEnds>>,
}

impl Inputs {
    /// Those of a block whose segments have at most `2^max_cpu_len_log` cycles.
    pub fn new(block: Arc<DecodedBlock>, max_cpu_len_log: u8, before: Before) -> Self {
        Self { block, max_cpu_len_log, before, ends: Vec::new() }
    }

    /// The next batch, simulated.
    pub fn simulated(&mut self, shapes: &[SegmentShape]) {
        self.ends.push(shapes.iter().map(|shape| shape.ends.clone()).collect());
    }

    /// The input of one task: of a segment when its batch is simulated.
    ///
    /// # Errors
    /// [`EvmError`] where no prover would take it.
    pub fn of(&self, node: Node) -> Result<Vec<u8>, EvmError> {
        match node {
            Node::Segment { batch, segment } => {
                let ends = self.ends.get(batch).and_then(|ends| ends.get(segment));
                self.segment(batch, segment, ends.expect("a segment is asked for when its batch is simulated"))
            }
            Node::Segments { from, to, .. } => Ok(segment_aggregation_input(to - from == 1)),
            Node::Batches { .. } => Ok(batch_aggregation_input()),
            Node::Block => Ok(match &self.before {
                Before::Proof(previous) => block_input(Some(previous)),
                Before::Checkpoint | Before::Task(_) => block_input(None),
            }),
        }
    }

    fn segment(&self, batch: usize, segment: usize, ends: &SegmentEnds) -> Result<Vec<u8>, EvmError> {
        let index = u32::try_from(segment).unwrap_or(u32::MAX);
        segment_input(&self.block.batches[batch], index, self.max_cpu_len_log, ends)
    }

    /// Everything that the tasks are made of: the first segment of each batch has all of the batch in it.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn parts(&self) -> Result<Vec<Vec<u8>>, EvmError> {
        let first = |batch| self.segment(batch, 0, &SegmentEnds::default());
        let mut parts: Vec<Vec<u8>> = (0..self.block.batches.len()).map(first).collect::<Result<_, _>>()?;
        parts.push(self.of(Node::Block)?);
        parts.extend(self.before.task().map(|task| task.as_bytes().to_vec()));
        Ok(parts)
    }
}
