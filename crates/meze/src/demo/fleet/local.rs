//! Dispatcher and workers inside this process; only the proofs are made in children.

use anyhow::{Context, Result};
use clap::Parser;
use dispatcher::{Dispatcher, Running, planes};
use terminal::Console;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use transport::http::serve;
use transport::local::LocalLink;
use worker::run::Shutdown;

use super::folder::Folder;
use crate::roles::dispatcher::{DispatcherArgs, begin};
use crate::roles::worker::{WorkerArgs, work_over};
use crate::settings::CircuitArgs;

/// Everything that runs.
pub(super) struct Local {
    dispatcher: Dispatcher,
    ended: JoinHandle<Result<(), dispatcher::DispatcherError>>,
    workers: Vec<JoinHandle<Result<()>>>,
    shutdown: Shutdown,
}

/// The settings of a role as its command line has them.
#[derive(Debug, Parser)]
struct Role<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

/// Starts dispatcher and workers; the URL is where the dispatcher takes jobs.
pub(super) fn start(
    runtime: &Runtime,
    workers: usize,
    folder: &Folder,
    circuits: &CircuitArgs,
    console: Console,
) -> Result<(Local, String)> {
    let path = |path: std::path::PathBuf| path.display().to_string();
    let (tokens, data) = (path(folder.tokens()), path(folder.dispatcher()));
    let mut words = ["dispatcher", "--tokens", &tokens, "--data-dir", &data].map(str::to_owned).to_vec();
    words.extend(folder.checking(circuits.proverless));
    let args = Role::<DispatcherArgs>::try_parse_from(words)?.args;
    runtime.block_on(async {
        let (Running { dispatcher, ended }, auth) = begin(&args, console).await?;
        let socket = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let url = format!("http://{}", socket.local_addr()?);
        tokio::spawn(serve(socket, None, planes(&dispatcher, &auth, None), std::future::pending()));
        let shutdown = Shutdown::new();
        let starts = path(folder.starts_log());
        let mut running = Vec::new();
        for index in 0..workers {
            let name = format!("worker-{index}");
            let words = ["worker", "--name", &name, "--port", "0", "--starts-log", &starts];
            let mut args = Role::<WorkerArgs>::try_parse_from(words)?.args;
            args.circuits = circuits.clone();
            let (link, shutdown) = (LocalLink::new(dispatcher.clone()), shutdown.clone());
            running.push(tokio::spawn(async move { work_over(link, &args, "this process", shutdown, console).await }));
        }
        Ok((Local { dispatcher, ended, workers: running, shutdown }, url))
    })
}

impl Local {
    pub(super) fn end(self, runtime: &Runtime) {
        runtime.block_on(async {
            self.shutdown.drain();
            for worker in self.workers {
                // What it has to say it said on the console.
                let _ = worker.await;
            }
            self.dispatcher.end();
            let _ = self.ended.await;
        });
    }
}
