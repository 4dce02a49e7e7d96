//! Cuts one segment out of its batch again, by running the batch up to it.

use evm_arithmetization::{GenerationSegmentData, SegmentDataIterator, TrimmedGenerationInputs};
use proving::context::ProveContext;
use proving::error::ProveError;

use crate::circuits::F;
use crate::guard::guard;
use crate::task::SegmentInput;

/// The data of the segment. Running is exact and the same everywhere, so whatever fails here has no proof.
pub(crate) fn cut(
    input: &SegmentInput,
    context: &ProveContext,
) -> Result<(TrimmedGenerationInputs, GenerationSegmentData), ProveError> {
    let invalid = |reason: String| ProveError::invalid_input(format!("the batch does not run: {reason}"));
    let length = usize::from(input.max_cpu_len_log);
    let mut segments =
        guard(|| Ok::<_, String>(SegmentDataIterator::<F>::new(&input.batch, Some(length)))).map_err(invalid)?;
    for index in 0..=input.index {
        context.step("simulation", u64::from(index), u64::from(input.index) + 1)?;
        let segment = guard(|| segments.next().transpose().map_err(|error| error.inner.message)).map_err(invalid)?;
        match segment {
            Some(segment) if index == input.index => return Ok(segment),
            Some(_) => {}
            None => {
                let reason = format!("the batch has {index} segments, there is none of index {}", input.index);
                return Err(ProveError::invalid_input(reason));
            }
        }
    }
    Err(ProveError::invalid_input("the batch has no segments"))
}
