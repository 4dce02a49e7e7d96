//! The leader's command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use block_witness::BATCH_SIZE;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::rpc::RpcArgs;
use crate::fabric::FabricArgs;
use crate::settings::{CircuitArgs, state_folder};

/// Have blocks proved
///
/// Everything that can be checked is checked before anything is proved. What was asked for is kept in --data-dir: a
/// leader that was stopped goes on where it was when it is given the same input, and proves nothing twice. Without
/// --proof-output-dir the proofs are the last line of stdout, as a JSON list; all else goes to stderr.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:\n  \
    leader --runtime=amqp --amqp-uri=amqp://guest:guest@rabbitmq:5672 stdio < witness.json &> out\n  \
    tail -n1 out | jq > proof.json\n  \
    verifier --file-path proof.json\n\n  \
    leader --runtime=in-memory --proof-output-dir proofs stdio --previous-proof proofs/b4.zkproof < witness-5.json\n\n\
    Flags may stand before or after the subcommand.")]
pub struct LeaderArgs {
    /// How workers are reached.
    #[command(flatten)]
    pub fabric: FabricArgs,

    /// How blocks are proved.
    #[command(flatten)]
    pub proving: ProvingArgs,

    /// Which circuits.
    #[command(flatten)]
    pub circuits: CircuitArgs,

    /// What to do.
    #[command(subcommand)]
    pub command: LeaderCommand,
}

/// How blocks are proved.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proving")]
pub struct ProvingArgs {
    /// A segment has at most two to the power of so many cycles
    #[arg(short, long, env = "ZERO_BIN_MAX_CPU_LEN_LOG", value_name = "LOG2", default_value_t = 19,
          value_parser = clap::value_parser!(u8).range(7..=28))]
    pub max_cpu_len_log: u8,

    /// A batch has at most so many transactions
    #[arg(short, long, env = "ZERO_BIN_BATCH_SIZE", value_name = "COUNT", default_value_t = BATCH_SIZE)]
    pub batch_size: usize,

    /// So many blocks are proved side by side
    #[arg(long, env = "ZERO_BIN_BLOCK_POOL_SIZE", value_name = "COUNT", default_value_t = 16,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub block_pool_size: usize,

    /// Save the inputs of a task that nobody could prove, in ./debug
    #[arg(short = 'i', long, env = "ZERO_BIN_SAVE_INPUTS_ON_ERROR")]
    pub save_inputs_on_error: bool,

    /// Check, decode and simulate only; nothing is proved
    #[arg(long, env = "ZERO_BIN_TEST_ONLY")]
    pub test_only: bool,

    /// Write each block's proof into this folder: that of block 5 as b5.zkproof
    #[arg(short = 'o', long, env = "ZERO_BIN_PROOF_OUTPUT_DIR", value_name = "DIR")]
    pub proof_output_dir: Option<PathBuf>,

    /// The verification key of the circuits [default: the one in the folder of circuits, which is built if it is missing]
    #[arg(long, value_name = "FILE")]
    pub verification_key: Option<PathBuf>,

    /// Where it is kept what was asked for and proved; in memory only, unless it is said, with --runtime in-memory
    #[arg(long, env = "MEZE_EVM_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Serve health, readiness and metrics on this address: what waits and what runs is what a fleet is scaled by
    #[arg(long, env = "MEZE_EVM_HTTP", value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,

    /// Serve them in plain text on an address that others can reach
    #[arg(long)]
    pub insecure_plaintext: bool,

    /// A block's first proofs wait for at most so long until all of it was simulated and is known to fit
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(..=604_800))]
    pub simulate_ahead: u64,

    /// Taken for old command lines: the proof of every block is kept
    #[arg(short, long, env = "ZERO_BIN_KEEP_INTERMEDIATE_PROOFS")]
    pub keep_intermediate_proofs: bool,

    /// Taken for old command lines: the proof of every block is a file of its own
    #[arg(long, env = "ZERO_BIN_BLOCK_BATCH_SIZE", value_name = "COUNT", default_value_t = 8)]
    pub block_batch_size: usize,

    /// Taken for old command lines: workers say themselves what they prove
    #[arg(long, value_name = "MODE", value_enum, default_value_t = WorkerRunMode::Default)]
    pub worker_run_mode: WorkerRunMode,
}

/// How tasks were shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkerRunMode {
    /// Any worker takes any task.
    Default,
    /// Heavy tasks and light ones go to workers of their own.
    Affinity,
}

/// What a leader does.
#[derive(Debug, Clone, Subcommand)]
pub enum LeaderCommand {
    /// Prove the blocks of a witness on stdin
    Stdio(StdioArgs),
    /// Prove blocks of a chain, as a node shows it; without a last one, follow the chain's end
    Rpc(RpcArgs),
    /// Write the verification key of the circuits, for verifiers that have no circuits
    VerificationKey(KeyArgs),
    /// Remove all circuits and keys that were kept
    Clean,
}

/// `leader stdio`.
#[derive(Debug, Clone, Args)]
pub struct StdioArgs {
    /// The proof of the block before the first one
    #[arg(short = 'f', long, env = "ZERO_BIN_PREVIOUS_PROOF", value_name = "FILE")]
    pub previous_proof: Option<PathBuf>,
}

/// `leader verification-key`.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

impl LeaderArgs {
    /// The folder that things are kept in, if they are.
    pub fn folder(&self) -> Option<PathBuf> {
        use crate::fabric::RuntimeKind;
        match (&self.proving.data_dir, self.fabric.runtime) {
            (Some(folder), _) => Some(folder.clone()),
            (None, RuntimeKind::Amqp) => Some(state_folder()),
            (None, RuntimeKind::InMemory) => None,
        }
    }
}
