//! One run of a leader: from checked blocks to their proofs.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use block_witness::DecodedBlock;
use chain_source::SourceError;
use ethereum_types::H256;
use evm_proving::VerificationKey;
use evm_proving::verifiers::verifiers;
use proving::prover::Verifier;
use terminal::{Console, Usage};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use transport::tls::may_listen;

use super::args::StdioArgs;
use super::ask::{Asker, Asking, open_jobs};
use super::before::{earlier, from_file};
use super::board::Board;
use super::graph::number_of;
use super::inputs::Before;
use super::lane::{News, lane};
use super::proofs::{Proofs, beside, check_count, set_aside};
use super::rpc::RpcArgs;
use super::service::{Service, Workers};
use super::watch::Watch;
use super::{LeaderArgs, stdio as input};
use crate::{deep, keys};

/// How long workers have to hear that they are to stop.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The last line of stdout, where proofs go there.
type Line = Option<Vec<u8>>;

/// Only a part of what was asked for was proved, and nobody keeps it but the last line of stdout.
#[derive(Debug)]
pub(super) struct Part {
    /// That line.
    pub line: Vec<u8>,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the proofs of the blocks before it, which nobody else keeps, are the last line of stdout; with them as \
             --previous-proof the rest can be proved",
        )
    }
}

impl std::error::Error for Part {}

/// Where blocks come from.
struct Source {
    news: mpsc::UnboundedReceiver<News>,
    /// What the first block is on top of.
    before: Before,
    /// Hears which blocks are proved, by number and hash.
    proved: mpsc::UnboundedSender<(u64, H256)>,
    /// Gives them out, and ends when nobody proves any more.
    feeding: Pin<Box<dyn Future<Output = Result<()>>>>,
}

/// Proves the blocks of a witness on stdin; gives the last line of stdout.
pub(super) fn stdio(args: &LeaderArgs, stdio: &StdioArgs, console: Console) -> Result<Line> {
    let broker = args.fabric.broker()?;
    on_runtime(async {
        let blocks = deep::deep(|| input::blocks(std::io::stdin().lock())).await??;
        check_count(args.proving.proof_output_dir.as_deref(), blocks.len() as u64)?;
        let key = verification_key(args, console).await?;
        let previous = stdio.previous_proof.as_deref().map(|path| from_file(path, &key)).transpose()?;
        let before = previous.as_ref().map_or(Before::Checkpoint, |(_, before)| before.clone());
        let (after, batch_size) = (previous.map(|(after, _)| after), args.proving.batch_size);
        let blocks = deep::deep(move || input::decoded(blocks, after.as_ref(), batch_size)).await??;
        blocks.iter().for_each(|block| console.note(words(block)));
        let range = blocks.first().map_or(0, |block| block.number)..=blocks.last().map_or(0, |block| block.number);
        let service = service(args, &key, broker, move |number| range.contains(&number), console).await?;
        let (lane, news) = lane();
        let feeding = Box::pin(async move {
            for block in blocks {
                // A run that failed takes no more.
                let Some(turn) = lane.turn().await else { break };
                lane.block(Box::new(block), turn);
            }
            Ok(())
        });
        let source = Source { news, before, proved: mpsc::unbounded_channel().0, feeding };
        see_through(args, service, key, source, console).await
    })
}

/// Proves blocks of a node's chain; gives the last line of stdout.
pub(super) fn rpc(args: &LeaderArgs, rpc: &RpcArgs, console: Console) -> Result<Line> {
    let broker = args.fabric.broker()?;
    if rpc.end_block.is_none() && args.proving.proof_output_dir.is_none() {
        let text = "without --end-block the chain is followed for ever: say where proofs go, with --proof-output-dir";
        return Err(Usage(text.to_owned()).into());
    }
    if let Some(end) = rpc.end_block {
        let blocks = end.saturating_sub(rpc.start_block).saturating_add(1);
        check_count(args.proving.proof_output_dir.as_deref(), blocks)?;
    }
    let line = on_runtime(async {
        let chain = rpc.open(args.folder(), console).await?;
        let key = verification_key(args, console).await?;
        let wanted = rpc.clone();
        let service = service(args, &key, broker, move |number| wanted.wanted(number), console).await?;
        let previous = match (&rpc.previous_proof, chain.proved()) {
            (_, Some(proved)) => {
                console.note(format!("leader: blocks up to {} are proved: going on after it", proved.number));
                Some(earlier(&service.dispatcher, proved, args.proving.proof_output_dir.as_deref(), &key).await?)
            }
            (Some(path), None) => Some(from_file(path, &key)?),
            (None, None) => None,
        };
        let before = previous.as_ref().map_or(Before::Checkpoint, |(_, before)| before.clone());
        let (lane, news) = lane();
        let (proved, heard) = mpsc::unbounded_channel();
        let after = previous.map(|(after, _)| after);
        let batch_size = args.proving.batch_size;
        let fed = chain.run(after, batch_size, lane, heard, console);
        let folder = args.proving.proof_output_dir.clone();
        let feeding = Box::pin(async move { fed.await.map_err(|error| dropped(error, folder.as_deref())) });
        see_through(args, service, key, Source { news, before, proved, feeding }, console).await
    });
    match line {
        // Who follows for ever has no other end.
        Err(error) if error.is::<Stopped>() && rpc.end_block.is_none() => {
            console.note(format!("leader: {error}"));
            Ok(None)
        }
        line => line,
    }
}

