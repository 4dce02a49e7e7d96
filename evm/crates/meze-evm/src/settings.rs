//! What leader, worker and verifier must agree on: which circuits, and where they are kept.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

use block_witness::tables::parse_range;
use block_witness::{Table, TableRanges};
use clap::{Args, ValueEnum};
use evm_proving::{CircuitConfig, Preset, Security};
use terminal::Usage;

/// Which circuits, and where they are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Circuits (the same for leader, workers and verifier)")]
pub struct CircuitArgs {
    /// Table ranges that are known to fit: empty, transfers or mainnet; the flags below change single tables
    #[arg(long, env = "MEZE_EVM_PRESET", value_name = "PRESET", default_value = "mainnet")]
    pub preset: Preset,

    /// Lengths of the arithmetic table, as powers of two, the last one excluded
    #[arg(long, env = Table::Arithmetic.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub arithmetic: Option<Range<usize>>,

    /// Of the byte packing table
    #[arg(long, env = Table::BytePacking.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub byte_packing: Option<Range<usize>>,

    /// Of the CPU table
    #[arg(long, env = Table::Cpu.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub cpu: Option<Range<usize>>,

    /// Of the Keccak table
    #[arg(long, env = Table::Keccak.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub keccak: Option<Range<usize>>,

    /// Of the Keccak sponge table
    #[arg(long, env = Table::KeccakSponge.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub keccak_sponge: Option<Range<usize>>,

    /// Of the logic table
    #[arg(long, env = Table::Logic.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub logic: Option<Range<usize>>,

    /// Of the memory table
    #[arg(long, env = Table::Memory.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub memory: Option<Range<usize>>,

    /// Of the table of the memory before a segment
    #[arg(long, env = Table::MemBefore.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub mem_before: Option<Range<usize>>,

    /// Of the table of the memory after a segment
    #[arg(long, env = Table::MemAfter.variable(), value_name = "LO..HI", value_parser = parse_range)]
    pub mem_after: Option<Range<usize>>,

    /// INSECURE: circuits with one bit of security, for tests. Proofs under them prove nothing
    #[arg(long)]
    pub use_test_config: bool,

    /// Where circuits and keys are kept
    #[arg(long, env = "ZK_EVM_CACHE_DIR", value_name = "DIR", default_value_os_t = cache_folder())]
    pub circuits_dir: PathBuf,

    /// Whether circuits that had to be built are kept on disk
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Persistence::Disk)]
    pub persistence: Persistence,

    /// Taken for old command lines; circuits are loaded once, all that the kinds need
    #[arg(long, value_name = "HOW", value_enum, default_value_t = LoadStrategy::OnDemand)]
    pub load_strategy: LoadStrategy,
}

/// Whether circuits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Persistence {
    /// They are built at every start.
    None,
    /// They are built once.
    Disk,
}

/// How circuits were loaded by the program that these command lines were written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoadStrategy {
    /// Single tables, for each proof.
    OnDemand,
    /// All at once.
    Monolithic,
}

impl CircuitArgs {
    /// The configuration.
    ///
    /// # Errors
    /// [`Usage`] with the table at fault.
    pub fn config(&self) -> Result<CircuitConfig, Usage> {
        let mut ranges = self.preset.ranges();
        for (table, range) in self.tables() {
            if let Some(range) = range {
                ranges = ranges.with(table, range).map_err(|error| Usage(format!("{table}: {error}")))?;
            }
        }
        Ok(CircuitConfig::new(ranges, self.security()))
    }

    /// How secure the proofs are.
    pub fn security(&self) -> Security {
        if self.use_test_config { Security::InsecureTest } else { Security::Standard }
    }

