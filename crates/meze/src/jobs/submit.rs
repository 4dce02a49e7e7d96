//! `meze jobs submit`: a job from a file. Inputs that the file names are stored first.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use telemetry::{Options, SPANS};
use terminal::{Console, Usage, files};
use tracing::Instrument as _;
use transport::ask::{AskClient, Input, JobRequest};

use super::{SCOPES, lines, watch};
use crate::connection::{ConnectionArgs, converse};

/// The largest request, in bytes: what the dispatcher takes.
const MAX_REQUEST: u64 = 64 << 20;
/// The largest input, in bytes.
const MAX_INPUT: u64 = 256 << 20;

/// Ask for a job: a graph of proofs
///
/// The file is JSON: {"name": …, "tasks": […], "root": …}. A task is {"name", "kind", "statement", "input", "needs"};
/// its input is "empty", {"hex": …}, {"blob": {"digest", "bytes"}} or {"file": PATH}, which is stored first; a path
/// is taken from where the request's file is. The same name asks for the same job: submitting twice is submitting
/// once. Without a root the job stays open and may grow.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Example:\n  \
    {\"name\": \"two-naps\", \"root\": \"second\", \"tasks\": [\n    \
      {\"name\": \"first\", \"kind\": \"test.sleep\", \"statement\": \"test/line/sleep\", \"input\": {\"hex\": \"01\"}},\n    \
      {\"name\": \"second\", \"kind\": \"test.sleep\", \"statement\": \"test/line/sleep\", \"needs\": [\"first\"],\n     \
       \"input\": {\"file\": \"second.input\"}}]}")]
pub struct SubmitArgs {
    /// The request; `-` reads stdin
    file: PathBuf,

    /// Watch it until it is over
    #[arg(long)]
    watch: bool,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Submits it.
///
/// # Errors
/// A file cannot be read, the dispatcher is away or says no.
pub(super) fn run(args: &SubmitArgs, console: Console) -> Result<()> {
    let text = read(&args.file)?;
    let (mut request, named) = parse(&text).map_err(|reason| Usage(format!("{}: {reason}", args.file.display())))?;
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let client = args.connection.client(&SCOPES)?;
    let options = Options::from_env("jobs")?;
    // Only for the trace that this asker begins; its words are the console's.
    let _traces = options.collector.is_some().then(|| telemetry::init(&options)).transpose()?;
    let span = tracing::debug_span!(target: SPANS, "ask", job = %request.name);
    let ask = async {
        for (index, path) in named {
            let task = &mut request.tasks[index];
            task.input =
                upload(&client, &folder.join(path), task.secret).await.map_err(|error| match error.downcast() {
                    Ok(error) => args.connection.explain(error),
                    Err(error) => error,
                })?;
        }
        client.submit(&request).await.map_err(|error| args.connection.explain(error))
    };
    let view = converse(ask.instrument(span))?;
    if args.watch {
        return watch::follow(&client, &args.connection, &view.id.to_string(), &watch::How::default(), console);
    }
    console.say(lines::status(&view, lines::now_ms()));
    console.object(&json!({ "ok": true, "job": view }));
    Ok(())
}

async fn upload(client: &AskClient, path: &Path, secret: bool) -> Result<Input> {
    Ok(client.input(files::read(path, MAX_INPUT)?.into(), secret).await?)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return Ok(files::read(file, MAX_REQUEST)?);
    }
    let mut text = Vec::new();
    std::io::stdin().take(MAX_REQUEST).read_to_end(&mut text).context("cannot read stdin")?;
    Ok(text)
}

/// The request, and which of its tasks have an input in which file.
fn parse(text: &[u8]) -> Result<(JobRequest, Vec<(usize, PathBuf)>), String> {
    let mut value: Value = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut named = Vec::new();
    let tasks = value.get_mut("tasks").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for (index, task) in tasks.iter_mut().enumerate() {
        let Some(input) = task.get_mut("input") else { continue };
        if let Some(path) = input.get("file").and_then(Value::as_str) {
            named.push((index, path.into()));
            *input = json!("empty");
        }
    }
    let request = serde_json::from_value(value).map_err(|error| format!("it is not a job: {error}"))?;
    Ok((request, named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_in_files_are_found_and_the_rest_is_as_it_is() {
        let text = br#"{"name": "n", "tasks": [
            {"kind": "test.sleep", "statement": "test/line/sleep", "input": {"hex": "01"}},
            {"kind": "test.sleep", "statement": "test/line/sleep", "input": {"file": "a/b.witness"}},
            {"kind": "test.sleep", "statement": "test/line/sleep"}]}"#;
        let (request, named) = parse(text).unwrap();
        assert_eq!(named, [(1, PathBuf::from("a/b.witness"))]);
        let inputs: Vec<_> = request.tasks.iter().map(|task| task.input.clone()).collect();
        assert_eq!(inputs, [Input::Hex("01".to_owned()), Input::Empty, Input::Empty]);
    }

    #[test]
    fn what_is_no_job_is_told_by_its_first_mistake() {
        assert!(parse(b"{").unwrap_err().contains("not JSON"));
        assert!(parse(br#"{"name": "n", "taks": []}"#).unwrap_err().contains("taks"));
        assert!(parse(br#"{"name": "n", "tasks": [{"kind": "sleep", "statement": "x"}]}"#).is_err());
        assert!(parse(b"[]").is_err());
    }
}
