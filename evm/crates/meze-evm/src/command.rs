//! The command line: which commands there are, by which names, and what their exit codes mean.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use terminal::{Console, Usage, sentence};

use crate::{bench, child, flags, leader, verifier, worker};

/// Ethereum blocks proved by a leader and workers
#[derive(Debug, Parser)]
#[command(
    name = "meze-evm",
    version,
    long_about = "Ethereum blocks proved by a leader and workers.\n\n\
        A leader reads witnesses of blocks, checks them, cuts them into segments, and has workers prove and aggregate \
        these, until there is one proof of each block, on top of the block before it. Workers take tasks from RabbitMQ, \
        or run inside the leader. A verifier checks a proof, with a key that does not come with it.\n\n\
        Each command is also a program of its own where this one is called leader, worker or verifier.",
    after_long_help = "Exit codes: 0 good, 1 refused or failed, 2 the command line is wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Leader(Box<leader::LeaderArgs>),
    Worker(Box<worker::WorkerArgs>),
    Verifier(Box<verifier::VerifierArgs>),
    Bench(Box<bench::BenchArgs>),
    #[command(hide = true)]
    BenchDirect(Box<bench::DirectArgs>),
    #[command(hide = true)]
    ProverChild(Box<child::ChildArgs>),
}

/// The names by which this program is one of its commands.
const NAMES: [&str; 3] = ["leader", "worker", "verifier"];

/// The command line as if it had been written in full: with the command that the program was called by, and the
/// leader's flags before its subcommand.
fn in_full(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let called = arguments.first().and_then(|path| Path::new(path).file_name());
    if let Some(name) = NAMES.into_iter().find(|name| called.is_some_and(|called| called == *name)) {
        arguments.insert(1, name.into());
    }
    match Cli::command().find_subcommand("leader") {
        Some(leader) if arguments.get(1).is_some_and(|word| word == "leader") => {
            let rest = flags::in_front(leader, arguments.split_off(1));
            arguments.extend(rest);
            arguments
        }
        _ => arguments,
    }
}

/// Runs one command line and says how it went.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = in_full(arguments.into_iter().collect());
    let parsed = Cli::command().try_get_matches_from(&arguments).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when this fails.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, 2) as u8);
        }
    };
    let console = Console::new(false);
    let outcome = match cli.command {
        Command::Leader(args) => leader::run(&args, console),
        Command::Worker(args) => worker::run(&args, console),
        Command::Verifier(args) => verifier::run(&args, console),
        Command::Bench(args) => bench::run(&args),
        Command::BenchDirect(args) => bench::run_direct(&args),
        // Its exit code is for its worker.
        Command::ProverChild(args) => return child::run(*args),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    console.note(format!("meze-evm: {}", sentence(error.as_ref())));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(line: &str) -> String {
        let words = in_full(line.split(' ').map(OsString::from).collect());
        words.into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_name_is_a_command() {
        assert_eq!(full("/usr/bin/verifier --file-path p"), "/usr/bin/verifier verifier --file-path p");
        assert_eq!(full("./leader --runtime=amqp stdio"), "./leader leader --runtime=amqp stdio");
        assert_eq!(full("meze-evm worker"), "meze-evm worker");
        assert_eq!(full("meze-evm"), "meze-evm");
    }

    #[test]
    fn the_leaders_flags_are_taken_on_both_sides_of_its_subcommand() {
        let line = "leader stdio --runtime=amqp --amqp-uri amqp://h -f p.json --use-test-config";
        assert_eq!(full(line), "leader leader --runtime=amqp --amqp-uri amqp://h --use-test-config stdio -f p.json");
    }
}
