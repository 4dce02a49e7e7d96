//! The dispatcher that is measured: a process of its own, with a store that was never used.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use sqlx::Connection as _;
use tempfile::TempDir;
use transport::ask::AskClient;
use transport::http::{HttpLink, HttpSettings};

use crate::roles::dispatcher::address;
use crate::roles::secrets;

/// A running dispatcher.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
    folder: TempDir,
    store: Option<String>,
    words: &'static [&'static str],
}

impl Server {
    /// Starts one; `store` is a URL, or a new SQLite file where `None`.
    pub(super) async fn start(folder: &Path, store: Option<&str>) -> Result<Self> {
        Self::start_with(folder, store, &["--sleepers"]).await
    }

    /// The same, but proofs are not looked at: for tasks that do nothing.
    pub(super) async fn trusting(folder: &Path, store: Option<&str>) -> Result<Self> {
        Self::start_with(folder, store, &["--trust", "test.sleep"]).await
    }

    async fn start_with(folder: &Path, store: Option<&str>, words: &'static [&'static str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(folder).context("no folder")?;
        secrets::write_fresh(&folder.path().join("tokens"))?;
        let store = match store {
            Some(url) if url.starts_with("postgres") => Some(fresh_schema(url).await?),
            store => store.map(str::to_owned),
        };
        let (child, url) = spawn(folder.path(), store.as_deref(), "127.0.0.1:0", words)?;
        Ok(Self { child, url, folder, store, words })
    }

    /// Kills it as a power cut would, as far as a process can.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again, at the same address with the same store.
    pub(super) fn again(&mut self) -> Result<()> {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.child = spawn(self.folder.path(), self.store.as_deref(), &address, self.words)?.0;
        Ok(())
    }

    pub(super) fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn ask(&self) -> Result<AskClient> {
        let token = secrets::token_from_file(&self.tokens(), &["ask"])?;
        Ok(AskClient::new(&self.url, &token, HttpSettings::default())?)
    }

    pub(super) fn link(&self) -> Result<HttpLink> {
        let token = secrets::token_from_file(&self.tokens(), &["work"])?;
        Ok(HttpLink::new(&self.url, &token, HttpSettings::default())?)
    }

    /// CPU that it used so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name may have blanks: count from behind it. utime and stime are fields 14 and 15.
        let after = stat.rsplit_once(") ").context("an odd /proc stat")?.1;
        let field = |index: usize| after.split(' ').nth(index - 3).and_then(|text| text.parse::<f64>().ok());
        let ticks = field(14).zip(field(15)).map(|(user, system)| user + system).context("an odd /proc stat")?;
        Ok(ticks / 100.0)
    }

    /// Its memory at its highest, in bytes.
    pub(super) fn peak_rss_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("an odd /proc status")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib << 10)
    }

    /// A metric of it by its whole name with labels; the sum of all series where `name` has none.
    pub(super) async fn metric(&self, name: &str) -> Result<f64> {
        let text = scrape(&self.url).await?;
        let of = |line: &str| {
            let (found, value) = line.rsplit_once(' ')?;
            (found.split('{').next() == Some(name)).then(|| value.parse::<f64>().ok())?
        };
        Ok(text.lines().filter_map(of).sum())
    }
}

/// An empty schema of the database for this benchmark alone; what an earlier measurement left in it is deleted. The URL
/// of a store in it.
async fn fresh_schema(url: &str) -> Result<String> {
    const FRESH: &str = "DROP SCHEMA IF EXISTS meze_bench CASCADE; CREATE SCHEMA meze_bench";
    let mut connection = sqlx::PgConnection::connect(url).await.context("PostgreSQL cannot be reached")?;
    sqlx::raw_sql(FRESH).execute(&mut connection).await.context("no schema for the benchmark")?;
    connection.close().await?;
    let more = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{more}options[search_path]=meze_bench"))
}

/// What a dispatcher says of itself to anybody, as Prometheus reads it.
async fn scrape(url: &str) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    socket.read_to_string(&mut text).await?;
    Ok(text)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, store: Option<&str>, listen: &str, words: &[&str]) -> Result<(Child, String)> {
    let program = std::env::current_exe().context("the path of this program cannot be found")?;
    let mut command = Command::new(program);
    command.args(["dispatcher", "--listen", listen]).args(words).arg("--data-dir").arg(folder);
    command.arg("--tokens").arg(folder.join("tokens"));
    if let Some(store) = store {
        command.env("MEZE_STORE", store);
    }
    let log = std::fs::File::options().create(true).append(true).open(folder.join("dispatcher.log"))?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
    if let Some(url) = address(&mut child)? {
        return Ok((child, url));
    }
    let _ = child.wait();
    bail!("the dispatcher did not start: {}", std::fs::read_to_string(folder.join("dispatcher.log"))?)
}
