//! The demo's provider as a fleet: a dispatcher and workers, each its own process (or, with `--transport local`,
//! side by side in this one), which are started again when they die.

mod folder;
mod jobs;
mod local;
mod process;
mod scan;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use rollup::builder::RollupPlan;
use rollup::wallet::SeedPhrase;
use rollup_circuits::family::Family;
use serde::Serialize;
use terminal::Console;
use test_services::RabbitMq;
use tokio::runtime::Runtime;
use transport::ask::AskClient;
use transport::http::HttpSettings;

use self::folder::Folder;
use self::process::{Died, Supervisor};
pub(crate) use self::scan::Scan;
use crate::pipeline::Ledger;
use crate::settings::CircuitArgs;

/// Who makes the provider's proofs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// Let so many workers make the provider's proofs, behind a dispatcher; 0: this process makes them
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub workers: usize,

    /// How workers and dispatcher talk; local: all in this process, only the proofs in children
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Transport::Http, requires = "workers")]
    pub transport: Transport,

    /// The broker of `--transport amqp`; without one, the demo starts a RabbitMQ of its own
    #[arg(long, env = "MEZE_AMQP_URL", value_name = "URL", hide_env_values = true)]
    pub amqp_url: Option<String>,

    /// Keep the fleet's store, blobs, logs and tokens here instead of in a folder that is deleted at the end
    #[arg(long, value_name = "DIR", requires = "workers")]
    pub fleet_dir: Option<PathBuf>,
}

/// How workers and dispatcher talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Inside one process.
    Local,
    /// Over HTTP.
    Http,
    /// Through RabbitMQ.
    Amqp,
}

/// What came of it, for the demo's `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct FleetReport {
    pub(crate) workers: usize,
    pub(crate) transport: Transport,
    /// Tasks of all jobs.
    pub(crate) tasks_total: usize,
    /// Starts of proofs, as the workers noted them.
    pub(crate) proof_starts: usize,
    /// Starts for a task whose proof was accepted already.
    pub(crate) tasks_reproved: usize,
    pub(crate) worker_deaths: usize,
    pub(crate) dispatcher_deaths: usize,
    /// What the fleet left on disk, looked through for the wallets' secrets; one that is found is an error.
    pub(crate) secrets_scan: Scan,
}

/// The provider's fleet.
pub(crate) struct Fleet {
    args: FleetArgs,
    folder: Folder,
    family: Arc<Family>,
    runtime: Runtime,
    ask: AskClient,
    members: Members,
    jobs: Vec<jobs::Proved>,
    console: Console,
    // After the members, which use it.
    _broker: Option<RabbitMq>,
}

enum Members {
    Processes(Supervisor),
    Local(local::Local),
}

impl Fleet {
    /// Whether one is wanted.
    pub(crate) fn wanted(args: &FleetArgs) -> bool {
        args.workers > 0
    }

    /// A place for keys that demo and workers share: building them once is enough.
    pub(crate) fn folder(args: &FleetArgs) -> Result<Folder> {
        Folder::new(args.fleet_dir.as_deref())
    }

    /// Starts dispatcher and workers; the circuits' keys are on disk already, where `circuits` says.
    pub(crate) fn start(
        args: &FleetArgs,
        folder: Folder,
        circuits: &CircuitArgs,
        family: Arc<Family>,
        console: Console,
    ) -> Result<Self> {
        let runtime = crate::roles::runtime(2)?;
        folder.prepare(&family)?;
        let mut broker = None;
        let amqp = match (args.transport, &args.amqp_url) {
            (Transport::Amqp, Some(url)) => Some(url.clone()),
            (Transport::Amqp, None) => {
                console.note("starting a RabbitMQ of the demo's own");
                let own = RabbitMq::start().context("RabbitMQ cannot be started: name one with --amqp-url")?;
                let url = own.url();
                broker = Some(own);
                Some(url)
            }
            _ => None,
        };
        let (members, url) = match args.transport {
            Transport::Local => {
                let (local, url) = local::start(&runtime, args.workers, &folder, circuits, console)?;
                (Members::Local(local), url)
            }
            _ => {
                let supervisor = Supervisor::start(args.workers, &folder, circuits, amqp.as_deref(), console)?;
                let url = supervisor.url().to_owned();
                (Members::Processes(supervisor), url)
            }
        };
        let token = crate::roles::secrets::token_from_file(&folder.tokens(), &["ask"])?;
        let ask = AskClient::new(&url, &token, HttpSettings::default())?;
        Ok(Self {
            args: args.clone(),
            folder,
            family,
            runtime,
            ask,
            members,
            jobs: Vec::new(),
            console,
            _broker: broker,
        })
    }

    /// Has the fleet prove a rollup over the wrapped proofs of its transactions, in order.
    pub(crate) fn prove(
        &mut self,
        plan: &RollupPlan,
        wrapped: &[Vec<u8>],
        rollup: usize,
        ledger: &mut Ledger,
    ) -> Result<Vec<u8>> {
        let name = format!("rollup-{rollup}");
        let asked = jobs::ask(&self.ask, &self.family, plan, wrapped, &name, self.console);
        let proved = self.runtime.block_on(asked)?;
        proved.enter(ledger);
        let proof = proved.proof.clone();
        self.jobs.push(proved);
        if let Members::Processes(supervisor) = &self.members
            && let Some(reason) = supervisor.gave_up()
        {
            bail!("the fleet cannot go on: {reason}");
        }
        Ok(proof)
    }

    /// Ends the fleet and says what came of it, once nothing of what it left on disk is a secret of these phrases.
    pub(crate) fn end<'a>(self, phrases: impl IntoIterator<Item = &'a SeedPhrase>) -> Result<FleetReport> {
        let died = match self.members {
            Members::Processes(supervisor) => supervisor.end(Duration::from_secs(10)),
            Members::Local(local) => {
                local.end(&self.runtime);
                Died::default()
            }
        };
        let secrets_scan = scan::scan(self.folder.path(), phrases)?;
        if secrets_scan.found > 0 {
            bail!(
                "{} files of the fleet hold a secret of a wallet: see {}",
                secrets_scan.found,
                self.folder.path().display()
            );
        }
        let starts = self.folder.starts()?;
        let accepted = self.jobs.iter().flat_map(|job| &job.accepted);
        let accepted: std::collections::BTreeMap<_, _> = accepted.copied().collect();
        let again = |start: &&folder::Start| accepted.get(&start.task).is_some_and(|at| start.unix_ms > *at);
        Ok(FleetReport {
            workers: self.args.workers,
            transport: self.args.transport,
            tasks_total: accepted.len(),
            proof_starts: starts.len(),
            tasks_reproved: starts.iter().filter(again).count(),
            worker_deaths: died.workers,
            dispatcher_deaths: died.dispatchers,
            secrets_scan,
        })
    }
}
