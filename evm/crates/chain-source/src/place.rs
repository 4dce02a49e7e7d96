//! The file that keeps a follower's place: which blocks are proved, and which were given out but are not proved yet.
//!
//! It is written as a whole and put in place at once, so that a crash leaves the old one or the new one. It names its
//! chain: a place on another chain is refused.

use crate::source::BlockId;
use ethereum_types::H256;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The version of the file that is written, and read.
const VERSION: u32 = 1;

/// Of so many proved blocks before the last one it is known which they were, for a chain that is reorganised below it.
const EARLIER: usize = 1024;

/// Bytes of the file.
const LIMIT: u64 = 4 << 20;

/// What is wrong with the file that keeps a follower's place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It cannot be read or written.
    #[error("cannot use {path} to keep the place in the chain")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Somebody else uses it.
    #[error("another process keeps its place in {path}")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// It is something else, or was damaged.
    #[error("{path} does not keep a place in a chain ({why}): give another file, or move it away to start anew")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It was written for another chain.
    #[error("{path} keeps a place in chain {found}, but the node's is chain {expected}: give another file")]
    OtherChain {
        /// Which file.
        path: PathBuf,
        /// Its id and genesis hash by the file.
        found: String,
        /// The same by the node.
        expected: String,
    },
    /// It was written for another beginning.
    #[error("{path} keeps a place that began at block {found}: begin there again, or give another file")]
    OtherStart {
        /// Which file.
        path: PathBuf,
        /// Where it began.
        found: u64,
    },
}

/// A chain, by its id and its first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainName {
    pub(crate) id: u64,
    pub(crate) genesis: H256,
}

impl std::fmt::Display for ChainName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (genesis {:#x})", self.id, self.genesis)
    }
}

/// A place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    version: u32,
    pub(crate) chain: ChainName,
    /// The first block.
    pub(crate) start: u64,
    /// The last block of those that are proved.
    pub(crate) proved: Option<BlockId>,
    /// Those proved before it, as many as are kept, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<BlockId>,
    /// Blocks after that which were given out, in order.
    pub(crate) given: Vec<BlockId>,
}

impl Place {
    pub(crate) fn new(chain: ChainName, start: u64) -> Self {
        Self { version: VERSION, chain, start, proved: None, earlier: Vec::new(), given: Vec::new() }
    }

    /// These blocks are proved, too.
    pub(crate) fn prove(&mut self, blocks: Vec<BlockId>) {
        let mut proved = self.proved();
        proved.extend(blocks);
        self.proved = proved.pop();
        self.earlier = proved.split_off(proved.len().saturating_sub(EARLIER));
    }

    /// The blocks that are known to be proved, in order.
    pub(crate) fn proved(&self) -> Vec<BlockId> {
        self.earlier.iter().chain(&self.proved).copied().collect()
    }

    /// Only these are proved, and nothing after them is given out.
    pub(crate) fn go_back_to(&mut self, mut proved: Vec<BlockId>) {
        self.proved = proved.pop();
        self.earlier = proved;
        self.given.clear();
    }

    /// The last block that was given out.
    pub(crate) fn last(&self) -> Option<&BlockId> {
        self.given.last().or(self.proved.as_ref())
    }

    /// The number of the block that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.last().map_or(self.start, |last| last.number.saturating_add(1))
    }

    /// Reads what [`Place::write`] wrote. Blocks must follow each other.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!("it is of version {version}, and {VERSION} is expected"));
        }
        let place: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let blocks: Vec<&BlockId> = place.earlier.iter().chain(&place.proved).chain(&place.given).collect();
        let first = blocks.first().is_none_or(|first| match place.proved {
            Some(_) => first.number >= place.start,
            None => first.number == place.start,
        });
        let linked = blocks
            .windows(2)
            .all(|pair| pair[0].number.checked_add(1) == Some(pair[1].number) && pair[0].hash == pair[1].parent_hash);
        match first && linked {
            true => Ok(place),
            false => Err("its blocks do not follow each other".to_owned()),
        }
    }
}

/// The file, kept from others as long as this lives.
#[derive(Debug)]
pub(crate) struct PlaceFile {
    path: PathBuf,
    _lock: File,
}

