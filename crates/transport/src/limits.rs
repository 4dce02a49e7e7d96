//! What a receiver refuses and a sender cuts, the same on every way: how long texts and lists may be.

use proving::payload::{MAX_INLINE_BYTES, Payload};

use crate::message::{Beat, Done, Failed, Hello, MAX_LISTED, MAX_NAME_CHARS, MAX_TEXT_BYTES};
use crate::plane::PlaneError;

/// A message that a worker says, to be looked at before the dispatcher sees it.
pub(crate) trait Check {
    /// Whether it keeps the limits.
    fn check(&self) -> Result<(), PlaneError>;
}

impl Check for Hello {
    fn check(&self) -> Result<(), PlaneError> {
        name("the worker's name", &self.worker)?;
        name("the worker's version", &self.version)?;
        for (what, length) in [("offerings", self.offers.len()), ("running leases", self.running.len())] {
            if length > MAX_LISTED {
                return Err(PlaneError::Bad(format!(
                    "a worker has at most {MAX_LISTED} {what}, this one says {length}"
                )));
            }
        }
        Ok(())
    }
}

impl Check for Beat {
    fn check(&self) -> Result<(), PlaneError> {
        text("the stage", &self.stage)
    }
}

impl Check for Done {
    fn check(&self) -> Result<(), PlaneError> {
        match &self.output {
            Payload::Inline(bytes) if bytes.len() > MAX_INLINE_BYTES => Err(PlaneError::Bad(format!(
                "an output of {} bytes is a blob: only up to {MAX_INLINE_BYTES} bytes are inline",
                bytes.len()
            ))),
            _ => Ok(()),
        }
    }
}

impl Check for Failed {
    fn check(&self) -> Result<(), PlaneError> {
        text("the reason", &self.reason)
    }
}

fn name(what: &str, name: &str) -> Result<(), PlaneError> {
    // Names come up in logs, metrics and on terminals, so they neither fill nor steer them.
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(PlaneError::Bad(format!(
            "{what} has 1 to {MAX_NAME_CHARS} characters, none of them control codes"
        )));
    }
    Ok(())
}

fn text(what: &str, text: &str) -> Result<(), PlaneError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(PlaneError::Bad(format!("{what} has at most {MAX_TEXT_BYTES} bytes, this one {}", text.len())));
    }
    Ok(())
}

/// The beginning of `text` that a receiver takes.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(worker: String) -> Hello {
        Hello { worker, version: "1".to_owned(), offers: Vec::new(), memory_bytes: 1, since_ms: 0, running: Vec::new() }
    }

    #[test]
    fn a_name_is_short_and_has_no_control_codes() {
        assert!(hello("ä".repeat(MAX_NAME_CHARS)).check().is_ok());
        for worker in [String::new(), "a".repeat(MAX_NAME_CHARS + 1), "a\u{1b}[2J".to_owned()] {
            assert!(hello(worker.clone()).check().is_err(), "{worker:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ä".repeat(MAX_TEXT_BYTES);
        assert_eq!(cut(&long).len(), MAX_TEXT_BYTES);
        assert_eq!(cut(&format!("a{long}")).len(), MAX_TEXT_BYTES - 1);
    }
}
