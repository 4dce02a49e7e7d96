//! Keys and the padding proof on disk: written atomically, checksummed, named by all they depend on.

use std::fs;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use plonky2::util::serialization::{DefaultGateSerializer, DefaultGeneratorSerializer};
use proving::envelope::{self, EnvelopeError, FormatTag};

use crate::id::CircuitId;
use crate::plonk::{C, D, Data};
use crate::settings::Settings;

/// Format of a proving key file.
const PROVING_KEY: FormatTag = FormatTag::new(b"PKEY");
const VERSION: u16 = 1;
/// Largest body of a proving key file: the key of the largest circuit that fits this machine class.
const MAX_PROVING_KEY: u64 = 1 << 36;
/// Largest file that is not a proving key.
const MAX_SMALL: u64 = 8 << 20;

/// Why a stored file is of no use; it is built anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file around the key.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Right name, other contents.
    #[error("it was made by another version, shape or mode")]
    Fingerprint,
    /// The proof system does not take it.
    #[error("the proof system cannot read it")]
    Unreadable,
    /// Larger than any file of its format.
    #[error("it has {0} bytes, more than any such file")]
    TooLarge(u64),
}

/// The folder of keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyStore {
    folder: PathBuf,
}

impl KeyStore {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("keys") }
    }

    /// The file of a circuit; `extension` is `pk`, `vk` or `proof`.
    pub(crate) fn path(&self, settings: &Settings, circuit: CircuitId, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", settings.key_name(circuit)))
    }

    /// Files of the circuit that belong to other versions, shapes or modes.
    pub(crate) fn others(&self, settings: &Settings, circuit: CircuitId, extension: &str) -> usize {
        let own = self.path(settings, circuit, extension);
        let Ok(entries) = fs::read_dir(&self.folder) else { return 0 };
        let prefix = format!("{circuit}-");
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path != own && path.extension().is_some_and(|found| found == extension))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
            .count()
    }

    /// Writes a file so that it is there whole or not at all, also after a power cut.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::Builder::new().prefix(".incomplete-").tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(&self.folder)?.sync_all()
    }

    /// Reads a small file; `None` where there is none.
    pub(crate) fn read_small(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        read(path, MAX_SMALL)
    }

    /// Writes a proving key.
    pub(crate) fn write_proving_key(
        &self,
        settings: &Settings,
        circuit: CircuitId,
        data: &Data,
    ) -> Result<(), StoreError> {
        let mut body = settings.fingerprint(circuit).to_vec();
        let bytes = data
            .to_bytes(&DefaultGateSerializer, &DefaultGeneratorSerializer::<C, D>::default())
            .map_err(|_| StoreError::Unreadable)?;
        body.extend(bytes);
        let path = self.path(settings, circuit, "pk");
        Ok(self.write(&path, &envelope::seal(PROVING_KEY, VERSION, &body))?)
    }

    /// Reads a proving key; `None` where there is none.
    pub(crate) fn read_proving_key(&self, settings: &Settings, circuit: CircuitId) -> Result<Option<Data>, StoreError> {
        let Some(bytes) = read(&self.path(settings, circuit, "pk"), MAX_PROVING_KEY)? else { return Ok(None) };
        let body = envelope::open(&bytes, PROVING_KEY, VERSION, MAX_PROVING_KEY)?;
        let (fingerprint, body) = body.split_at_checked(32).ok_or(StoreError::Fingerprint)?;
        if fingerprint != settings.fingerprint(circuit) {
            return Err(StoreError::Fingerprint);
        }
        catch_unwind(AssertUnwindSafe(|| {
            Data::from_bytes(body, &DefaultGateSerializer, &DefaultGeneratorSerializer::<C, D>::default())
        }))
        .map_err(|_| StoreError::Unreadable)?
        .map(Some)
        .map_err(|_| StoreError::Unreadable)
    }
}

/// Reads a file of at most `limit` bytes and an envelope; `None` where there is none.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    let limit = limit + envelope::OVERHEAD as u64;
    if length > limit {
        return Err(StoreError::TooLarge(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
