//! A RabbitMQ server for tests.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::ServiceError;
use crate::port::free_port;
use crate::process::{Server, bound_to_us};
use crate::program::find;

/// How long a start may take; it takes a few seconds on a quiet machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Somebody else's server may take a port between our looking and the server's; then others are tried.
const ATTEMPTS: usize = 3;

/// How a [`RabbitMq`] differs from one with RabbitMQ's own settings.
#[derive(Debug, Clone, Default)]
pub struct RabbitMqOptions {
    /// How long a consumer may keep a message unacknowledged (`consumer_timeout`, in milliseconds there); the
    /// broker then closes its channel. Every channel is looked at twice a second. `None`: RabbitMQ's 30
    /// minutes.
    pub consumer_timeout: Option<Duration>,
}

/// A RabbitMQ broker of its own, with its own Erlang port mapper, which end with this value.
#[derive(Debug)]
pub struct RabbitMq {
    folder: TempDir,
    program: PathBuf,
    options: RabbitMqOptions,
    ports: Ports,
    /// Runs as long as this value, also while the broker is down.
    port_mapper: Option<Server>,
    /// `None` only while it is down.
    server: Option<Server>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ports {
    amqp: u16,
    distribution: u16,
    port_mapper: u16,
}

impl Ports {
    fn find() -> std::io::Result<Self> {
        loop {
            let ports = Self { amqp: free_port()?, distribution: free_port()?, port_mapper: free_port()? };
            if ports.amqp != ports.distribution
                && ports.amqp != ports.port_mapper
                && ports.distribution != ports.port_mapper
            {
                return Ok(ports);
            }
        }
    }
}

impl RabbitMq {
    /// Starts a new broker with RabbitMQ's own settings.
    pub fn start() -> Result<Self, ServiceError> {
        Self::start_with(RabbitMqOptions::default())
    }

    /// Starts a new broker.
    pub fn start_with(options: RabbitMqOptions) -> Result<Self, ServiceError> {
        find("setpriv", "util-linux", [])?;
        find("epmd", "erlang-base", [])?;
        // Debian's /usr/sbin/rabbitmq-server changes the user and the folder: this is what it calls.
        let program = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
        let program = find("rabbitmq-server", "rabbitmq-server", [program])?;
        let folder = tempfile::Builder::new()
            .prefix("rabbitmq-")
            .tempdir()
            .map_err(|source| ServiceError::Prepare { what: "make a folder for RabbitMQ", source })?;
        let ports = Ports::default();
        let mut rabbitmq = Self { folder, program, options, ports, port_mapper: None, server: None };
        for attempt in 1.. {
            match rabbitmq.launch_anew() {
                Err(ServiceError::Ended { .. }) if attempt < ATTEMPTS => continue,
                result => result?,
            }
            break;
        }
        Ok(rabbitmq)
    }

    /// Where the broker is, as in `amqp://guest:guest@127.0.0.1:20001/%2f`.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// The broker's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Ends it at once, as a power cut would: no process of it gets a word. What it keeps stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts it again at the same place with what it kept; kills it before if it runs.
    pub fn restart(&mut self) -> Result<(), ServiceError> {
        self.kill();
        self.launch()
    }

    fn launch_anew(&mut self) -> Result<(), ServiceError> {
        self.ports = Ports::find().map_err(|source| ServiceError::Prepare { what: "find free ports", source })?;
        self.configure().map_err(|source| ServiceError::Prepare { what: "write RabbitMQ's settings", source })?;
        self.port_mapper = None;
        let mut command = bound_to_us(Path::new("epmd"), None);
        command.args(["-address", "127.0.0.1", "-port", &self.ports.port_mapper.to_string()]);
        self.port_mapper = Some(Server::start("epmd", command, &self.log())?);
        self.launch()
    }

    fn configure(&self) -> std::io::Result<()> {
        let folder = self.folder.path();
        fs::create_dir_all(folder.join("home"))?;
        fs::write(folder.join("enabled_plugins"), "[].\n")?;
        let mut settings = format!("listeners.tcp.1 = 127.0.0.1:{}\n", self.ports.amqp);
        if let Some(timeout) = self.options.consumer_timeout {
            settings += &format!("consumer_timeout = {}\n", timeout.as_millis());
        }
        fs::write(folder.join("rabbitmq.conf"), settings)?;
        // The timeout is only looked at once in a tick, which is a minute long by default.
        fs::write(folder.join("advanced.config"), "[{rabbit, [{channel_tick_interval, 500}]}].\n")
    }

    fn launch(&mut self) -> Result<(), ServiceError> {
        let folder = self.folder.path();
        let mut command = bound_to_us(&self.program, None);
        command
            .current_dir(folder)
            .env("HOME", folder.join("home"))
            .env("ERL_EPMD_PORT", self.ports.port_mapper.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
            .env("RABBITMQ_NODENAME", format!("meze-test-{}@localhost", self.ports.amqp))
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_LOG_BASE", folder.join("logs"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            // The port mapper is ours: Erlang would leave one behind that outlives the broker. And the
            // distribution's listener stays on loopback, too.
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK_ONLY)
            // With this the script becomes the broker, and no shell stands between us and it.
            .env("detached", "true");
        let log = self.log();
        let mut server = Server::start("rabbitmq-server", command, &log)?;
        let port = self.ports.amqp;
        server.wait_ready(START_LIMIT, &log, || speaks_amqp(port))?;
        self.server = Some(server);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("output.log")
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        if let Some(port_mapper) = &mut self.port_mapper {
            port_mapper.signal(Signal::SIGTERM);
        }
    }
}

const LOOPBACK_ONLY: &str = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}";

/// Whether the broker answers the protocol header with a method frame on channel 0 (`connection.start`).
fn speaks_amqp(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut start = [0; 3];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"AMQP\0\0\x09\x01").is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start == [1, 0, 0]
}
