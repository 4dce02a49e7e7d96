//! Checking proofs before they count: on threads beside the loop, so many at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use blobs::Blobs;
use dispatch::event::{Check, Event, Verdict};
use dispatch::model::Class;
use proving::error::with_sources;
use proving::kind::Kind;
use proving::payload::{BlobDigest, Payload};
use proving::prover::{Proof, Verifier};
use tokio::sync::{Semaphore, mpsc};

use crate::driver::Input;

/// Checks proofs of the classes that it has a verifier for. Workers of kinds without any verifier are trusted; of a
/// kind that can be checked, a statement without its key is not taken: whoever named it would go unchecked.
#[derive(Clone)]
pub(crate) struct Checker {
    verifiers: Arc<HashMap<Class, Arc<dyn Verifier>>>,
    /// Of those.
    kinds: Arc<HashSet<Kind>>,
    blobs: Arc<Blobs>,
    at_a_time: Arc<Semaphore>,
}

impl Checker {
    pub(crate) fn new(verifiers: Vec<Arc<dyn Verifier>>, blobs: Arc<Blobs>) -> Self {
        let class = |verifier: &Arc<dyn Verifier>| Class { kind: verifier.kind(), statement: verifier.statement() };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            kinds: Arc::new(verifiers.iter().map(|verifier| verifier.kind()).collect()),
            verifiers: Arc::new(verifiers.into_iter().map(|verifier| (class(&verifier), verifier)).collect()),
            blobs,
            at_a_time: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Whether workers are trusted with proofs of this class.
    pub(crate) fn trusts(&self, class: &Class) -> bool {
        !self.kinds.contains(&class.kind)
    }

    /// Whether proofs of this class count neither by a check nor by trust.
    pub(crate) fn is_without_key(&self, class: &Class) -> bool {
        self.kinds.contains(&class.kind) && !self.verifiers.contains_key(class)
    }

    /// Checks a proof, and says what came of it.
    pub(crate) fn check(&self, check: Check, verdicts: mpsc::UnboundedSender<Input>) {
        let checker = self.clone();
        tokio::spawn(async move {
            let held = check.held;
            let verdict = checker.verdict(check).await;
            // The loop is gone only when the dispatcher ends.
            let _ = verdicts.send(Input::Event(Event::Verdict { held, verdict }));
        });
    }

    async fn verdict(&self, check: Check) -> Verdict {
        let Ok(_permit) = self.at_a_time.acquire().await else { return Verdict::Holds };
        let Some(verifier) = self.verifiers.get(&check.class).cloned() else {
            // It was asked for when there was another key.
            return Verdict::Refused("verifier: the dispatcher has no key of this statement any more".to_owned());
        };
        let mut parts = Vec::with_capacity(check.needs.len() + 2);
        for payload in [&check.output, &check.input].into_iter().chain(&check.needs) {
            match self.read(payload).await {
                Ok(bytes) => parts.push(bytes),
                Err(digest) => return Verdict::Unreadable(digest),
            }
        }
        let kind = check.class.kind;
        let checked = tokio::task::spawn_blocking(move || {
            let needs: Vec<&[u8]> = parts[2..].iter().map(|part| &part[..]).collect();
            verifier.verify(&parts[1], &needs, &Proof::new(kind, parts[0].to_vec()))
        });
        match checked.await {
            Ok(Ok(())) => Verdict::Holds,
            Ok(Err(error)) => Verdict::Refused(error.to_string()),
            // A proof that makes the verifier panic is not one.
            Err(_) => Verdict::Refused("verifier: it panicked on this proof".to_owned()),
        }
    }

    async fn read(&self, payload: &Payload) -> Result<bytes::Bytes, BlobDigest> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone().into()),
            Payload::Blob { digest, .. } => self.read_blob(*digest).await,
        }
    }

    async fn read_blob(&self, digest: BlobDigest) -> Result<bytes::Bytes, BlobDigest> {
        let mut pause = Duration::from_millis(100);
        loop {
            let error = match self.blobs.get(digest).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            tracing::error!(%digest, error = %with_sources(&error), "a blob cannot be read");
            if error.is_lost() || pause > Duration::from_secs(5) {
                return Err(digest);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}
