//! The seed's settings, each an environment variable and a flag, shared by every command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use proving::statement::Mode;
use rollup::shape::Shape;
use rollup_circuits::family::{Family, FamilyError};
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;
use rollup_circuits::verification_key::VerificationKey;
use terminal::{Console, Stage, Usage};

/// N where nothing else is said: the most that an inner circuit of 2^14 rows has room for.
pub const DEFAULT_INNER: usize = 5;
/// M where nothing else is said: the most that an outer circuit of 2^14 rows has room for.
pub const DEFAULT_OUTER: usize = 3;

/// How circuits are built and where keys are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Circuits and keys")]
pub struct CircuitArgs {
    /// Most rows of a circuit, a power of two; one that needs more is refused before any work
    #[arg(long, env = "MAX_CIRCUIT_SIZE", value_name = "ROWS", default_value = "33554432", value_parser = power_of_two)]
    pub max_circuit_size: usize,

    /// N: transactions of an inner rollup
    #[arg(long, env = "NUM_INNER_ROLLUP_TXS", value_name = "N", default_value_t = DEFAULT_INNER)]
    pub num_inner_rollup_txs: usize,

    /// M: inner rollups of a rollup
    #[arg(long, env = "NUM_OUTER_ROLLUP_PROOFS", value_name = "M", default_value_t = DEFAULT_OUTER)]
    pub num_outer_rollup_proofs: usize,

    /// Check every constraint but make no proofs: the results are marked mocks that verifiers refuse
    #[arg(long, env = "PROVERLESS", value_name = "BOOL", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub proverless: bool,

    /// Build or load a key at its first use instead of before the first proof
    #[arg(long, env = "LAZY_INIT", value_name = "BOOL", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub lazy_init: bool,

    /// Keep keys and the padding proof on disk, under the data folder
    #[arg(long, env = "PERSIST", value_name = "BOOL", default_value = "false", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, value_parser = truth)]
    pub persist: bool,

    /// The data folder: keys are in its `keys` folder
    #[arg(long, env = "DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

impl CircuitArgs {
    /// The same settings as environment variables, for another process of this program.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let text = |value: &dyn ToString| OsString::from(value.to_string());
        [
            ("MAX_CIRCUIT_SIZE", text(&self.max_circuit_size)),
            ("NUM_INNER_ROLLUP_TXS", text(&self.num_inner_rollup_txs)),
            ("NUM_OUTER_ROLLUP_PROOFS", text(&self.num_outer_rollup_proofs)),
            ("PROVERLESS", text(&self.proverless)),
            ("LAZY_INIT", text(&self.lazy_init)),
            ("PERSIST", text(&self.persist)),
            ("DATA_DIR", self.data_dir.clone().into()),
        ]
        .map(|(name, value)| (name.into(), value))
        .to_vec()
    }

    /// N and M.
    ///
    /// # Errors
    /// [`Usage`]: they are not a shape.
    pub fn shape(&self) -> Result<Shape, Usage> {
        Shape::new(self.num_inner_rollup_txs, self.num_outer_rollup_proofs).map_err(|error| {
            Usage(format!("NUM_INNER_ROLLUP_TXS and NUM_OUTER_ROLLUP_PROOFS do not go together: {error}"))
        })
    }

    /// What the circuits are built for.
    ///
    /// # Errors
    /// As [`CircuitArgs::shape`].
    pub fn settings(&self) -> Result<Settings, Usage> {
        let shape = self.shape()?;
        Ok(Settings {
            mode: if self.proverless { Mode::Mock } else { Mode::Real },
            max_circuit_size: self.max_circuit_size,
            store: self.persist.then(|| self.data_dir.clone()),
            ..Settings::new(shape)
        })
    }

    /// The circuits, nothing built yet; what they have to say goes to the console.
    ///
    /// # Errors
    /// As [`CircuitArgs::shape`].
    pub fn family(&self, console: Console) -> Result<Arc<Family>, Usage> {
        Ok(Arc::new(Family::new(self.settings()?, Arc::new(move |line: &str| console.note(line)))))
    }

    /// The verification key that the data folder holds for these settings, whether or not `PERSIST` is set;
    /// nothing is built.
    ///
    /// # Errors
    /// As [`CircuitArgs::shape`].
    pub fn stored_key(&self, circuit: CircuitId, console: Console) -> Result<Option<VerificationKey>, Usage> {
        Ok(Self { persist: true, ..self.clone() }.family(console)?.stored_key(circuit))
    }

    /// Builds or loads the named circuits, unless that is to wait for their first use. What is too
    /// large is refused either way.
    ///
    /// # Errors
    /// A circuit is larger than `MAX_CIRCUIT_SIZE`.
    pub fn prepare(&self, family: &Family, circuits: &[CircuitId], console: Console) -> Result<(), FamilyError> {
        for circuit in circuits {
            family.settings().check_size(*circuit)?;
        }
        if self.lazy_init {
            return Ok(());
        }
        let mut stage = Stage::begin(console, "circuits ready", circuits.len());
        for circuit in circuits {
            family.prepare(*circuit)?;
            stage.step();
        }
        stage.end();
        Ok(())
    }
}

fn power_of_two(text: &str) -> Result<usize, String> {
    match text.trim().parse::<usize>() {
        Ok(rows) if rows.is_power_of_two() => Ok(rows),
        _ => Err(format!("it must be a power of two, such as {}", 1 << 25)),
    }
}

/// An empty variable is one that is not set.
/// A switch as the seeds write it.
pub(crate) fn truth(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}
