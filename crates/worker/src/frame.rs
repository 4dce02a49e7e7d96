//! The codec of the pipe between worker and prover child: a magic, the length as a little-endian `u32`,
//! then a message in postcard.
//!
//! The magic tells a frame from the stray print of a library; the limit and reading in pieces keep a lying
//! length from becoming a huge allocation.

use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use proving::kind::Kind;
use proving::lease::{Cause, Usage};
use proving::statement::Statement;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use transport::message::Offering;

use crate::error::{Stray, WorkerError};

/// The first bytes of every frame.
pub const MAGIC: [u8; 4] = *b"MZp1";

/// The longest body, unless configured otherwise.
pub const DEFAULT_LIMIT: u32 = 256 << 20;

const HEADER_BYTES: usize = 8;

/// As much is allocated before the first bytes of a body are there.
const FIRST_BYTES: usize = 64 << 10;

/// As much of a stray text is kept, and so long is waited for the rest of it.
const STRAY_BYTES: usize = 1024;
const STRAY_WAIT: Duration = Duration::from_millis(50);

/// What the worker says to its child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToChild {
    /// The first word: get the keys ready, test yourself, and say so.
    Prepare {
        /// The longest body from now on, in bytes, both ways.
        limit: u32,
    },
    /// Make this proof.
    Prove(Prove),
    /// Stop the running proof, if there is one.
    Cancel,
}

/// A proof to be made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prove {
    /// What sort of proof.
    pub kind: Kind,
    /// Under which circuit and mode.
    pub statement: Statement,
    /// The input.
    pub input: Bytes,
    /// The needed proofs, in the task's order.
    pub needs: Vec<Bytes>,
    /// Nothing of the input may be shown.
    pub secret: bool,
}

impl fmt::Debug for Prove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs: Vec<usize> = self.needs.iter().map(Bytes::len).collect();
        write!(f, "Prove({}, {}, {} bytes, needs {needs:?})", self.kind, self.statement, self.input.len())
    }
}

/// What the child says to its worker.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum FromChild {
    /// The keys are there and the self test passed.
    Ready {
        /// What it can prove.
        offers: Vec<Offering>,
        /// Its resident set, in bytes.
        rss: u64,
        /// How long that took.
        seconds: f64,
    },
    /// How far the running proof is.
    Progress {
        /// The stage.
        stage: String,
        /// Steps done.
        done: u64,
        /// Steps of the stage, 0 where not known.
        total: u64,
    },
    /// The proof.
    Proof {
        /// Its bytes.
        bytes: Bytes,
        /// What it took.
        usage: Usage,
    },
    /// There is no proof, or the child cannot get ready.
    Failed {
        /// Why, as a word.
        cause: Cause,
        /// Why, for people, without any secret.
        reason: String,
        /// What it took all the same.
        usage: Usage,
    },
}

impl fmt::Debug for FromChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { offers, .. } => write!(f, "Ready({} offers)", offers.len()),
            Self::Progress { stage, done, total } => write!(f, "Progress({stage}, {done} of {total})"),
            Self::Proof { bytes, .. } => write!(f, "Proof({} bytes)", bytes.len()),
            Self::Failed { cause, .. } => write!(f, "Failed({cause})"),
        }
    }
}

