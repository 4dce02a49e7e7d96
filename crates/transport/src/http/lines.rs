//! The lines of a session's stream, put together from the chunks in which they arrive.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::link::LinkError;

/// A longer line is no line of a session.
const MAX_LINE_BYTES: usize = 1 << 20;

/// A response whose body is read line by line.
#[derive(Debug)]
pub(super) struct Lines {
    response: reqwest::Response,
    buffer: BytesMut,
    /// How much of the buffer is known to have no end of line.
    searched: usize,
    silence: Duration,
}

impl Lines {
    /// Reads the body of `response`, which sends something at least as often as each `silence`.
    pub(super) fn new(response: reqwest::Response, silence: Duration) -> Self {
        Self { response, buffer: BytesMut::new(), searched: 0, silence }
    }

    /// The next line that says something, without its end.
    pub(super) async fn next(&mut self) -> Result<Bytes, LinkError> {
        loop {
            if let Some(line) = split(&mut self.buffer, &mut self.searched) {
                if line.is_empty() {
                    continue;
                }
                return Ok(line);
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(LinkError::Lost("dispatch sent a line without an end".to_owned()));
            }
            match tokio::time::timeout(self.silence, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.buffer.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Err(LinkError::Lost("dispatch ended the session".to_owned())),
                Ok(Err(error)) => return Err(super::client::lost(&error)),
                Err(_) => return Err(LinkError::Lost(format!("dispatch was silent for {:?}", self.silence))),
            }
        }
    }
}

/// Takes the first line off the buffer, if its end is there.
fn split(buffer: &mut BytesMut, searched: &mut usize) -> Option<Bytes> {
    let Some(offset) = buffer[*searched..].iter().position(|byte| *byte == b'\n') else {
        *searched = buffer.len();
        return None;
    };
    let end = std::mem::take(searched) + offset;
    let mut line = buffer.split_to(end + 1);
    line.truncate(end);
    Some(line.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_are_cut_into_chunks(
            text in "[a-c\n]{0,60}", cuts in prop::collection::vec(1usize..9, 0..60),
        ) {
            let (mut buffer, mut searched, mut rest) = (BytesMut::new(), 0, text.as_bytes());
            let mut lines = Vec::new();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                buffer.extend_from_slice(chunk);
                rest = after;
                lines.extend(std::iter::from_fn(|| split(&mut buffer, &mut searched)));
            }
            lines.push(buffer.freeze());
            let expected: Vec<_> = text.split('\n').map(str::as_bytes).collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
