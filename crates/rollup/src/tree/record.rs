//! The fixed-length record of a store's deployment and state.

use super::TreeError;
use super::store::Committed;
use crate::codec::{Reader, Writer};

/// Bytes that say whose record it is, with a version.
const MAGIC: &[u8; 4] = b"MZS1";

pub(super) fn encode(committed: &Committed) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(MAGIC);
    writer.deployment(&committed.deployment);
    writer.state(&committed.state);
    writer.finish()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Committed, TreeError> {
    let mut reader = Reader::new(bytes);
    let mut read = || {
        let magic: [u8; 4] = reader.array()?;
        let deployment = reader.deployment()?;
        let state = reader.state()?;
        (magic == *MAGIC && reader.is_done()).then_some(Committed { deployment, state })
    };
    read().ok_or(TreeError::Damaged)
}
