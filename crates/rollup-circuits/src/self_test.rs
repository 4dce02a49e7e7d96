//! Whether this machine proves right: a small circuit is proved and verified, and its proof refused for other
//! public inputs. A worker does it before it takes tasks, so that a broken vector unit, library or build is found
//! before it costs a fleet its time.

use plonky2::field::types::Field;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::witness::WitnessWrite;
use proving::error::ProveError;

use crate::circuit::build;
use crate::config::STANDARD;
use crate::id::CircuitId;
use crate::plonk::F;
use crate::switches::Switches;

/// Hashes in the circuit: enough for several rows of each kind of gate, few enough for a fraction of a second.
const HASHES: usize = 40;

/// Proves and verifies.
///
/// # Errors
/// [`ProveError::Worker`] with the step that went wrong.
pub fn self_test() -> Result<(), ProveError> {
    let wrong = |step: &str, error: &dyn std::fmt::Display| {
        ProveError::worker(format!("the self-test failed, this machine proves nothing right: {step}: {error}"))
    };
    let config = STANDARD.config(false);
    let circuit = build(CircuitId::Padding, config, &Switches::default(), usize::MAX, |cx| {
        let start = cx.b.add_virtual_targets(4);
        let mut state = start.clone();
        for _ in 0..HASHES {
            state = cx.b.hash_n_to_hash_no_pad::<PoseidonHash>(state).elements.to_vec();
        }
        cx.b.register_public_inputs(&state);
        start
    })
    .map_err(|error| wrong("building", &error))?;
    let proof = circuit.prove(|start, witness| {
        for (index, target) in start.iter().enumerate() {
            witness.set_target(*target, F::from_canonical_u64(index as u64 + 1))?;
        }
        Ok(())
    });
    let mut proof = proof.map_err(|error| wrong("proving", &error))?;
    circuit.data.verify(proof.clone()).map_err(|error| wrong("verifying", &error))?;
    proof.public_inputs[0] += F::ONE;
    match circuit.data.verify(proof) {
        Ok(()) => Err(wrong("refusing", &"a proof was taken for other public inputs")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sound_machine_passes() {
        super::self_test().unwrap();
    }
}
