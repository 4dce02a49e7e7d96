//! `meze jobs`: asking a dispatcher for proofs, and watching them being made.

mod draw;
mod ink;
mod lines;
mod submit;
mod svg;
mod tree;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use proving::id::TaskId;
use serde_json::json;
use terminal::{Console, Usage, files};
use transport::ask::JobView;

use crate::connection::{ConnectionArgs, converse};
use crate::text::bytes;

/// What a token for jobs may be of.
const SCOPES: [&str; 2] = ["ask", "admin"];

/// Ask a dispatcher for proofs, and watch them being made
#[derive(Debug, Clone, Subcommand)]
#[command(after_long_help = "Examples:\n  \
    meze jobs submit block.json --watch     ask for a graph of proofs and watch it\n  \
    meze jobs watch block-7                 watch on, from wherever\n  \
    meze jobs show 12 --json                everything about a job, as one object\n  \
    meze jobs result block-7 --output block-7.proof\n  \
    meze jobs dead-letters                  what was given up, and why\n\n\
    A job is named by its number or its name. The token is in MEZE_TOKEN or the file of --token-file.\n\
    Exit codes: 0 good (`watch`: the job is done), 1 refused or failed, 2 the command line is wrong.")]
#[allow(missing_docs, reason = "clap would show it in place of what the type of the arguments says")]
pub enum JobsCommand {
    Submit(submit::SubmitArgs),
    /// The newest jobs
    List(ListArgs),
    /// How a job stands: its graph, who works on it, what failed
    Show(ShowArgs),
    Watch(watch::WatchArgs),
    /// Want a job no more: what no other job needs is stopped
    Cancel(OneArgs),
    /// Try the dead letters of a failed job again
    Retry(OneArgs),
    /// Fetch a proof
    Result(ResultArgs),
    /// Every task that was given up, with the reasons
    DeadLetters(ConnectionArgs),
}

/// Which jobs to list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only those that still run
    #[arg(long)]
    open: bool,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// One job.
#[derive(Debug, Clone, Args)]
pub struct OneArgs {
    /// Its number or name
    job: String,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A job to look at.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Its number or name
    job: String,

    /// Columns to draw in; those of the terminal if nothing is said
    #[arg(long, value_name = "COLUMNS")]
    max_width: Option<usize>,

    /// Draw it into this file too
    #[arg(long, value_name = "FILE", hide = true)]
    svg: Option<PathBuf>,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Which proof, and where to.
#[derive(Debug, Clone, Args)]
pub struct ResultArgs {
    /// The job whose root's proof it is, by number or name
    #[arg(required_unless_present = "task")]
    job: Option<String>,

    /// Of this task instead, by its id
    #[arg(long, value_name = "ID", conflicts_with = "job")]
    task: Option<String>,

    /// Where it goes; `-` for stdout, not with --json
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// The dispatcher is away or says no, or what is watched fails.
pub fn run(command: &JobsCommand, console: Console) -> Result<()> {
    match command {
        JobsCommand::Submit(args) => submit::run(args, console),
        JobsCommand::List(args) => list(args, console),
        JobsCommand::Show(args) => show(args, console),
        JobsCommand::Watch(args) => watch::run(args, console),
        JobsCommand::Cancel(args) => {
            let client = args.connection.client(&SCOPES)?;
            let view =
                converse(async { client.cancel(&args.job).await.map_err(|error| args.connection.explain(error)) });
            changed(&view?, console);
            Ok(())
        }
        JobsCommand::Retry(args) => {
            let client = args.connection.client(&SCOPES)?;
            let view =
                converse(async { client.retry(&args.job).await.map_err(|error| args.connection.explain(error)) });
            changed(&view?, console);
            Ok(())
        }
        JobsCommand::Result(args) => result(args, console),
        JobsCommand::DeadLetters(connection) => dead_letters(connection, console),
    }
}

fn changed(view: &JobView, console: Console) {
    console.say(lines::status(view, lines::now_ms()));
    console.object(&json!({ "ok": true, "job": view }));
}

fn list(args: &ListArgs, console: Console) -> Result<()> {
    let client = args.connection.client(&SCOPES)?;
    let jobs = client.jobs(args.open, args.limit);
    let jobs = converse(async { jobs.await.map_err(|error| args.connection.explain(error)) })?;
    lines::listing(&jobs, lines::now_ms()).iter().for_each(|line| console.say(line));
    console.object(&json!({ "ok": true, "jobs": jobs }));
    Ok(())
}

fn show(args: &ShowArgs, console: Console) -> Result<()> {
    let client = args.connection.client(&SCOPES)?;
    let view = converse(async { client.job(&args.job).await.map_err(|error| args.connection.explain(error)) })?;
    let frame = draw::Frame { width: args.max_width.unwrap_or_else(watch::columns), ..draw::Frame::default() };
    let drawn = draw::job(&view, lines::now_ms(), &frame);
    let colours = watch::colours();
    drawn.iter().for_each(|line| console.say(ink::text(line, colours)));
    if let Some(path) = &args.svg {
        files::write(path, svg::svg(&drawn, &format!("meze jobs watch {}", args.job)).as_bytes(), false)?;
    }
    console.object(&json!({ "ok": true, "job": view }));
    Ok(())
}

fn result(args: &ResultArgs, console: Console) -> Result<()> {
    let to_stdout = args.output.as_os_str() == "-";
    if to_stdout && console.is_json() {
        bail!(Usage("with --json stdout is for the object: name a file as --output".to_owned()));
    }
    let task = args.task.as_deref().map(str::parse::<TaskId>).transpose();
    let task = task.map_err(|_| Usage("a task id is 64 lowercase hex digits".to_owned()))?;
    let client = args.connection.client(&SCOPES)?;
    let proof = converse(async {
        let proof = match (&task, &args.job) {
            (Some(task), _) => client.task_result(task).await,
            (None, job) => client.result(job.as_deref().unwrap_or_default()).await,
        };
        proof.map_err(|error| args.connection.explain(error))
    })?;
    if to_stdout {
        return std::io::stdout().write_all(&proof).context("cannot write to stdout");
    }
    files::write(&args.output, &proof, false)?;
    console.say(format!("{}: {}", args.output.display(), bytes(proof.len() as u64)));
    console.object(&json!({ "ok": true, "output": args.output, "bytes": proof.len() }));
    Ok(())
}

fn dead_letters(connection: &ConnectionArgs, console: Console) -> Result<()> {
    let client = connection.client(&SCOPES)?;
    let dead = converse(async { client.dead_letters().await.map_err(|error| connection.explain(error)) })?;
    if dead.is_empty() {
        console.say("nothing was given up");
    }
    dead.iter().flat_map(lines::dead_letter).for_each(|line| console.say(line));
    console.object(&json!({ "ok": true, "dead_letters": dead }));
    Ok(())
}
