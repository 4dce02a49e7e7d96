//! Cuts one segment out of its batch again, by running the batch up to it.

use evm_arithmetization::{GenerationSegmentData, SegmentDataIterator, TrimmedGenerationInputs};
use proving::context::ProveContext;
use proving::error::ProveError;

use crate::circuits::F;
use crate::guard::{deep, shortened};
use crate::task::SegmentInput;

/// The data of the segment. Running is exact and the same everywhere, so whatever fails here has no proof.
pub(crate) fn cut(
    input: &SegmentInput,
    context: &ProveContext,
) -> Result<(TrimmedGenerationInputs, GenerationSegmentData), ProveError> {
    deep(|| run(input, context)).unwrap_or_else(|reason| Err(does_not_run(&reason)))
}

fn run(
    input: &SegmentInput,
    context: &ProveContext,
) -> Result<(TrimmedGenerationInputs, GenerationSegmentData), ProveError> {
    let length = usize::from(input.max_cpu_len_log);
    let mut segments = SegmentDataIterator::<F>::new(&input.batch, Some(length));
    for index in 0..=input.index {
        context.step("simulation", u64::from(index), u64::from(input.index) + 1)?;
        match segments.next() {
            Some(Ok(segment)) if index == input.index => return Ok(segment),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(does_not_run(&error.inner.message)),
            None => {
                let reason = format!("the batch has {index} segments, there is none of index {}", input.index);
                return Err(ProveError::invalid_input(reason));
            }
        }
    }
    Err(ProveError::invalid_input("the batch has no segments"))
}

fn does_not_run(reason: &str) -> ProveError {
    ProveError::invalid_input(format!("the batch does not run: {}", shortened(reason)))
}
