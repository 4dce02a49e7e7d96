//! How far a stage is: a bar on a terminal, plain lines elsewhere, always on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::Console;

/// How often a plain line is written within a stage.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// One stage of some steps.
#[derive(Debug)]
pub struct Stage {
    console: Console,
    name: String,
    total: usize,
    done: usize,
    started: Instant,
    last: Instant,
    bar: Option<ProgressBar>,
}

impl Stage {
    /// Begins a stage of `total` steps.
    pub fn begin(console: Console, name: impl Into<String>, total: usize) -> Self {
        let name = name.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:<28} {bar:32} {pos:>4}/{len}  {elapsed}");
            let bar = ProgressBar::new(total as u64).with_message(name.clone());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { console, name, total, done: 0, started: Instant::now(), last: Instant::now(), bar }
    }

    /// One step is over.
    pub fn step(&mut self) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.done < self.total && self.last.elapsed() >= PLAIN_EVERY => {
                self.last = Instant::now();
                self.console.note(format!("{}: {} of {}", self.name, self.done, self.total));
            }
            None => {}
        }
    }

    /// The stage is over.
    pub fn end(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        self.console.note(format!("{}: {} of {} in {seconds:.1} s", self.name, self.done, self.total));
    }
}
