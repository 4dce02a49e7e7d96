//! The public inputs that a task's input and needs ask for, so that a good proof of something else is
//! refused.

use proving::error::VerifyError;
use rollup::public::{InnerPublic, RollupPublic};
use rollup::shape::Shape;

use crate::family::EMPTY_SLOT;
use crate::id::CircuitId;
use crate::plonk::F;
use crate::proof_file;
use crate::witness_file::Witness;

/// The public inputs of the proof that was asked for.
pub(crate) fn public_inputs(
    circuit: CircuitId,
    shape: Shape,
    input: &[u8],
    needs: &[&[u8]],
) -> Result<Vec<F>, VerifyError> {
    let input_error = |reason: String| VerifyError::new("input", reason);
    match circuit {
        CircuitId::Padding => Ok(EMPTY_SLOT.to_vec()),
        CircuitId::Wrap | CircuitId::RootVerifier => match needs {
            [need] => claimed(need),
            _ => Err(input_error(format!("{circuit} takes one proof"))),
        },
        CircuitId::JoinSplit | CircuitId::Account | CircuitId::Inner | CircuitId::Outer => {
            match Witness::from_bytes(input).map_err(|error| input_error(error.to_string()))? {
                Witness::JoinSplit(witness) => Ok(witness.public.limbs().to_vec()),
                Witness::Account(witness) => Ok(witness.public.limbs().to_vec()),
                Witness::Inner(witness) => Ok(InnerPublic::expected(&witness).limbs().to_vec()),
                Witness::Outer(witness) => {
                    let inners = needs
                        .iter()
                        .map(|need| {
                            InnerPublic::from_limbs(&claimed(need)?).map_err(|error| input_error(error.to_string()))
                        })
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(RollupPublic::expected(&witness, &inners, shape).limbs().to_vec())
                }
            }
        }
    }
}

fn claimed(need: &[u8]) -> Result<Vec<F>, VerifyError> {
    proof_file::open(need)
        .and_then(|file| file.claimed_public_inputs())
        .map_err(|error| VerifyError::new("input", error.to_string()))
}
