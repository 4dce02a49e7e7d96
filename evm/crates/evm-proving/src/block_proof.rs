//! Proofs of blocks as files, in the shape that the zero line gave them: `[{"b_height": …, "intern": {"proof": …,
//! "public_inputs": […]}}]`. A proof of the insecure test configuration has one field more, which says so; and numbers
//! above 2^53 are strings of digits (see `exact`), where the zero line wrote numbers, which are read, too.

use std::path::Path;

use proving::statement::KeyDigest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::circuits::PlonkProof;
use crate::config::Security;
use crate::error::EvmError;
use crate::exact;
use crate::key::VerificationKey;
use crate::recursive::{Level, RecursiveProof, public_values};

const WHAT: &str = "this is no proof of Ethereum blocks, as JSON {\"b_height\", \"intern\"} or a list of such";

/// No file of proofs is longer.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// No file has more proofs.
pub const MAX_PROOFS: usize = 128;

/// A proof of a block and of all blocks between its checkpoint and itself, unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockProof {
    /// The height of the block.
    b_height: u64,
    /// The proof itself.
    intern: PlonkProof,
    /// The configuration, where it is not the standard one.
    #[serde(default = "standard", skip_serializing_if = "is_standard")]
    configuration: Security,
}

fn standard() -> Security {
    Security::Standard
}

fn is_standard(security: &Security) -> bool {
    *security == Security::Standard
}

impl BlockProof {
    /// The proof that a task of the kind `evm.block` made, as a file has it.
    ///
    /// # Errors
    /// [`EvmError::Malformed`] where it is of another level, and [`EvmError::OtherCircuits`] where it was not made
    /// under `key`.
    pub fn of(proof: &RecursiveProof, key: &VerificationKey) -> Result<Self, EvmError> {
        if proof.level() != Level::Block {
            return Err(EvmError::malformed(WHAT, format!("it is a proof of {}", proof.level())));
        }
        same_circuits(key.fingerprint(), proof.fingerprint())?;
        let values = public_values(&proof.proof.public_inputs).map_err(|error| EvmError::malformed(WHAT, error))?;
        let b_height = values.block_metadata.block_number.low_u64();
        Ok(Self { b_height, intern: proof.proof.clone(), configuration: key.config().security })
    }

    /// The same proof as the bytes of tasks have it: what the next block's task takes. It is as unchecked as before;
    /// files do not say their circuits, so `key` does.
    pub fn to_recursive(&self, key: &VerificationKey) -> RecursiveProof {
        RecursiveProof::new(Level::Block, key.fingerprint(), self.intern.clone())
    }

    /// The height that it claims.
    pub fn height(&self) -> u64 {
        self.b_height
    }

    /// The configuration that it claims.
    pub fn security(&self) -> Security {
        self.configuration
    }

    /// The state root that it claims to lead to, if its public inputs can be read.
    pub fn claimed_state_root(&self) -> Option<ethereum_types::H256> {
        public_values(&self.intern.public_inputs).ok().map(|values| values.trie_roots_after.state_root)
    }

    /// The hash of the block that it claims to be of, if its public inputs can be read.
    pub fn claimed_block_hash(&self) -> Option<ethereum_types::H256> {
        public_values(&self.intern.public_inputs).ok().map(|values| values.block_hashes.cur_hash)
    }

    pub(crate) fn plonk(&self) -> &PlonkProof {
        &self.intern
    }

    /// Reads a file of proofs: a list, or one by itself.
    ///
    /// # Errors
    /// [`EvmError::TooLarge`] and [`EvmError::Malformed`].
    pub fn list_from_json(json: &[u8]) -> Result<Vec<Self>, EvmError> {
        let bytes = json.len() as u64;
        if bytes > MAX_FILE_BYTES {
            return Err(EvmError::TooLarge { what: "a file of proofs", bytes, limit: MAX_FILE_BYTES });
        }
        let first = json.iter().find(|byte| !byte.is_ascii_whitespace());
        let malformed = |error: serde_json::Error| EvmError::malformed(WHAT, error);
        let mut value: Value = serde_json::from_slice(json).map_err(malformed)?;
        if exact::is_rounded(&mut value) {
            let reason = "its numbers were rounded to doubles, as jq before 1.7 does: take it as it was written";
            return Err(EvmError::malformed(WHAT, reason));
        }
        exact::restore(&mut value);
        // By hand, so that the error is that of the form which it has.
        let proofs: Vec<Self> = match first {
            Some(b'[') => serde_json::from_value(value).map_err(malformed)?,
            _ => vec![serde_json::from_value(value).map_err(malformed)?],
        };
        match proofs.len() {
            0 => Err(EvmError::malformed(WHAT, "the list is empty")),
            count if count > MAX_PROOFS => {
                Err(EvmError::malformed(WHAT, format!("there are {count} proofs, at most {MAX_PROOFS} are allowed")))
            }
            _ => Ok(proofs),
        }
    }

    /// Reads the file of proofs at `path`.
    ///
    /// # Errors
    /// [`EvmError::Io`], and those of [`Self::list_from_json`].
    pub fn read_list(path: &Path) -> Result<Vec<Self>, EvmError> {
        let io = || EvmError::io("cannot read the proof", path);
        let bytes = std::fs::metadata(path).map_err(io())?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(EvmError::TooLarge { what: "a file of proofs", bytes, limit: MAX_FILE_BYTES });
        }
        Self::list_from_json(&std::fs::read(path).map_err(io())?)
    }

    /// Proofs as a file, in one line. Numbers above 2^53 are strings: tools that know doubles only would round them.
    pub fn list_to_json(proofs: &[Self]) -> Vec<u8> {
        exact::to_json(&proofs).expect("a proof is plain data")
    }
}

pub(crate) fn same_circuits(expected: KeyDigest, found: KeyDigest) -> Result<(), EvmError> {
    if expected == found {
        return Ok(());
    }
    Err(EvmError::OtherCircuits { expected: expected.to_string(), found: found.to_string() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_proof_is_one_clear_error() {
        for json in ["", "[]", "{}", "7", "[{\"b_height\":1}]", "{\"b_height\":1,\"intern\":{},\"more\":1}"] {
            let error = BlockProof::list_from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(WHAT), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[{]?\\PC{0,80}") {
            prop_assert!(BlockProof::list_from_json(text.as_bytes()).is_err());
        }
    }
}