    /// Why nobody should rely on what comes out, where that is so.
    pub fn warning(&self) -> Option<&'static str> {
        self.use_test_config.then_some(
            "INSECURE: --use-test-config builds circuits with one bit of security; anybody can forge such proofs, \
             and a verifier takes them only with the same flag",
        )
    }

    /// The same settings, as the arguments of a prover child.
    pub fn words(&self) -> Result<Vec<OsString>, Usage> {
        let ranges = self.config()?.ranges;
        let mut words: Vec<OsString> = Vec::new();
        for table in Table::ALL {
            let Range { start, end } = ranges.of(table);
            words.push(format!("--{table}={start}..{end}").into());
        }
        if self.use_test_config {
            words.push("--use-test-config".into());
        }
        words.extend(["--circuits-dir".into(), self.circuits_dir.clone().into_os_string()]);
        let kept = if self.persistence == Persistence::Disk { "disk" } else { "none" };
        words.extend(["--persistence".into(), kept.into()]);
        Ok(words)
    }

    fn tables(&self) -> [(Table, Option<Range<usize>>); 9] {
        let Self { arithmetic, byte_packing, cpu, keccak, keccak_sponge, logic, memory, mem_before, mem_after, .. } =
            self.clone();
        [
            (Table::Arithmetic, arithmetic),
            (Table::BytePacking, byte_packing),
            (Table::Cpu, cpu),
            (Table::Keccak, keccak),
            (Table::KeccakSponge, keccak_sponge),
            (Table::Logic, logic),
            (Table::Memory, memory),
            (Table::MemBefore, mem_before),
            (Table::MemAfter, mem_after),
        ]
    }
}

/// What differs between two sets of ranges, in the words of the flags; empty where nothing does.
pub fn difference(ours: &TableRanges, theirs: &TableRanges) -> String {
    let differs = Table::ALL.into_iter().filter(|table| ours.of(*table) != theirs.of(*table));
    let shown = differs.map(|table| format!("{table} {:?} and {:?}", ours.of(table), theirs.of(table)));
    shown.collect::<Vec<_>>().join(", ")
}

fn home(variable: &str, otherwise: &str) -> PathBuf {
    let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    said(variable).or_else(|| said("HOME").map(|home| home.join(otherwise))).unwrap_or_else(|| PathBuf::from("."))
}

/// Where circuits are kept: what can be made again.
pub fn cache_folder() -> PathBuf {
    home("XDG_CACHE_HOME", ".cache").join("meze-evm/circuits")
}

/// Where a leader keeps what it asked for: what must not be lost while it is away.
pub fn state_folder() -> PathBuf {
    home("XDG_STATE_HOME", ".local/state").join("meze-evm/leader")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        circuits: CircuitArgs,
    }

    fn read(words: &[&str]) -> CircuitArgs {
        Line::try_parse_from([&["test"], words].concat()).unwrap().circuits
    }

    #[test]
    fn a_flag_changes_its_table_and_no_other() {
        let config = read(&["--preset", "empty", "--cpu", "9..17"]).config().unwrap();
        let expected = Preset::Empty.ranges().with(Table::Cpu, 9..17).unwrap();
        assert_eq!(config.ranges, expected);
        assert_eq!(config.security, Security::Standard);
    }

    #[test]
    fn the_insecure_configuration_is_another_statement_and_has_a_warning() {
        let (test, real) = (read(&["--use-test-config"]), read(&[]));
        assert_ne!(test.config().unwrap().statement(), real.config().unwrap().statement());
        assert!(test.warning().is_some_and(|warning| warning.contains("INSECURE")));
        assert_eq!(real.warning(), None);
    }

    #[test]
    fn a_child_gets_the_same_circuits() {
        let args = read(&["--preset", "transfers", "--memory", "17..20", "--use-test-config", "--circuits-dir", "/x"]);
        let words: Vec<String> = args.words().unwrap().into_iter().map(|word| word.into_string().unwrap()).collect();
        let again = read(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(again.config().unwrap(), args.config().unwrap());
        assert_eq!((again.circuits_dir, again.persistence), (args.circuits_dir, args.persistence));
    }

    #[test]
    fn a_difference_names_the_tables() {
        let ours = Preset::Empty.ranges();
        let theirs = ours.clone().with(Table::Logic, 4..11).unwrap();
        assert_eq!(difference(&ours, &theirs), "logic 6..7 and 4..11");
        assert_eq!(difference(&ours, &ours), "");
    }
}
