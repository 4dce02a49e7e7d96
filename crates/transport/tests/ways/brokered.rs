//! A dispatcher in memory behind a real RabbitMQ, with its blobs served over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use test_services::{RabbitMq, RabbitMqOptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use transport::amqp::{AmqpLink, AmqpServerSettings, AmqpSettings, WORK_QUEUE, serve};
use transport::http::{BlobClient, HttpSettings};
use transport::memory::MemoryPlane;

use crate::support::{Served, WORK};

/// A dispatcher behind a broker of its own.
pub(crate) struct Brokered {
    pub(crate) rabbit: RabbitMq,
    pub(crate) served: Served,
    pub(crate) garbage: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Drop for Brokered {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Brokered {
    pub(crate) async fn start() -> Self {
        Self::start_with(RabbitMqOptions::default()).await
    }

    pub(crate) async fn start_with(options: RabbitMqOptions) -> Self {
        let rabbit = tokio::task::spawn_blocking(|| RabbitMq::start_with(options)).await.unwrap().unwrap();
        let served = Served::plain().await;
        let garbage = Arc::new(AtomicUsize::new(0));
        let serving = dispatch(&rabbit.url(), served.plane.clone(), Arc::clone(&garbage));
        listening(&rabbit.url()).await;
        Self { rabbit, served, garbage, serving }
    }

    pub(crate) fn plane(&self) -> &MemoryPlane {
        &self.served.plane
    }

    pub(crate) fn link(&self) -> AmqpLink {
        self.link_to(&self.rabbit.url())
    }

    pub(crate) fn link_to(&self, url: &str) -> AmqpLink {
        let blobs = BlobClient::new(&self.served.url(), WORK, HttpSettings::default()).unwrap();
        AmqpLink::new(url, Some(blobs), quick()).unwrap()
    }

    pub(crate) fn link_without_blobs(&self) -> AmqpLink {
        AmqpLink::new(&self.rabbit.url(), None, quick()).unwrap()
    }

    /// The dispatcher dies, and another one with this plane takes its place.
    pub(crate) async fn replace(&mut self, plane: MemoryPlane) {
        self.stop();
        self.serving = dispatch(&self.rabbit.url(), plane.clone(), Arc::clone(&self.garbage));
        self.served.plane = plane;
        listening(&self.rabbit.url()).await;
    }

    /// The dispatcher dies.
    pub(crate) fn stop(&self) {
        self.serving.abort();
    }

    pub(crate) fn garbage(&self) -> usize {
        self.garbage.load(Ordering::SeqCst)
    }
}

fn dispatch(url: &str, plane: MemoryPlane, garbage: Arc<AtomicUsize>) -> AbortHandle {
    let url = url.to_owned();
    let settings = AmqpServerSettings { inline_limit: 150_000, ..AmqpServerSettings::default() };
    tokio::spawn(async move {
        let count = move || {
            garbage.fetch_add(1, Ordering::SeqCst);
        };
        serve(plane, &url, settings, count, std::future::pending()).await.unwrap();
    })
    .abort_handle()
}

/// Waits until a dispatcher hears what workers say.
async fn listening(url: &str) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    loop {
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        match channel.queue_declare(WORK_QUEUE.into(), passive, FieldTable::default()).await {
            Ok(queue) if queue.consumer_count() == 1 => break,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn quick() -> AmqpSettings {
    AmqpSettings { silence: Duration::from_secs(3), ..AmqpSettings::default() }
}

/// A way to the broker that can be cut, as when the worker's process is killed.
pub(crate) struct Cable {
    pub(crate) url: String,
    cut: watch::Sender<bool>,
}

impl Cable {
    pub(crate) async fn to(rabbit: &RabbitMq) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let near = socket.local_addr().unwrap();
        let port = rabbit.url().rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
        let far = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (cut, watching) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut here, _)) = socket.accept().await {
                let mut watching = watching.clone();
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(far).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                        _ = watching.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url: format!("amqp://guest:guest@{near}/%2f"), cut }
    }

    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}