/// Where blocks are gone that were proved, their proofs are set aside, and the error names them.
fn dropped(error: anyhow::Error, folder: Option<&Path>) -> anyhow::Error {
    let (Some(SourceError::ProvedBlockGone(gone)), Some(folder)) = (error.downcast_ref(), folder) else { return error };
    let moved = set_aside(folder, gone.proved.iter().map(|block| (block.number, block.hash)));
    let named = match &moved[..] {
        [] => return error,
        [path] => {
            format!("{} is of a block that the chain dropped, and is now {}", path.display(), beside(path).display())
        }
        [first, .., last] => format!(
            "{} to {} are of blocks that the chain dropped, and are now {} and so on",
            first.display(),
            last.display(),
            beside(first).display()
        ),
    };
    error.context(named)
}

/// Runs to the end, and ends everything with it, so that nothing is said afterwards.
fn on_runtime(run: impl Future<Output = Result<Line>>) -> Result<Line> {
    let runtime = crate::runtime()?;
    // Within the runtime, since traces are sent from it; to the end, since it sends the last ones.
    let entered = runtime.enter();
    let telemetry = telemetry::init(&telemetry::Options::from_env("evm-leader")?)?;
    let line = runtime.block_on(run);
    drop(telemetry);
    drop(entered);
    runtime.shutdown_timeout(Duration::from_secs(2));
    line
}

/// The dispatcher and its workers. Jobs of an earlier run that are for other blocks than the `wanted` ones are given
/// up.
async fn service(
    args: &LeaderArgs,
    key: &Arc<VerificationKey>,
    broker: Option<String>,
    wanted: impl Fn(u64) -> bool + Send + 'static,
    console: Console,
) -> Result<Service> {
    let workers = broker.map_or_else(|| Workers::Local(args.fabric.num_workers, &args.circuits), Workers::Broker);
    let checking = verifiers(key).into_iter().map(|verifier| Arc::new(verifier) as Arc<dyn Verifier>).collect();
    let service = Service::start(args.folder().as_deref(), checking, workers, console).await?;
    if let Some(address) = args.proving.http {
        may_listen(address, false, args.proving.insecure_plaintext).map_err(|error| Usage(error.to_string()))?;
        service.show(address, console).await?;
    }
    let unwanted = move |state: &dispatch::state::State| {
        let of_others = |(_, name): &(_, String)| number_of(name).is_none_or(|number| !wanted(number));
        open_jobs(state).filter(of_others).map(|(job, _)| job).collect::<Vec<_>>()
    };
    service.dispatcher.look(unwanted).await?.into_iter().for_each(|job| service.dispatcher.cancel(job));
    Ok(service)
}

/// Asks for all that comes and sees it through.
async fn see_through(
    args: &LeaderArgs,
    service: Service,
    key: Arc<VerificationKey>,
    source: Source,
    console: Console,
) -> Result<Line> {
    let config = args.circuits.config()?;
    let board = Arc::new(Board::new(config.statement(), service.has_broker()));
    let mut proofs = Proofs::new(args.proving.proof_output_dir.clone(), console);
    let Source { news, before, proved, feeding } = source;
    let watch = Watch {
        board: board.clone(),
        statement: config.statement(),
        key,
        save_inputs: args.proving.save_inputs_on_error,
        proved,
        console,
    };
    let asking = Asking {
        config,
        max_cpu_len_log: args.proving.max_cpu_len_log,
        pool: args.proving.block_pool_size,
        ahead: Duration::from_secs(args.proving.simulate_ahead),
        broker: service.has_broker(),
    };
    let asker = Asker::new(service.dispatcher.clone(), board.clone(), asking);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let outcome = {
        let asked = asker.run(news, before);
        let watched = watch.run(&service, &mut proofs);
        tokio::select! {
            outcome = async { tokio::try_join!(feeding, asked, watched) } => outcome.map(|_| ()),
            _ = terminate.recv() => Err(anyhow!(Stopped)),
            _ = interrupt.recv() => Err(anyhow!(Stopped)),
        }
    };
    let handed = match &outcome {
        Ok(()) => Ok(()),
        // What is not finished stays open: with the same input it goes on where it was.
        Err(error) => {
            if matches!(error.downcast_ref(), Some(SourceError::ProvedBlockGone(_))) {
                board.jobs().into_iter().for_each(|job| service.dispatcher.cancel(job));
                tokio::time::sleep(LAST_WORDS).await;
            }
            watch.hand_over(&service, &mut proofs).await
        }
    };
    let ended = service.end().await;
    if let Err(error) = outcome {
        if let Err(error) = handed {
            console.note(format!("leader: what is proved cannot be handed over: {error:#}"));
        }
        let lost = args.folder().is_none() && proofs.has_some();
        return Err(match proofs.line().filter(|_| lost) {
            Some(line) => error.context(Part { line }),
            None => error,
        });
    }
    ended.context("the leader's dispatcher failed")?;
    Ok(proofs.line())
}

/// Somebody wanted an end.
#[derive(Debug)]
struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped; with the same input and --data-dir it goes on where it was")
    }
}

impl std::error::Error for Stopped {}

async fn verification_key(args: &LeaderArgs, console: Console) -> Result<Arc<VerificationKey>> {
    let (circuits, file) = (args.circuits.clone(), args.proving.verification_key.clone());
    let key = deep::deep(move || keys::of_circuits(&circuits, file.as_deref(), "leader", console)).await??;
    Ok(Arc::new(key))
}

fn words(block: &DecodedBlock) -> String {
    let DecodedBlock { number, chain_id, transactions, .. } = block;
    let (from, to, batches) = (block.pre_state_root, block.post_state_root, block.batches.len());
    format!(
        "leader: block {number} of chain {chain_id}: {transactions} transactions in {batches} batches, state {from:#x} to {to:#x}"
    )
}
