//! A folder of circuits: built once, used by every process.
//!
//! `<folder>/<fingerprint>/` holds `key`, `upper` (all circuits above the tables) and one file a table and length, such
//! as `cpu-14`; each an envelope with its checksum, written aside and renamed. `<fingerprint>.lock` is locked by whoever
//! builds, so that two processes do not build the same at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use block_witness::Table;
use evm_arithmetization::{AllRecursiveCircuits, RecursiveCircuitsForTableSize};
use plonky2::util::serialization::Buffer;
use plonky2::util::serialization::gate_serialization::default::DefaultGateSerializer;
use plonky2::util::serialization::generator_serialization::default::DefaultGeneratorSerializer;
use proving::envelope::{self, FormatTag};
use proving::error::with_sources;
use tracing::{info, warn};

use crate::circuits::{C, Circuits, D, Part};
use crate::config::CircuitConfig;
use crate::error::EvmError;
use crate::guard::{deep, guard};
use crate::key::VerificationKey;

const TAG: FormatTag = FormatTag::new(b"EVMC");
const VERSION: u16 = 1;
const WHAT: &str = "this is no file of circuits";
const KEY: &str = "key";
const UPPER: &str = "upper";

/// The library reserves this much of the address space when it writes circuits, and ends the process where it cannot.
const RESERVED: usize = 1 << 34;

/// A folder that holds circuits and their keys.
#[derive(Debug, Clone)]
pub struct CircuitStore {
    folder: PathBuf,
}

impl CircuitStore {
    /// The store in `folder`, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Loads the circuits of a configuration, or builds and keeps them. A damaged file is made again; a line in the log
    /// says why. It waits while another process builds the same.
    ///
    /// # Errors
    /// [`EvmError::Io`] and [`EvmError::Build`].
    pub fn circuits(&self, config: &CircuitConfig, part: Part) -> Result<Arc<Circuits>, EvmError> {
        deep(|| self.load_or_build(config, part)).unwrap_or_else(|reason| Err(EvmError::Build(reason)))
    }

    fn load_or_build(&self, config: &CircuitConfig, part: Part) -> Result<Arc<Circuits>, EvmError> {
        if let Some(circuits) = self.load(config, part)? {
            return Ok(Arc::new(circuits));
        }
        let lock = self.lock(config)?;
        // Somebody else may have built them while this process waited.
        if let Some(circuits) = self.load(config, part)? {
            return Ok(Arc::new(circuits));
        }
        let circuits = self.build(config)?;
        drop(lock);
        Ok(Arc::new(circuits.only(part)))
    }

    /// The key of a configuration; where it is not in the store, its circuits are built.
    ///
    /// # Errors
    /// As [`Self::circuits`].
    pub fn key(&self, config: &CircuitConfig) -> Result<VerificationKey, EvmError> {
        match self.stored_key(config) {
            Ok(key) => Ok(key),
            Err(_) => Ok(self.circuits(config, Part::Light)?.key().clone()),
        }
    }

    /// The key of a configuration, if it is in the store: nothing is built.
    ///
    /// # Errors
    /// [`EvmError::NoKey`], and those of [`VerificationKey::read`].
    pub fn stored_key(&self, config: &CircuitConfig) -> Result<VerificationKey, EvmError> {
        let path = self.place(config).join(KEY);
        if !path.exists() {
            return Err(EvmError::NoKey(self.folder.clone()));
        }
        let key = VerificationKey::read(&path)?;
        crate::block_proof::same_circuits(config.fingerprint(), key.fingerprint())?;
        Ok(key)
    }

