//! Seeing blocks through: progress, troubles, proofs in their order, and the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use dispatch::model::JobState;
use ethereum_types::H256;
use evm_proving::recursive::RecursiveProof;
use evm_proving::{BlockProof, VerificationKey};
use proving::statement::Statement;
use terminal::{Console, Gauge};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::board::{Board, Progress, Standing};
use super::failure::{FOLDER, bytes, dead};
use super::proofs::Proofs;
use super::service::Service;
use super::trouble::{Patience, trouble};

/// However often the bell rings, it is looked at no more often than this.
const BREATH: Duration = Duration::from_millis(100);

/// And no less often than this.
const LOOK: Duration = Duration::from_secs(1);

/// What it takes to see blocks through.
#[derive(Debug)]
pub struct Watch {
    /// The blocks.
    pub board: Arc<Board>,
    /// Under which circuits they are proved.
    pub statement: Statement,
    /// What they are checked with.
    pub key: Arc<VerificationKey>,
    /// Inputs of failed tasks are saved.
    pub save_inputs: bool,
    /// Hears which blocks are proved: number and hash, since the chain may have another block there by now.
    pub proved: mpsc::UnboundedSender<(u64, H256)>,
    /// Where words go.
    pub console: Console,
}

impl Watch {
    /// Until nothing is left and nothing comes.
    ///
    /// # Errors
    /// A block that cannot be proved, or a proof that cannot be kept.
    pub async fn run(&self, service: &Service, proofs: &mut Proofs) -> Result<()> {
        let mut bell = service.bell.clone();
        let mut gauge = Gauge::begin(self.console, "leader");
        let (mut patience, began) = (Patience::default(), Instant::now());
        loop {
            if service.is_over() {
                bail!("the leader's own dispatcher has ended: what it said is above");
            }
            if let Some(reason) = service.is_alone() {
                gauge.end();
                bail!("no prover of this process can be started: {reason}");
            }
            if let Some(number) = self.board.taken_back() {
                proofs.drop_from(number);
            }
            // A store that is away comes back, or ends the dispatcher.
            if let Ok(standing) = self.board.look(&service.dispatcher).await {
                gauge.show(standing.progress.segments, standing.progress.known, &words(&standing.progress));
                let stuck = trouble(&standing.workers, &standing.waiting, &self.statement);
                if let Some(text) = patience.say(stuck.as_deref(), began.elapsed()) {
                    gauge.note(format!("leader: {text}"));
                }
                if standing.over {
                    gauge.end();
                    return Ok(());
                }
                if let Some((number, task, reason)) = &standing.failed {
                    gauge.end();
                    return Err(self.failed(service, *number, *task, reason).await);
                }
                if self.finish(service, standing, proofs, &gauge).await? {
                    continue;
                }
            }
            tokio::time::sleep(BREATH).await;
            let _ = tokio::time::timeout(LOOK, bell.changed()).await;
        }
    }

    /// Hands over what is finished already, for a run that ends with an error: the blocks before the first one that is
    /// not proved.
    pub async fn hand_over(&self, service: &Service, proofs: &mut Proofs) -> Result<()> {
        let gauge = Gauge::begin(self.console, "leader");
        while let Ok(standing) = self.board.look(&service.dispatcher).await {
            if !self.finish(service, standing, proofs, &gauge).await? {
                break;
            }
        }
        gauge.end();
        Ok(())
    }

    /// Takes the first block off, if it is proved.
    async fn finish(&self, service: &Service, standing: Standing, proofs: &mut Proofs, gauge: &Gauge) -> Result<bool> {
        let (Some((number, job, JobState::Done)), Some(proof)) = (standing.first, standing.proof) else {
            return Ok(false);
        };
        // A proof that is lost is made again, and the job is open until then.
        let Ok(proof) = bytes(&service.dispatcher, &proof).await else { return Ok(false) };
        let proof = RecursiveProof::from_bytes(&proof).and_then(|proof| BlockProof::of(&proof, &self.key));
        let proof = proof.with_context(|| format!("the proof of block {number} cannot be read"))?;
        if !self.board.finish(job) {
            // The chain went another way meanwhile.
            return Ok(false);
        }
        gauge.note(format!("leader: block {number} is proved"));
        let hash = proof.claimed_block_hash().unwrap_or_default();
        proofs.add(proof)?;
        // Nobody listens where blocks come from stdin.
        let _ = self.proved.send((number, hash));
        Ok(true)
    }

    async fn failed(
        &self,
        service: &Service,
        number: u64,
        task: Option<proving::id::TaskId>,
        reason: &str,
    ) -> anyhow::Error {
        let failed = anyhow!("block {number} is not proved: {reason}");
        let Some(task) = task else { return failed };
        let dead = match dead(&service.dispatcher, number, task).await {
            Ok(Some(dead)) => dead,
            _ => return failed,
        };
        dead.lines().into_iter().for_each(|line| self.console.note(line));
        if self.save_inputs {
            match dead.save(&service.dispatcher, Path::new(FOLDER)).await {
                Ok(paths) => {
                    paths.iter().for_each(|path| self.console.note(format!("leader: saved {}", path.display())))
                }
                Err(error) => self.console.note(format!("leader: the inputs cannot be saved: {error:#}")),
            }
        }
        failed
    }
}

/// How far it is, for people.
fn words(progress: &Progress) -> String {
    let Progress { blocks, asked, segments, known, left, workers, .. } = *progress;
    let eta = progress.eta_seconds().filter(|_| left > 0).map_or_else(String::new, |seconds| match seconds {
        0..90 => format!(", about {seconds} s left"),
        _ => format!(", about {} min left", seconds.div_ceil(60)),
    });
    let workers = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
    format!("blocks {blocks}/{asked}, segments {segments}/{known}, {left} proofs to go, {workers}{eta}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_what_is_done_known_and_left() {
        let progress =
            Progress { blocks: 1, asked: 2, segments: 3, known: 9, left: 14, left_ms: Some(600_000), workers: 2 };
        assert_eq!(words(&progress), "blocks 1/2, segments 3/9, 14 proofs to go, 2 workers, about 5 min left");
        let progress = Progress { left_ms: None, workers: 1, ..progress };
        assert_eq!(words(&progress), "blocks 1/2, segments 3/9, 14 proofs to go, 1 worker");
    }
}
