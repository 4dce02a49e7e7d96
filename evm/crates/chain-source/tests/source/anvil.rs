//! A real anvil, followed across reorgs that its own calls make. It comes with `scripts/setup.sh anvil`.

use crate::{Result, next};
use chain_source::{BlockId, CallSettings, Confirmation, Event, FollowSettings, Follower, Source, SourceError};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// An anvil of its own on a free port; it ends with this.
struct Anvil {
    url: String,
    http: reqwest::Client,
    _child: Child,
}

impl Anvil {
    /// Starts one, if it is installed.
    async fn start() -> Result<Option<Self>> {
        let Some(program) = program() else {
            eprintln!("skipped: anvil is not installed; scripts/setup.sh anvil does that");
            return Ok(None);
        };
        let mut child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "cancun", "--no-mining"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("its output is piped")?).lines();
        let url = tokio::time::timeout(Duration::from_secs(30), listening(&mut lines)).await??;
        // Read on, or it would stop when the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(crate::fake::no_tls()?).build()?;
        Ok(Some(Self { url, http, _child: child }))
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Value = self.http.post(&self.url).json(&call).send().await?.json().await?;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}").into()),
            None => Ok(answer["result"].clone()),
        }
    }

    async fn mine(&self, blocks: u64) -> Result {
        self.call("anvil_mine", json!([format!("{blocks:#x}")])).await.map(drop)
    }

    fn source(&self) -> Result<Source> {
        Ok(Source::new(&self.url, None, CallSettings::default())?)
    }

    async fn follow(&self) -> Result<Follower> {
        let settings = FollowSettings { start: 1, end: None, confirmation: Confirmation::Depth(0), place: None };
        Ok(Follower::open(Arc::new(self.source()?), settings).await?)
    }
}

/// Reads until anvil says where it listens.
async fn listening(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<String> {
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix("Listening on ") {
            return Ok(format!("http://{address}"));
        }
    }
    Err("anvil ended before it listened".into())
}

fn program() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/meze/tools"));
    let tools = std::env::var_os("MEZE_TOOLS").map(PathBuf::from).or_else(home);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = tools.map(|tools| tools.join("bin")).into_iter().chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join("anvil")).find(|program| program.is_file())
}

async fn event(follower: &mut Follower) -> Result<Event> {
    let next = tokio::time::timeout(Duration::from_secs(10), next(follower)).await??;
    next.ok_or_else(|| "the end was not expected".into())
}

/// Follows up to a block; all must link.
async fn follow_to(follower: &mut Follower, from: u64, to: u64) -> Result<Vec<BlockId>> {
    let mut blocks: Vec<BlockId> = Vec::new();
    for number in from..=to {
        let Event::Block(block) = event(follower).await? else { return Err("a block was expected".into()) };
        assert_eq!(block.number, number);
        assert!(blocks.last().is_none_or(|before| before.hash == block.parent_hash));
        blocks.push(block);
    }
    Ok(blocks)
}

#[tokio::test]
#[ignore = "it needs anvil"]
async fn evm_long_anvil_is_followed_across_its_own_reorg() -> Result {
    let Some(anvil) = Anvil::start().await? else { return Ok(()) };
    anvil.mine(6).await?;
    let mut follower = anvil.follow().await?;
    let old = follow_to(&mut follower, 1, 6).await?;
    assert!(follower.proved(&old[1])?);
    anvil.call("anvil_reorg", json!([3, []])).await?;
    assert_eq!(event(&mut follower).await?, Event::Dropped { from: 4 });
    let new = follow_to(&mut follower, 4, 6).await?;
    assert_eq!(new[0].parent_hash, old[2].hash);
    assert_ne!(new[0].hash, old[3].hash);
    anvil.mine(1).await?;
    follow_to(&mut follower, 7, 7).await?;

    anvil.call("anvil_reorg", json!([6, []])).await?;
    let error = next(&mut follower).await.expect_err("block 2 was proved");
    assert!(matches!(&error, SourceError::ProvedBlockGone(gone) if gone.proved[0] == old[1]), "{error}");
    Ok(())
}

#[tokio::test]
#[ignore = "it needs anvil"]
async fn evm_long_anvil_is_followed_across_a_revert_to_a_snapshot() -> Result {
    let Some(anvil) = Anvil::start().await? else { return Ok(()) };
    anvil.mine(2).await?;
    let snapshot = anvil.call("evm_snapshot", json!([])).await?;
    anvil.mine(2).await?;
    let mut follower = anvil.follow().await?;
    let old = follow_to(&mut follower, 1, 4).await?;
    assert_eq!(anvil.call("evm_revert", json!([snapshot])).await?, json!(true));
    // The chain is only shorter now: that is no reorg yet.
    let nothing = tokio::time::timeout(Duration::from_millis(300), next(&mut follower)).await;
    assert!(nothing.is_err(), "{nothing:?}");
    anvil.call("evm_increaseTime", json!([1000])).await?;
    anvil.mine(1).await?;
    assert_eq!(event(&mut follower).await?, Event::Dropped { from: 3 });
    let new = follow_to(&mut follower, 3, 3).await?;
    assert_eq!(new[0].parent_hash, old[1].hash);
    Ok(())
}

#[tokio::test]
#[ignore = "it needs anvil"]
async fn evm_long_anvil_lacks_the_system_call_and_that_is_named() -> Result {
    let Some(anvil) = Anvil::start().await? else { return Ok(()) };
    let accounts = anvil.call("eth_accounts", json!([])).await?;
    let sent = json!([{"from": accounts[0], "to": accounts[1], "value": "0x5"}]);
    anvil.call("eth_sendTransaction", sent).await?;
    anvil.mine(1).await?;
    let source = anvil.source()?;
    for error in [
        source.check_system_call(1).await.expect_err("it lacks it"),
        source.witness(1, None).await.expect_err("it lacks it"),
    ] {
        let line = error.to_string();
        assert!(matches!(error, SourceError::SystemCall { block: 1, .. }), "{line}");
        assert!(line.contains("EIP-4788") && !line.contains('\n'), "{line}");
    }
    Ok(())
}
