//! How far something is whose whole grows as it goes: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::Console;

/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// See the module.
#[derive(Debug)]
pub struct Gauge {
    console: Console,
    name: String,
    last: Instant,
    bar: Option<ProgressBar>,
}

impl Gauge {
    /// Begins with nothing known. Plain lines start with the name.
    pub fn begin(console: Console, name: impl Into<String>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}  {elapsed}");
            let bar = ProgressBar::new(0);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { console, name: name.into(), last: Instant::now(), bar }
    }

    /// So much is done, of what is known; `words` say it for people.
    pub fn show(&mut self, done: usize, known: usize, words: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(known as u64);
                bar.set_position(done as u64);
                bar.set_message(words.to_owned());
            }
            None if self.last.elapsed() >= PLAIN_EVERY => {
                self.last = Instant::now();
                self.console.note(format!("{}: {words}", self.name));
            }
            None => {}
        }
    }

    /// A line beside it.
    pub fn note(&self, text: impl std::fmt::Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.note(text)),
            None => self.console.note(text),
        }
    }

    /// It is over: the bar goes.
    pub fn end(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
