//! The chain behind a loopback port.

use crate::chain::Chain;
use crate::methods;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A node that serves a chain; it goes away when it is dropped.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    chain: Arc<Mutex<Chain>>,
    task: Option<JoinHandle<()>>,
}

impl Node {
    /// Serves `chain` on a free port of loopback.
    pub async fn start(chain: Chain) -> std::io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut node = Self { address, chain: Arc::new(Mutex::new(chain)), task: None };
        node.come_back().await?;
        Ok(node)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The chain, to make blocks.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops to listen, as a node that went down; the chain stays.
    pub async fn go_away(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // Ended by the abort, which is what was wanted.
            let _ = task.await;
        }
    }

    /// Listens again, on the same port.
    pub async fn come_back(&mut self) -> std::io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.address = listener.local_addr()?;
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&self.chain));
        self.task = Some(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("dev-chain: {error}");
            }
        }));
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// One call, or several in a list.
async fn answer(State(chain): State<Arc<Mutex<Chain>>>, Json(call): Json<Value>) -> Json<Value> {
    let chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
    Json(match call.as_array() {
        Some(calls) => calls.iter().map(|call| methods::answer(&chain, call)).collect(),
        None => methods::answer(&chain, &call),
    })
}
