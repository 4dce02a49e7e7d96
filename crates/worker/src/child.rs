//! The child's side of the pipe: makes the provers, says so, and proves what it is told to until its
//! worker is gone.
//!
//! Frames go to stdout; logs and panics go to stderr. A thread of its own reads stdin, so the end of the
//! worker ends the child at once, even in the middle of a proof.

mod panics;
mod report;
mod usage;

use std::io::stdin;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use proving::context::{CancelToken, ProveContext};
use proving::error::{FailureClass, ProveError, with_sources};
use proving::lease::{Cause, Usage};
use proving::prover::Prover;
use transport::message::Offering;

use self::report::Pipe;
use self::usage::Meter;
use crate::error::cut;
use crate::frame::{self, DEFAULT_LIMIT, FromChild, Prove, ToChild};

/// The exit code of a child that panicked, as Rust's own.
pub const EXIT_PANIC: u8 = 101;

/// The exit code of a child that was spoken to in anything but frames.
pub const EXIT_PROTOCOL: u8 = 3;

/// What the reading thread hands to the proving one.
enum Order {
    Prepare { limit: u32 },
    Prove(Prove, CancelToken),
}

/// Runs the child to its end: `provers` makes them, keys included, and `self_test` tries them before the
/// worker hears that they are ready.
///
/// It must be called on a process whose stdin and stdout are the worker's pipes, before anything prints.
pub fn run_child(
    provers: impl FnOnce() -> Result<Vec<Arc<dyn Prover>>, ProveError>,
    self_test: impl FnOnce(&[Arc<dyn Prover>]) -> Result<(), ProveError>,
) -> ExitCode {
    panics::report_to_stderr();
    let (orders, receive) = mpsc::channel();
    std::thread::spawn(move || read_orders(&orders));
    let Ok(Order::Prepare { limit }) = receive.recv() else {
        eprintln!("the first word to a prover child must be to prepare");
        return ExitCode::from(EXIT_PROTOCOL);
    };
    let pipe = Arc::new(Pipe::new(limit));
    let began = Instant::now();
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        let provers = provers()?;
        self_test(&provers)?;
        let provers: Result<_, ProveError> =
            provers.into_iter().map(|prover| Ok((offering(&*prover)?, prover))).collect();
        provers
    }));
    let provers: Vec<(Offering, Arc<dyn Prover>)> = match prepared {
        Ok(Ok(provers)) => provers,
        Ok(Err(error)) => {
            pipe.send(&failed(&error, false, Usage::default()));
            return ExitCode::FAILURE;
        }
        Err(_) => return panicked(&pipe, Usage::default()),
    };
    let offers = provers.iter().map(|(offering, _)| offering.clone()).collect();
    pipe.send(&FromChild::Ready { offers, rss: usage::resident_bytes(), seconds: began.elapsed().as_secs_f64() });
    prove_all(&provers, &receive, &pipe)
}

fn offering(prover: &dyn Prover) -> Result<Offering, ProveError> {
    Ok(Offering { kind: prover.kind(), statement: prover.statement()? })
}

/// Reads until the worker is gone, and then ends the process: there is nobody left to prove for.
fn read_orders(orders: &Sender<Order>) {
    let mut pipe = stdin().lock();
    let (mut limit, mut running) = (DEFAULT_LIMIT, CancelToken::new());
    loop {
        let order = match frame::read(&mut pipe, limit) {
            Ok(Some(ToChild::Prepare { limit: new })) => {
                limit = new;
                Order::Prepare { limit }
            }
            Ok(Some(ToChild::Prove(prove))) => {
                running = CancelToken::new();
                Order::Prove(prove, running.clone())
            }
            Ok(Some(ToChild::Cancel)) => {
                running.cancel();
                continue;
            }
            Ok(None) => std::process::exit(0),
            Err(error) => {
                eprintln!("prover child: {}", with_sources(&error));
                std::process::exit(i32::from(EXIT_PROTOCOL));
            }
        };
        if orders.send(order).is_err() {
            return;
        }
    }
}

/// The loop of the proving thread. It ends by a panic, or never: the reading thread ends the process.
fn prove_all(provers: &[(Offering, Arc<dyn Prover>)], orders: &Receiver<Order>, pipe: &Arc<Pipe>) -> ExitCode {
    while let Ok(order) = orders.recv() {
        let Order::Prove(order, cancel) = order else { continue };
        let found =
            provers.iter().find(|(offering, _)| offering.kind == order.kind && offering.statement == order.statement);
        let Some((_, prover)) = found else {
            let error = ProveError::worker(format!("mismatch: no prover of {} {}", order.kind, order.statement));
            pipe.send(&failed(&error, false, Usage::default()));
            continue;
        };
        panics::keep_secret(order.secret);
        let meter = Meter::start();
        let context = ProveContext::new(cancel, pipe.progress());
        let needs: Vec<&[u8]> = order.needs.iter().map(|need| &need[..]).collect();
        let result = catch_unwind(AssertUnwindSafe(|| prover.prove(&order.input, &needs, &context)));
        let usage = meter.stop();
        match result {
            Ok(Ok(proof)) if *proof.kind() == order.kind => {
                pipe.send_proof(proof.into_bytes(), usage);
            }
            Ok(Ok(proof)) => {
                let reason = format!("asked for {}, the prover made {}", order.kind, proof.kind());
                pipe.send(&failed(&ProveError::worker(reason), false, usage));
            }
            Ok(Err(error)) => pipe.send(&failed(&error, order.secret, usage)),
            Err(_) => return panicked(pipe, usage),
        }
    }
    ExitCode::SUCCESS
}

/// A prover's own error. What lies under it was not written with secrets in mind, so it is left out there.
fn failed(error: &ProveError, secret: bool, usage: Usage) -> FromChild {
    let cause = match error.class() {
        FailureClass::InvalidInput => Cause::InvalidInput,
        FailureClass::Worker => Cause::Prover,
        FailureClass::Resources => Cause::OutOfMemory,
        FailureClass::Cancelled => Cause::Cancelled,
    };
    let mut reason = error.reason().to_owned();
    if let Some(source) = std::error::Error::source(error).filter(|_| !secret) {
        reason.push_str(": ");
        reason.push_str(&with_sources(source));
    }
    FromChild::Failed { cause, reason: cut(reason), usage }
}

/// After a panic nobody knows what state the provers are in, so the child ends with its report.
fn panicked(pipe: &Pipe, usage: Usage) -> ExitCode {
    pipe.send(&FromChild::Failed { cause: Cause::Panic, reason: cut(panics::last()), usage });
    ExitCode::from(EXIT_PANIC)
}
