//! A Prometheus server for tests.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tempfile::TempDir;

use crate::ServiceError;
use crate::port::free_port;
use crate::process::{Server, bound_to_us};
use crate::program::find;

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A Prometheus of its own that scrapes some addresses twice a second. It ends with this value.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    _server: Server,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of each `host:port`.
    pub fn scraping(targets: &[&str]) -> Result<Self, ServiceError> {
        find("setpriv", "util-linux", [])?;
        let program = find("prometheus", "prometheus", [])?;
        let failed = |source| ServiceError::Prepare { what: "make a folder for Prometheus", source };
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir().map_err(failed)?;
        let settings = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}\n\
             scrape_configs: [{{ job_name: meze, static_configs: [{{ targets: {targets:?} }}] }}]\n"
        );
        let config = folder.path().join("prometheus.yml");
        fs::write(&config, settings).map_err(failed)?;
        let port = free_port().map_err(|source| ServiceError::Prepare { what: "find a free port", source })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = bound_to_us(&program, None);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"));
        let log = folder.path().join("output.log");
        let mut server = Server::start("prometheus", command, &log)?;
        server.wait_ready(START_LIMIT, &log, || is_ready(address))?;
        Ok(Self { address, _server: server, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"GET /-/ready HTTP/1.0\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.split(' ').nth(1) == Some("200")
}