/// The frame of `message`, to be written in one go.
///
/// # Errors
/// [`WorkerError::FrameTooLarge`] where its body is longer than `limit`.
pub fn encode(message: &impl Serialize, limit: u32) -> Result<Vec<u8>, WorkerError> {
    let header = [MAGIC, [0; 4]].concat();
    let mut frame = postcard::to_extend(message, header).map_err(WorkerError::Body)?;
    let bytes = (frame.len() - HEADER_BYTES) as u64;
    let length = u32::try_from(bytes).ok().filter(|length| *length <= limit);
    let length = length.ok_or(WorkerError::FrameTooLarge { bytes, limit })?;
    frame[4..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Writes one frame and flushes: the child's way to write.
///
/// # Errors
/// [`WorkerError::FrameTooLarge`] before a byte is written, [`WorkerError::Pipe`] where the pipe fails.
pub fn write(out: &mut impl Write, message: &impl Serialize, limit: u32) -> Result<(), WorkerError> {
    let frame = encode(message, limit)?;
    out.write_all(&frame).and_then(|()| out.flush()).map_err(WorkerError::Pipe)
}

/// Reads one frame, `None` at the end between two: the child's way to read.
///
/// # Errors
/// One of the first five of [`WorkerError`].
pub fn read<T: DeserializeOwned>(from: &mut impl Read, limit: u32) -> Result<Option<T>, WorkerError> {
    let mut header = Header::default();
    while !header.is_full() {
        let count = from.read(header.rest()).map_err(WorkerError::Pipe)?;
        match header.take(count) {
            Taken::More => {}
            Taken::End(end) => return end.map(|()| None),
            Taken::Stray(mut stray) => {
                // The child is spoken to by its worker alone, so nothing is worth waiting for.
                stray.truncate(STRAY_BYTES);
                return Err(WorkerError::Stray(Stray(stray)));
            }
        }
    }
    let length = header.length(limit)?;
    let mut body = Vec::with_capacity(FIRST_BYTES.min(length as usize));
    from.take(u64::from(length)).read_to_end(&mut body).map_err(WorkerError::Pipe)?;
    decode(&body, length).map(Some)
}

/// Reads one frame, `None` at the end between two: the worker's way to read.
///
/// # Errors
/// One of the first five of [`WorkerError`]. A [`WorkerError::Stray`] comes with what else was there.
pub async fn read_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    limit: u32,
) -> Result<Option<T>, WorkerError> {
    let mut header = Header::default();
    while !header.is_full() {
        let count = from.read(header.rest()).await.map_err(WorkerError::Pipe)?;
        match header.take(count) {
            Taken::More => {}
            Taken::End(end) => return end.map(|()| None),
            Taken::Stray(stray) => return Err(WorkerError::Stray(rest_of_stray(from, stray).await)),
        }
    }
    let length = header.length(limit)?;
    let mut body = Vec::with_capacity(FIRST_BYTES.min(length as usize));
    from.take(u64::from(length)).read_to_end(&mut body).await.map_err(WorkerError::Pipe)?;
    decode(&body, length).map(Some)
}

/// What follows a stray text at once, up to the next frame.
async fn rest_of_stray(from: &mut (impl AsyncRead + Unpin), mut stray: Vec<u8>) -> Stray {
    let more = async { while stray.len() < STRAY_BYTES && matches!(from.read_buf(&mut stray).await, Ok(1..)) {} };
    // Running out of time is how a shorter text ends.
    let _ = tokio::time::timeout(STRAY_WAIT, more).await;
    let next = stray.windows(MAGIC.len()).position(|window| window == MAGIC);
    stray.truncate(next.unwrap_or(STRAY_BYTES));
    Stray(stray)
}

fn decode<T: DeserializeOwned>(body: &[u8], length: u32) -> Result<T, WorkerError> {
    if body.len() < length as usize {
        return Err(WorkerError::Truncated);
    }
    match postcard::take_from_bytes(body).map_err(WorkerError::Body)? {
        (message, []) => Ok(message),
        _ => Err(WorkerError::Body(postcard::Error::DeserializeBadEncoding)),
    }
}

/// A header as it comes in, judged byte by byte: a stray text may be shorter than a header.
#[derive(Default)]
struct Header {
    bytes: [u8; HEADER_BYTES],
    filled: usize,
}

/// What the last bytes of a header made of it.
enum Taken {
    More,
    End(Result<(), WorkerError>),
    Stray(Vec<u8>),
}

impl Header {
    fn is_full(&self) -> bool {
        self.filled == HEADER_BYTES
    }

    fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    fn take(&mut self, count: usize) -> Taken {
        if count == 0 {
            return Taken::End(if self.filled == 0 { Ok(()) } else { Err(WorkerError::Truncated) });
        }
        self.filled += count;
        let magic = self.filled.min(MAGIC.len());
        if self.bytes[..magic] == MAGIC[..magic] {
            return Taken::More;
        }
        Taken::Stray(self.bytes[..self.filled].to_vec())
    }

    fn length(&self, limit: u32) -> Result<u32, WorkerError> {
        let [.., a, b, c, d] = self.bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > limit {
            return Err(WorkerError::FrameTooLarge { bytes: u64::from(length), limit });
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proving::statement::{KeyDigest, Mode};

    use super::*;

    const LIMIT: u32 = 1 << 20;

    fn prove(input: Vec<u8>, needs: Vec<Vec<u8>>) -> ToChild {
        ToChild::Prove(Prove {
            kind: Kind::ROLLUP_INNER,
            statement: Statement::of_key(Mode::Test, KeyDigest::of(b"key")),
            input: input.into(),
            needs: needs.into_iter().map(Bytes::from).collect(),
            secret: true,
        })
    }

    /// Both readers, which must agree.
    fn read_both(mut bytes: &[u8], limit: u32) -> Result<Option<ToChild>, WorkerError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (mut sync_bytes, rest) = (bytes, &mut bytes);
        let by_sync = read::<ToChild>(&mut sync_bytes, limit);
        let by_async = runtime.block_on(read_async::<ToChild>(rest, limit));
        match (&by_sync, &by_async) {
            (Ok(a), Ok(b)) => assert_eq!(a, b),
            (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
            (a, b) => panic!("{a:?} is not {b:?}"),
        }
        by_async
    }

    #[test]
    fn the_end_between_two_frames_is_no_error_and_within_one_it_is() {
        assert_eq!(read_both(&[], LIMIT).unwrap(), None);
        let frame = encode(&ToChild::Cancel, LIMIT).unwrap();
        for cut in 1..frame.len() {
            assert!(matches!(read_both(&frame[..cut], LIMIT), Err(WorkerError::Truncated)), "{cut}");
        }
    }

    #[test]
    fn a_lying_length_is_refused_or_costs_nothing() {
        let over = [&MAGIC[..], &u32::MAX.to_le_bytes()].concat();
        assert!(matches!(
            read_both(&over, LIMIT),
            Err(WorkerError::FrameTooLarge { bytes: 0xffff_ffff, limit: LIMIT })
        ));
        // Within the limit, but the bytes never come: 4 GiB would not fit, 64 KiB do.
        assert!(matches!(read_both(&over, u32::MAX), Err(WorkerError::Truncated)));
    }

    #[test]
    fn too_long_a_message_is_not_written_at_all() {
        let mut out = Vec::new();
        let error = write(&mut out, &prove(vec![0; 2 << 20], Vec::new()), LIMIT).unwrap_err();
        assert!(matches!(error, WorkerError::FrameTooLarge { limit: LIMIT, .. }));
        assert!(out.is_empty());
    }

    #[test]
    fn a_stray_text_is_shown_up_to_the_next_frame() {
        let bytes = [b"loading keys ...\n", encode(&ToChild::Cancel, LIMIT).unwrap().as_slice()].concat();
        match read_both(&bytes, LIMIT) {
            Err(WorkerError::Stray(stray)) => assert_eq!(stray.escaped(), "loading keys ...\\n"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stray_text_shorter_than_a_header_is_seen_without_waiting_for_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (mut near, far) = tokio::io::duplex(64);
        let read = async {
            tokio::io::AsyncWriteExt::write_all(&mut near, b"hi").await.unwrap();
            let mut far = far;
            read_async::<FromChild>(&mut far, LIMIT).await
        };
        assert!(matches!(runtime.block_on(read), Err(WorkerError::Stray(Stray(text))) if text == b"hi"));
    }

    #[test]
    fn debug_shows_no_bytes_of_inputs_and_proofs() {
        let shown = format!("{:?}", prove(b"secret".to_vec(), vec![b"secret".to_vec()]));
        assert!(shown.ends_with("6 bytes, needs [6]))"), "{shown}");
        let proof = FromChild::Proof { bytes: Bytes::from_static(b"secret"), usage: Usage::default() };
        assert_eq!(format!("{proof:?}"), "Proof(6 bytes)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(input: Vec<u8>, needs: Vec<Vec<u8>>) {
            let message = prove(input, needs);
            let mut pipe = Vec::new();
            write(&mut pipe, &message, LIMIT).unwrap();
            prop_assert_eq!(read_both(&pipe, LIMIT).unwrap(), Some(message));
        }

        #[test]
        fn arbitrary_bytes_are_one_error_and_never_a_panic(bytes: Vec<u8>) {
            let result = read_both(&bytes, LIMIT);
            prop_assert!(bytes.is_empty() || result.is_err());
        }

        #[test]
        fn arbitrary_bodies_are_read_or_refused(body: Vec<u8>) {
            let mut frame = [&MAGIC[..], &(body.len() as u32).to_le_bytes()].concat();
            frame.extend(&body);
            match read_both(&frame, LIMIT) {
                Ok(message) => prop_assert!(message.is_some()),
                Err(error) => prop_assert!(matches!(error, WorkerError::Body(_))),
            }
            let _ = read::<FromChild>(&mut frame.as_slice(), LIMIT);
        }

        #[test]
        fn a_damaged_frame_never_panics(input: Vec<u8>, at: usize, bit in 0u8..8) {
            let mut frame = encode(&prove(input, vec![vec![1; 3]]), LIMIT).unwrap();
            let at = at % frame.len();
            frame[at] ^= 1 << bit;
            let _ = read_both(&frame, LIMIT);
        }
    }
}
