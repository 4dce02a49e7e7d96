//! What a proof of a block says, against what is expected of it.

use ethereum_types::{H256, U256};
use evm_arithmetization::ConsolidatedHash;
use proving::error::VerifyError;
use serde::Serialize;

use crate::block_proof::BlockProof;
use crate::config::Security;
use crate::key::VerificationKey;
use crate::recursive::{Level, public_values, verify_plonk};

/// What is known of the block from elsewhere. What is not given is not checked, and reported only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The chain that it is of.
    pub chain_id: Option<u64>,
    /// The height of the block; of several proofs, that of the last.
    pub last_block: Option<u64>,
    /// The height of the first of several proofs.
    pub first_block: Option<u64>,
    /// The state root after the block.
    pub state_root: Option<H256>,
    /// The state root that the proved chain of blocks begins with. Without it a proof says that some chain of blocks
    /// exists, and not that it is the one that is meant.
    pub checkpoint_state_root: Option<H256>,
    /// The hash of the block. The circuits carry it along and do not compute it, so this finds a wrong file, no lie.
    pub block_hash: Option<H256>,
    /// Proofs of the insecure test configuration are accepted, though anybody can make them.
    pub allow_insecure: bool,
}

/// What a good proof says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The configuration that it was made under.
    pub security: Security,
    /// The chain.
    pub chain_id: u64,
    /// The height of the block.
    pub block: u64,
    /// The block's hash, as its prover gave it.
    pub block_hash: H256,
    /// The block's gas.
    pub gas_used: u64,
    /// The state root that the proved chain of blocks begins with.
    pub checkpoint_state_root: H256,
    /// The digest of the 256 block hashes at that place, as its prover gave it: the circuits check it for the first
    /// block of the chain only.
    #[serde(skip)]
    pub checkpoint_consolidated_hash: ConsolidatedHash,
    /// The state root after the block.
    pub state_root: H256,
}

/// Checks the proof of one block: first what costs nothing, then the proof itself, then what it says.
///
/// # Errors
/// The first of these checks that fails, by name: `insecure`, `configuration`, `public inputs`, `proof`, `cyclic key`,
/// `height`, `checkpoint`, `chain id`, `last block`, `first block`, `state root`, `checkpoint state root`, `block hash`.
pub fn check(proof: &BlockProof, key: &VerificationKey, expected: &Expectations) -> Result<Report, VerifyError> {
    let security = key.config().security;
    if security == Security::InsecureTest && !expected.allow_insecure {
        let reason = "the key is of the insecure test configuration, under which anybody can make a false proof";
        return Err(VerifyError::new("insecure", reason));
    }
    if proof.security() != security {
        let reason = format!("it says that it is {}, the key is {security}", proof.security());
        return Err(VerifyError::new("configuration", reason));
    }
    verify_plonk(proof.plonk(), Level::Block, key)?;
    let values = public_values(&proof.plonk().public_inputs)?;
    let (metadata, after) = (&values.block_metadata, &values.trie_roots_after);
    let report = Report {
        security,
        chain_id: metadata.block_chain_id.low_u64(),
        block: metadata.block_number.low_u64(),
        block_hash: values.block_hashes.cur_hash,
        gas_used: metadata.block_gas_used.low_u64(),
        checkpoint_state_root: values.extra_block_data.checkpoint_state_trie_root,
        checkpoint_consolidated_hash: values.extra_block_data.checkpoint_consolidated_hash,
        state_root: after.state_root,
    };
    if U256::from(proof.height()) != metadata.block_number {
        let reason = format!("the file says block {}, the proof is of block {}", proof.height(), report.block);
        return Err(VerifyError::new("height", reason));
    }
    if values.trie_roots_before.state_root != report.checkpoint_state_root {
        let reason = format!(
            "the chain begins with the state {:?}, its checkpoint is {:?}",
            values.trie_roots_before.state_root, report.checkpoint_state_root
        );
        return Err(VerifyError::new("checkpoint", reason));
    }
    expect("chain id", &report.chain_id, expected.chain_id.as_ref())?;
    expect("last block", &report.block, expected.last_block.as_ref())?;
    expect("first block", &report.block, expected.first_block.as_ref())?;
    expect("state root", &report.state_root, expected.state_root.as_ref())?;
    expect("checkpoint state root", &report.checkpoint_state_root, expected.checkpoint_state_root.as_ref())?;
    expect("block hash", &report.block_hash, expected.block_hash.as_ref())?;
    Ok(report)
}

/// Checks the proofs of consecutive blocks of one chain: each by itself, and that they follow one another. What is
/// expected of state and hash is expected of the last.
///
/// # Errors
/// As [`check`], and `sequence` where two of them do not follow one another.
pub fn check_all(
    proofs: &[BlockProof],
    key: &VerificationKey,
    expected: &Expectations,
) -> Result<Vec<Report>, VerifyError> {
    if proofs.is_empty() {
        return Err(VerifyError::new("sequence", "there is no proof"));
    }
    let mut reports: Vec<Report> = Vec::with_capacity(proofs.len());
    for (at, proof) in proofs.iter().enumerate() {
        let mut one = expected.clone();
        if at > 0 {
            one.first_block = None;
        }
        if at + 1 < proofs.len() {
            (one.last_block, one.state_root, one.block_hash) = (None, None, None);
        }
        let report = check(proof, key, &one)?;
        if let Some(before) = reports.last() {
            follows(before, &report)?;
        }
        reports.push(report);
    }
    Ok(reports)
}

fn follows(before: &Report, report: &Report) -> Result<(), VerifyError> {
    let wrong = |what: &str| {
        let reason = format!("block {} does not follow block {} in the file: {what}", report.block, before.block);
        Err(VerifyError::new("sequence", reason))
    };
    if before.block.checked_add(1) != Some(report.block) {
        return wrong("blocks must be consecutive, the lowest first");
    }
    if before.chain_id != report.chain_id {
        return wrong("they are of different chains");
    }
    if ![before.checkpoint_state_root, before.state_root].contains(&report.checkpoint_state_root) {
        return wrong("it begins neither with the same checkpoint nor with the state that the other leads to");
    }
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Debug>(
    check: &'static str,
    found: &T,
    expected: Option<&T>,
) -> Result<(), VerifyError> {
    match expected {
        Some(expected) if expected != found => {
            Err(VerifyError::new(check, format!("{expected:?} was expected, the proof says {found:?}")))
        }
        _ => Ok(()),
    }
}
