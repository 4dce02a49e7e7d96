//! The command line: which commands there are, and what their exit codes mean.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use terminal::{Console, Usage, sentence};

use crate::roles::control_workers::Action;
use crate::roles::second_names::with_second_names;
use crate::verify::{self, Refused};
use crate::{bench, demo, inspect, jobs, keys, prove, roles, workers};

/// The back end of a zero-knowledge rollup, and the proving service behind it
#[derive(Debug, Parser)]
#[command(
    name = "meze",
    version,
    long_about = "The back end of a zero-knowledge rollup, and the proving service behind it.\n\n\
        The rollup: wallets prove their transactions, N of them go into an inner rollup, M of those into one rollup, and \
        one more proof over that is what `meze verify` checks together with the published block.\n\
        The fabric: `meze dispatcher` hands tasks to any number of `meze worker`s.\n\
        The Miden network: `meze start-worker` and `meze start-proxy` are its proving service, and this program is that \
        service by name where it is called miden-proving-service.",
    after_long_help = "Examples:\n  \
        meze demo --output out          play wallets over three rollups and prove everything\n  \
        meze verify out/rollup-0.proof --block out/rollup-0.block --expect out/rollup-0.public.json\n  \
        meze keys build --persist       build every key once and keep it\n  \
        meze bench rollup --quick       what each circuit costs on this machine\n\n\
        Exit codes: 0 good, 1 refused or failed, 2 the command line is wrong."
)]
struct Cli {
    /// End stdout with one JSON object; everything else goes to stderr
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    Prove(prove::ProveArgs),
    Verify(verify::VerifyArgs),
    Inspect(inspect::InspectArgs),
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    Dispatcher(roles::dispatcher::DispatcherArgs),
    Worker(Box<roles::worker::WorkerArgs>),
    StartWorker(Box<roles::start_worker::StartWorkerArgs>),
    StartProxy(Box<roles::start_proxy::StartProxyArgs>),
    #[command(visible_alias = "add-worker")]
    AddWorkers(roles::control_workers::ControlArgs),
    #[command(visible_alias = "remove-worker")]
    RemoveWorkers(roles::control_workers::ControlArgs),
    #[command(hide = true)]
    ProverChild(roles::child::ChildArgs),
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    #[command(subcommand)]
    Workers(workers::WorkersCommand),
}

/// The names by which this program is the Miden proving service: its own, and those of its packages.
const MIDEN_SERVICE: [&str; 3] = ["miden-proving-service", "miden-prover", "miden-prover-proxy"];

/// The commands, by the name that the program was called by.
fn command(called: Option<&OsString>) -> clap::Command {
    let called = called.and_then(|path| Path::new(path).file_name());
    let Some(name) = MIDEN_SERVICE.into_iter().find(|name| called.is_some_and(|called| called == *name)) else {
        return Cli::command();
    };
    let theirs = ["start-worker", "start-proxy", "add-workers", "remove-workers"];
    let others: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let hide = |commands: clap::Command, other: &String| match theirs.contains(&other.as_str()) {
        true => commands,
        false => commands.mut_subcommand(other, |command| command.hide(true)),
    };
    let about = "Generates Miden proofs on demand: workers, and a proxy in front of them. This is meze.";
    let commands = Cli::command().name(name).bin_name(name).about(about).long_about(about);
    others.iter().fold(commands.after_long_help(""), hide)
}

/// Runs one command line and says how it went.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = with_second_names(arguments.into_iter().collect(), |name| std::env::var_os(name));
    let parsed =
        command(arguments.first()).try_get_matches_from(&arguments).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let json = arguments.iter().any(|argument| argument == "--json");
            if json && error.use_stderr() {
                Console::new(true).object(&json!({ "ok": false, "error": first_line(&error.to_string()) }));
            }
            // Nobody is left to tell when this fails.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 2) as u8);
        }
    };
    let console = Console::new(cli.json);
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(&args, console),
        Command::Keys(command) => keys::run(&command, console),
        Command::Prove(args) => prove::run(&args, console),
        Command::Verify(args) => verify::run(&args, console),
        Command::Inspect(args) => inspect::run(&args, console),
        Command::Bench(command) => bench::run(&command, console),
        Command::Dispatcher(args) => roles::dispatcher::run(&args, console),
        Command::Worker(args) => roles::worker::run(&args, console),
        Command::StartWorker(args) => roles::start_worker::run(&args, console),
        Command::StartProxy(args) => roles::start_proxy::run(&args, console),
        Command::AddWorkers(args) => roles::control_workers::run(&args, Action::Add, console),
        Command::RemoveWorkers(args) => roles::control_workers::run(&args, Action::Remove, console),
        // Its exit code is for its worker.
        Command::ProverChild(args) => return roles::child::run(&args),
        Command::Jobs(command) => jobs::run(&command, console),
        Command::Workers(command) => workers::run(&command, console),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let text = sentence(error.as_ref());
    console.note(format!("meze: {text}"));
    if let Some(refused) = error.downcast_ref::<Refused>() {
        console.object(&json!({
            "ok": false, "verified": false, "check": refused.0.check(), "error": refused.0.reason(),
        }));
        return ExitCode::from(1);
    }
    console.object(&json!({ "ok": false, "error": text }));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ")
}
