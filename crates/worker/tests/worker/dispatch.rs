//! Dispatch in memory: a link whose other end is the test.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proving::id::TaskId;
use proving::lease::{Cause, Token};
use proving::payload::{BlobDigest, Payload};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use transport::link::{Link, LinkError, Session};
use transport::message::{Answer, Beat, Done, Failed, Hello, Notice, Offer, Welcome};

use crate::toy::{kind, statement};

pub(crate) const BEAT: Duration = Duration::from_millis(50);

#[derive(Clone, Default)]
pub(crate) struct Dispatch(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// Everything the worker said, and everything it is to be told.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) hellos: Vec<Hello>,
    pub(crate) beats: Vec<(Beat, Instant)>,
    pub(crate) done: Vec<Done>,
    pub(crate) failed: Vec<Failed>,
    pub(crate) stored: Vec<(Bytes, bool)>,
    pub(crate) blobs: HashMap<BlobDigest, Bytes>,
    /// No connections are taken.
    pub(crate) away: bool,
    /// Connections are refused with this.
    pub(crate) refusal: Option<String>,
    /// Tokens that are told to be stale.
    pub(crate) stale: Vec<Token>,
    /// Beats are answered with `false`.
    pub(crate) beats_are_stale: bool,
    /// The next answer is lost on its way, and the connection with it.
    pub(crate) loses_an_answer: bool,
    offers: VecDeque<Offer>,
    tokens: u64,
    notices: Option<mpsc::UnboundedSender<Notice>>,
    connection: CancellationToken,
}

impl Dispatch {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// A task for the toy, by its input.
    pub(crate) fn offer(&self, input: &str) -> Token {
        self.offer_as(input, |_| {})
    }

    pub(crate) fn offer_as(&self, input: &str, change: impl FnOnce(&mut Offer)) -> Token {
        let mut state = self.state();
        state.tokens += 1;
        let token = Token(state.tokens);
        let mut offer = Offer {
            task: TaskId::from_bytes([token.0 as u8; 32]),
            token,
            kind: kind(),
            statement: statement(),
            input: Payload::Inline(input.as_bytes().to_vec()),
            needs: Vec::new(),
            secret: false,
            memory_bytes: 0,
            traceparent: None,
        };
        change(&mut offer);
        state.offers.push_back(offer);
        drop(state);
        self.0.changed.notify_waiters();
        token
    }

    pub(crate) fn notify(&self, notice: Notice) {
        self.state().notices.as_ref().unwrap().send(notice).unwrap();
    }

    /// The connection breaks, and no other is made until [`come_back`](Self::come_back).
    pub(crate) fn go_away(&self) {
        let mut state = self.state();
        state.away = true;
        state.notices = None;
        state.connection.cancel();
    }

    pub(crate) fn come_back(&self) {
        self.state().away = false;
    }

    /// Waits until `condition` holds, at most ten seconds.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&State) -> bool) {
        let began = Instant::now();
        while !condition(&self.state()) {
            assert!(began.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the child proves the task with this token.
    pub(crate) async fn until_proving(&self, token: Token) {
        let proves =
            |state: &State| state.beats.iter().any(|(beat, _)| beat.held.token == token && !beat.stage.is_empty());
        self.until("a beat from the proof", proves).await;
    }

    /// Waits for the next failure, and checks its cause and words.
    pub(crate) async fn until_failed(&self, cause: Cause, words: &str) {
        self.until("a failure", |state| !state.failed.is_empty()).await;
        let failed = self.state().failed.remove(0);
        assert_eq!(failed.cause, cause, "{}", failed.reason);
        assert!(failed.reason.contains(words), "{words:?} is not in {:?}", failed.reason);
    }
}

pub(crate) struct Connected {
    dispatch: Dispatch,
    notices: Option<mpsc::UnboundedReceiver<Notice>>,
    connection: CancellationToken,
}

fn lost() -> LinkError {
    LinkError::Lost("dispatch is away".to_owned())
}

impl Link for Dispatch {
    type Session = Connected;

    async fn connect(&self, hello: Hello) -> Result<(Connected, Welcome), LinkError> {
        let mut state = self.state();
        if let Some(refusal) = &state.refusal {
            return Err(LinkError::Refused(refusal.clone()));
        }
        if state.away {
            return Err(lost());
        }
        state.hellos.push(hello);
        let (notify, notices) = mpsc::unbounded_channel();
        state.notices = Some(notify);
        state.connection = CancellationToken::new();
        let connection = state.connection.clone();
        let welcome = Welcome { lease_ms: 1000, beat_ms: BEAT.as_millis() as u64, stale: state.stale.clone() };
        drop(state);
        Ok((Connected { dispatch: self.clone(), notices: Some(notices), connection }, welcome))
    }
}

impl Connected {
    fn open(&self) -> Result<MutexGuard<'_, State>, LinkError> {
        if self.connection.is_cancelled() { Err(lost()) } else { Ok(self.dispatch.state()) }
    }

    fn answer(&self, mut state: MutexGuard<'_, State>) -> Result<Answer, LinkError> {
        if std::mem::take(&mut state.loses_an_answer) {
            state.connection.cancel();
            return Err(lost());
        }
        Ok(Answer::Accepted)
    }
}

impl Session for Connected {
    async fn next(&self) -> Result<Offer, LinkError> {
        loop {
            let changed = self.dispatch.0.changed.notified();
            if let Some(offer) = self.open()?.offers.pop_front() {
                return Ok(offer);
            }
            tokio::select! {
                () = changed => {}
                () = self.connection.cancelled() => return Err(lost()),
            }
        }
    }

    async fn beat(&self, beat: &Beat) -> Result<bool, LinkError> {
        let mut state = self.open()?;
        state.beats.push((beat.clone(), Instant::now()));
        Ok(!state.beats_are_stale)
    }

    async fn done(&self, done: &Done) -> Result<Answer, LinkError> {
        let mut state = self.open()?;
        state.done.push(done.clone());
        self.answer(state)
    }

    async fn failed(&self, failed: &Failed) -> Result<Answer, LinkError> {
        let mut state = self.open()?;
        state.failed.push(failed.clone());
        self.answer(state)
    }

    async fn fetch(&self, payload: &Payload) -> Result<Bytes, LinkError> {
        let state = self.open()?;
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone().into()),
            Payload::Blob { digest, .. } => {
                state.blobs.get(digest).cloned().ok_or_else(|| LinkError::Blob(format!("blob {digest} is missing")))
            }
        }
    }

    async fn store(&self, bytes: Bytes, secret: bool) -> Result<Payload, LinkError> {
        let payload = Payload::blob_of(&bytes);
        self.open()?.stored.push((bytes, secret));
        Ok(payload)
    }

    fn notices(&mut self) -> mpsc::UnboundedReceiver<Notice> {
        self.notices.take().unwrap()
    }
}
