//! Whether this machine can prove: a program of a few steps on Miden's own machine, proved and checked.

use miden_processor::DefaultHost;
use miden_protocol::Felt;
use miden_protocol::assembly::Assembler;
use miden_protocol::vm::{AdviceInputs, StackInputs, StackOutputs};
use miden_prover::{ExecutionOptions, ProvingOptions};
use proving::error::ProveError;

use crate::at_once;

/// Adds 3 and 4, and leaves nothing else behind.
const PROGRAM: &str = "begin push.3 push.4 add swap drop end";

/// What it leaves.
const SUM: u64 = 7;

/// Proves and checks a trivial program with the machine, the parameters and the hash function of every Miden
/// transaction, and sees to it that a changed output is refused. It takes a fraction of a second.
///
/// # Errors
/// [`ProveError::Worker`]: whatever fails here fails without anybody's input.
pub fn self_test() -> Result<(), ProveError> {
    let program = Assembler::default()
        .assemble_program(PROGRAM)
        .map_err(|report| ProveError::worker("the self-test does not assemble").with_source(report.to_string()))?;
    let stack = StackInputs::default();
    let mut host = DefaultHost::default();
    let proving = miden_prover::prove(
        &program,
        stack,
        AdviceInputs::default(),
        &mut host,
        ExecutionOptions::default(),
        ProvingOptions::default(),
    );
    let (outputs, proof) =
        at_once(proving)?.map_err(|source| ProveError::worker("the self-test does not prove").with_source(source))?;
    if outputs != showing(SUM)? {
        return Err(ProveError::worker("the self-test adds 3 and 4 to something else than 7"));
    }
    let info = program.to_info();
    miden_verifier::verify(info.clone(), stack, outputs, proof.clone())
        .map_err(|source| ProveError::worker("the self-test's own proof does not hold").with_source(source))?;
    match miden_verifier::verify(info, stack, showing(SUM + 1)?, proof) {
        Ok(_) => Err(ProveError::worker("the self-test's proof holds for a wrong output")),
        Err(_) => Ok(()),
    }
}

/// A stack with nothing on it but `top`.
fn showing(top: u64) -> Result<StackOutputs, ProveError> {
    StackOutputs::new(&[Felt::new_unchecked(top)])
        .map_err(|source| ProveError::worker("the self-test's outputs do not fit a stack").with_source(source))
}
