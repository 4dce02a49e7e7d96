//! How leader and workers reach each other, as both write it on their command lines.

use clap::{Args, ValueEnum};
use terminal::Usage;
use transport::amqp::{AmqpLink, AmqpSettings};

/// The variables that name the broker, in the order in which they are looked at.
const BROKER: [&str; 2] = ["AMQP_URI", "PALADIN_AMQP_URI"];

/// How leader and workers reach each other.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fabric")]
pub struct FabricArgs {
    /// Where proofs are made: by workers at a RabbitMQ, or by this program itself
    #[arg(short, long, value_name = "RUNTIME", value_enum, default_value_t = RuntimeKind::Amqp)]
    pub runtime: RuntimeKind,

    /// The broker, as amqp://user:password@host:port/vhost [env: AMQP_URI or PALADIN_AMQP_URI]
    #[arg(long, value_name = "URL")]
    pub amqp_uri: Option<String>,

    /// In memory: how many proofs are made at a time; each one uses every core by itself
    #[arg(short, long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub num_workers: u16,

    /// Taken for old command lines: what passes between leader and workers has one form
    #[arg(short, long, value_name = "FORM", value_enum, default_value_t = Serializer::Postcard)]
    pub serializer: Serializer,
}

/// Where proofs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuntimeKind {
    /// By workers at a RabbitMQ.
    Amqp,
    /// By children of this program.
    InMemory,
}

/// What messages were written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Serializer {
    /// The usual one.
    Postcard,
    /// The other one.
    Cbor,
}

impl FabricArgs {
    /// The broker's URL; `None` in memory.
    ///
    /// # Errors
    /// [`Usage`] where one is needed and none is said.
    pub fn broker(&self) -> Result<Option<String>, Usage> {
        match self.runtime {
            RuntimeKind::InMemory => Ok(None),
            RuntimeKind::Amqp => broker(self.amqp_uri.as_deref()).map(Some),
        }
    }
}

/// The broker's URL: the flag's, or the environment's.
///
/// # Errors
/// [`Usage`] where there is none, or it is no URL of a broker.
pub fn broker(flag: Option<&str>) -> Result<String, Usage> {
    link(flag).map(|(url, _)| url)
}

/// The broker's URL, and a worker's way to whoever is behind it.
///
/// # Errors
/// As [`broker`].
pub fn link(flag: Option<&str>) -> Result<(String, AmqpLink), Usage> {
    let said = |name: &str| std::env::var(name).ok();
    let mut all = flag.map(str::to_owned).into_iter().chain(BROKER.into_iter().filter_map(said));
    let url = all.find(|url| !url.is_empty()).ok_or_else(|| {
        let [first, _] = BROKER;
        Usage(format!(
            "no broker is named: say --amqp-uri amqp://user:password@host:port, or set {first}; a leader also works \
             without one, with --runtime in-memory"
        ))
    })?;
    let link = AmqpLink::new(&url, None, AmqpSettings::default()).map_err(|error| Usage(error.to_string()))?;
    Ok((url, link))
}
