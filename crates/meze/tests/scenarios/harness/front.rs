//! A fixed address before a dispatcher that may move: what a load balancer is to workers.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Hands connections on, until it is dropped.
pub(crate) struct Front {
    pub(crate) url: String,
    target: Arc<watch::Sender<SocketAddr>>,
    listening: JoinHandle<()>,
}

impl Front {
    /// Listens on a port of its own and hands on to `address`.
    pub(crate) async fn before(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(watch::Sender::new(address.parse().unwrap()));
        let targets = Arc::clone(&target);
        let listening = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut target = targets.subscribe();
                tokio::spawn(async move {
                    let address = *target.borrow_and_update();
                    let Ok(mut far) = TcpStream::connect(address).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = target.changed() => {}
                    }
                });
            }
        });
        Self { url, target, listening }
    }

    /// Hands on to another address, and cuts what goes to the one before.
    pub(crate) fn lead_to(&self, address: &str) {
        self.target.send_replace(address.parse().unwrap());
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
