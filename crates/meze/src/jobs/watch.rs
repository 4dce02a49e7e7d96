//! `meze jobs watch`: a job as it runs. On a terminal it is drawn again and again in place; elsewhere there is one line
//! an event, and how it stands every ten seconds.
//!
//! It goes on from the number of the last event that it has seen, so neither a lost connection nor a new dispatcher makes
//! it miss or repeat one, as long as the dispatcher still keeps them.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use proving::id::TaskId;
use proving::kind::Kind;
use serde_json::json;
use terminal::Console;
use transport::ask::{AskClient, AskError, JobStanding, JobView, News};

use super::{SCOPES, draw, ink, lines};
use crate::connection::{ConnectionArgs, converse};

/// How often plain output says how the job stands.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// The dispatcher says something each second; longer silence is a lost connection.
const SILENCE: Duration = Duration::from_secs(15);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(500);

/// Watch a job until it is over, through restarts of the dispatcher
///
/// The exit code is 0 when the job is done, and 1 when it failed or was cancelled.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Its number or name
    job: String,

    /// How it is shown.
    #[command(flatten)]
    how: How,

    /// Which dispatcher.
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How a watched job is shown.
#[derive(Debug, Clone, Args)]
pub(super) struct How {
    /// Columns to draw in; those of the terminal if nothing is said
    #[arg(long, value_name = "COLUMNS")]
    max_width: Option<usize>,

    /// Plain lines on a terminal too
    #[arg(long)]
    plain: bool,

    /// Go on after the event of this number, instead of from now
    #[arg(long, value_name = "NUMBER")]
    cursor: Option<u64>,

    /// How many seconds the dispatcher may be away before this gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience: u64,
}

impl Default for How {
    fn default() -> Self {
        Self { max_width: None, plain: false, cursor: None, patience: 600 }
    }
}

pub(super) fn run(args: &WatchArgs, console: Console) -> Result<()> {
    follow(&args.connection.client(&SCOPES)?, &args.connection, &args.job, &args.how, console)
}

/// Columns of the terminal, or of a usual one.
pub(super) fn columns() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0))
}

/// Whether what is said may have colours.
pub(super) fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Follows a job to its end.
pub(super) fn follow(
    client: &AskClient,
    connection: &ConnectionArgs,
    job: &str,
    how: &How,
    console: Console,
) -> Result<()> {
    let mut screen = Screen::new(how, console);
    let view =
        converse(async { watched(client, job, how, &mut screen).await.map_err(|error| connection.explain(error)) })?;
    screen.end(&view);
    if view.state == JobStanding::Done {
        console.object(&json!({ "ok": true, "job": view }));
        return Ok(());
    }
    let reason = view.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", ink::plain(reason)));
    bail!("job {} {}{reason}", view.id, lines::standing(view.state));
}

async fn watched(client: &AskClient, job: &str, how: &How, screen: &mut Screen) -> Result<JobView, AskError> {
    let mut cursor = how.cursor;
    let mut away: Option<Instant> = None;
    loop {
        match until_lost(client, job, &mut cursor, &mut away, screen).await {
            Ok(Some(view)) => return Ok(view),
            Ok(None) => {}
            Err(AskError::Away(reason)) => {
                let since = *away.get_or_insert_with(|| {
                    screen.note(&format!("the dispatcher is away, watching on when it is back ({reason})"));
                    Instant::now()
                });
                if since.elapsed() >= Duration::from_secs(how.patience) {
                    return Err(AskError::Away(reason));
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows one connection. `None`: it is lost, and the next one goes on at the cursor.
async fn until_lost(
    client: &AskClient,
    job: &str,
    cursor: &mut Option<u64>,
    away: &mut Option<Instant>,
    screen: &mut Screen,
) -> Result<Option<JobView>, AskError> {
    let view = client.job(job).await?;
    let from = *cursor.get_or_insert(view.cursor);
    let over = view.state != JobStanding::Open && from >= view.cursor;
    screen.view(&view);
    if over {
        return Ok(Some(view));
    }
    let mut watching = client.watch(job, Some(from)).await?;
    if away.take().is_some() {
        screen.note("the dispatcher is back");
    }
    loop {
        match tokio::time::timeout(SILENCE, watching.next()).await {
            Ok(Ok(Some(News::Event(event)))) => {
                *cursor = Some(event.number);
                screen.event(&event);
            }
            // A view comes when there are no more events, so what it shows as over is told to its end.
            Ok(Ok(Some(News::View(view)))) => {
                screen.view(&view);
                if view.state != JobStanding::Open {
                    return Ok(Some(*view));
                }
            }
            Ok(Ok(None)) | Err(_) => return Err(AskError::Away("it ended the stream".to_owned())),
            Ok(Err(error)) => return Err(error),
        }
    }
}

/// Where a watched job is shown.
struct Screen {
    console: Console,
    /// Draw in place, in so many columns; otherwise say lines.
    drawn: Option<Option<usize>>,
    /// Lines that are on the terminal now.
    height: usize,
    kinds: BTreeMap<TaskId, Kind>,
    said: Option<Instant>,
}

impl Screen {
    fn new(how: &How, console: Console) -> Self {
        let drawn = !how.plain && !console.is_json() && std::io::stdout().is_terminal();
        let drawn = drawn.then_some(how.max_width);
        Self { console, drawn, height: 0, kinds: BTreeMap::new(), said: None }
    }

    /// Something beside the job.
    fn note(&mut self, text: &str) {
        match self.drawn {
            // Below what is drawn, until that is drawn again.
            Some(_) => {
                let _ = writeln!(std::io::stdout(), "{text}\x1b[K");
                self.height += 1;
            }
            None => self.console.say(text),
        }
    }

    fn event(&mut self, event: &transport::ask::JobEvent) {
        if self.drawn.is_none() {
            self.console.say(lines::event(event, &self.kinds));
        }
    }

    fn view(&mut self, view: &JobView) {
        match self.drawn {
            Some(max_width) => self.draw(view, max_width),
            None => {
                self.kinds = view.tasks.iter().map(|task| (task.id, task.kind.clone())).collect();
                if view.state == JobStanding::Open && self.said.is_none_or(|said| said.elapsed() >= STATUS_EVERY) {
                    self.said = Some(Instant::now());
                    self.console.say(lines::status(view, lines::now_ms()));
                }
            }
        }
    }

    fn draw(&mut self, view: &JobView, max_width: Option<usize>) {
        let (columns, rows) =
            terminal_size::terminal_size().map_or((100, 30), |(w, h)| (usize::from(w.0), usize::from(h.0)));
        // A line that wraps, or one below the last row, could not be drawn over.
        let width = max_width.unwrap_or(columns).min(columns);
        let frame = draw::Frame { width, height: rows.saturating_sub(2).max(8) };
        let lines = draw::job(view, lines::now_ms(), &frame);
        let mut out = String::new();
        if self.height > 0 {
            out.push_str(&format!("\x1b[{}A\r", self.height));
        }
        for line in &lines {
            out.push_str(&ink::text(line, colours()));
            out.push_str("\x1b[K\n");
        }
        out.push_str("\x1b[J");
        self.height = lines.len();
        let mut stdout = std::io::stdout().lock();
        // Who cannot see it any more does not need it.
        let _ = stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush());
    }

    fn end(&mut self, view: &JobView) {
        if self.drawn.is_none() {
            self.console.say(lines::status(view, lines::now_ms()));
        }
    }
}