impl PlaceFile {
    /// Opens the file, and reads the place in it if there is one.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<Place>), PlaceError> {
        let path = path.to_owned();
        let lock_path = beside(&path, "lock");
        let lock = File::create(&lock_path).map_err(|source| PlaceError::Io { path: lock_path, source })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PlaceError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(PlaceError::Io { path, source }),
        }
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Self { path, _lock: lock }, None)),
            Err(source) => return Err(PlaceError::Io { path, source }),
        }
        let place = match bytes.len() as u64 > LIMIT {
            true => Err(format!("it has more than {LIMIT} bytes")),
            false => Place::read(&bytes),
        };
        match place {
            Ok(place) => Ok((Self { path, _lock: lock }, Some(place))),
            Err(why) => Err(PlaceError::Content { path, why }),
        }
    }

    /// Checks that a place is one of this chain, with this beginning.
    pub(crate) fn check(&self, place: &Place, chain: &ChainName, start: u64) -> Result<(), PlaceError> {
        let path = self.path.clone();
        if place.chain != *chain {
            let (found, expected) = (place.chain.to_string(), chain.to_string());
            return Err(PlaceError::OtherChain { path, found, expected });
        }
        match place.start == start {
            true => Ok(()),
            false => Err(PlaceError::OtherStart { path, found: place.start }),
        }
    }

    /// Replaces what is in the file; when this returns, it is on disk.
    pub(crate) fn write(&self, place: &Place) -> Result<(), PlaceError> {
        let bytes = serde_json::to_vec(place).expect("numbers and hashes can be written as JSON");
        self.replace(&bytes).map_err(|source| PlaceError::Io { path: self.path.clone(), source })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = beside(&self.path, "new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// A file of the same name with one more ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(number: u64) -> BlockId {
        let hash = H256::from_low_u64_be;
        BlockId { number, hash: hash(number), parent_hash: hash(number.wrapping_sub(1)) }
    }

    fn place() -> Place {
        let chain = ChainName { id: 77, genesis: H256::zero() };
        let given = vec![block(6), block(7)];
        Place { proved: Some(block(5)), given, ..Place::new(chain, 3) }
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_only_one_process_may() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("place.json");
        let (file, nothing) = PlaceFile::open(&path).expect("a new file");
        assert_eq!(nothing, None);
        file.write(&place()).expect("it can be written");
        assert!(matches!(PlaceFile::open(&path), Err(PlaceError::InUse { .. })));
        drop(file);
        let (_, read) = PlaceFile::open(&path).expect("the file again");
        assert_eq!(read, Some(place()));
    }

    #[test]
    fn a_place_of_the_first_version_is_read() {
        let text = r#"{"version":1,"chain":{"id":77,
            "genesis":"0x0000000000000000000000000000000000000000000000000000000000000000"},"start":7,"proved":null,
            "given":[{"number":7,"hash":"0x0000000000000000000000000000000000000000000000000000000000000007",
            "parent_hash":"0x0000000000000000000000000000000000000000000000000000000000000006"}]}"#;
        let place = Place::read(text.as_bytes()).expect("the first version");
        assert_eq!((place.start, place.next(), place.given), (7, 8, vec![block(7)]));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("place.json");
        let gap = Place { given: vec![block(7)], ..place() };
        let later = Place { version: 2, ..place() };
        for (text, why) in [
            ("no place".to_owned(), "expected"),
            (serde_json::to_string(&gap).expect("JSON"), "do not follow each other"),
            (serde_json::to_string(&later).expect("JSON"), "version 2"),
        ] {
            fs::write(&path, text).expect("it can be written");
            let error = PlaceFile::open(&path).expect_err("no place").to_string();
            assert!(error.contains(why) && error.contains("give another file"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_place_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Place::read(&bytes);
        }

        #[test]
        fn a_damaged_place_is_a_place_or_a_reason(at: prop::sample::Index, byte: u8) {
            let mut bytes = serde_json::to_vec(&place()).expect("JSON");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(place) = Place::read(&bytes) {
                let _ = place.next();
            }
        }
    }
}