    /// Removes all circuits and keys, but those that somebody builds just now, and says how many bytes that were.
    ///
    /// # Errors
    /// [`EvmError::Io`].
    pub fn clean(&self) -> Result<u64, EvmError> {
        let mut bytes = 0;
        for name in names(&self.folder)? {
            let Some(print) = name.strip_suffix(".lock").filter(|print| is_fingerprint(print)) else { continue };
            let lock = self.folder.join(&name);
            let file = File::open(&lock).map_err(EvmError::io("cannot open", &lock))?;
            if file.try_lock().is_err() {
                warn!(circuits = print, "being built, so left alone");
                continue;
            }
            let folder = self.folder.join(print);
            for file in names(&folder)? {
                bytes += fs::metadata(folder.join(file)).map_or(0, |data| data.len());
            }
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EvmError::io("cannot remove", folder)(error));
                }
                _ => {}
            }
        }
        Ok(bytes)
    }

    fn place(&self, config: &CircuitConfig) -> PathBuf {
        self.folder.join(config.fingerprint().to_string())
    }

    fn lock(&self, config: &CircuitConfig) -> Result<File, EvmError> {
        fs::create_dir_all(&self.folder).map_err(EvmError::io("cannot make the folder", &self.folder))?;
        let path = self.folder.join(format!("{}.lock", config.fingerprint()));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(EvmError::io("cannot open", &path))?;
        file.lock().map_err(EvmError::io("cannot lock", &path))?;
        Ok(file)
    }

    /// `None` where they are not there, or not whole.
    fn load(&self, config: &CircuitConfig, part: Part) -> Result<Option<Circuits>, EvmError> {
        let place = self.place(config);
        if !place.join(UPPER).exists() {
            return Ok(None);
        }
        match read_all(&place, config, part) {
            Ok(circuits) => Ok(Some(circuits)),
            Err(error) => {
                warn!(folder = %place.display(), reason = with_sources(&error), "circuits cannot be used, so they are built again");
                Ok(None)
            }
        }
    }

    fn build(&self, config: &CircuitConfig) -> Result<Circuits, EvmError> {
        if Vec::<u8>::new().try_reserve_exact(RESERVED).is_err() {
            let reason = "this system does not reserve 16 GiB of address space, which writing them takes though it is \
                          not filled: lift the limit (ulimit -v, vm.overcommit_memory), or build them elsewhere";
            return Err(EvmError::Build(reason.to_owned()));
        }
        info!(ranges = %config.ranges, security = %config.security, "building circuits");
        let began = std::time::Instant::now();
        let circuits = Circuits::build(config)?;
        let place = self.place(config);
        fs::create_dir_all(&place).map_err(EvmError::io("cannot make the folder", &place))?;
        // Whoever sees `upper` sees all others: it is written last.
        let _ = fs::remove_file(place.join(UPPER));
        write(&place.join(KEY), &circuits.key().to_bytes())?;
        for (table, by_size) in Table::ALL.into_iter().zip(&circuits.all.by_table) {
            for (log, chain) in &by_size.by_stark_size {
                let mut bytes = Vec::new();
                guard(|| chain.to_buffer(&mut bytes, &DefaultGateSerializer, &generators()).map_err(|_| "not written"))
                    .map_err(EvmError::Build)?;
                write(&place.join(table_file(table, *log)), &envelope::seal(TAG, VERSION, &bytes))?;
            }
        }
        let upper =
            guard(|| circuits.all.to_bytes(true, &DefaultGateSerializer, &generators()).map_err(|_| "not written"));
        write(&place.join(UPPER), &envelope::seal(TAG, VERSION, &upper.map_err(EvmError::Build)?))?;
        info!(seconds = began.elapsed().as_secs_f64(), folder = %place.display(), "circuits are built and kept");
        Ok(circuits)
    }
}

fn read_all(place: &Path, config: &CircuitConfig, part: Part) -> Result<Circuits, EvmError> {
    let upper = read(&place.join(UPPER))?;
    let body = open(&upper)?;
    let mut all = guard(|| {
        let all = AllRecursiveCircuits::from_bytes(body, true, &DefaultGateSerializer, &generators());
        all.map(Box::new).map_err(|_| "cut short")
    })
    .map_err(|reason| EvmError::malformed(WHAT, reason))?;
    drop(upper);
    if part.proves_segments() {
        for (table, by_size) in Table::ALL.into_iter().zip(&mut all.by_table) {
            for log in config.ranges.of(table) {
                let bytes = read(&place.join(table_file(table, log)))?;
                let body = open(&bytes)?;
                let chain = guard(|| {
                    let mut buffer = Buffer::new(body);
                    RecursiveCircuitsForTableSize::from_buffer(&mut buffer, &DefaultGateSerializer, &generators())
                        .map_err(|_| "cut short")
                })
                .map_err(|reason| EvmError::malformed(WHAT, reason))?;
                by_size.by_stark_size.insert(log, chain);
            }
        }
    }
    let circuits = Circuits::of(config, all).only(part);
    // The key beside them is what verifiers go by.
    let key = VerificationKey::read(&place.join(KEY))?;
    if key != *circuits.key() {
        return Err(EvmError::malformed(WHAT, "the circuits are not those of the key beside them"));
    }
    Ok(circuits)
}

fn generators() -> DefaultGeneratorSerializer<C, D> {
    DefaultGeneratorSerializer::default()
}

fn table_file(table: Table, log: usize) -> String {
    format!("{table}-{log}")
}

fn read(path: &Path) -> Result<Vec<u8>, EvmError> {
    fs::read(path).map_err(EvmError::io("cannot read", path))
}

fn open(bytes: &[u8]) -> Result<&[u8], EvmError> {
    envelope::open(bytes, TAG, VERSION, u64::MAX).map_err(EvmError::envelope(WHAT))
}

/// Writes aside and renames: who reads sees all of it or nothing.
fn write(path: &Path, bytes: &[u8]) -> Result<(), EvmError> {
    let aside = path.with_extension("new");
    let io = || EvmError::io("cannot write", &aside);
    let mut file = File::create(&aside).map_err(io())?;
    std::io::Write::write_all(&mut file, bytes).map_err(io())?;
    file.sync_all().map_err(io())?;
    fs::rename(&aside, path).map_err(EvmError::io("cannot put in place", path))
}

fn names(folder: &Path) -> Result<Vec<String>, EvmError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EvmError::io("cannot list", folder)(error)),
    };
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

fn is_fingerprint(text: &str) -> bool {
    text.parse::<proving::statement::KeyDigest>().is_ok()
}
