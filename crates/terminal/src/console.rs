//! Where words go: with `--json` stdout carries one object, at the end, and everything else is stderr.

use std::io::Write;

use serde::Serialize;

/// Writes for people, or for machines.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    json: bool,
}

impl Console {
    /// `json`: whether stdout is for one object.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether stdout is for one object.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line of the result.
    pub fn say(&self, text: impl std::fmt::Display) {
        // A reader that went away is no reason to stop a proof.
        let _ = if self.json { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") };
    }

    /// A line beside the result.
    pub fn note(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// The object that `--json` promises; nothing without it.
    pub fn object(&self, object: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(object)
        {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}
