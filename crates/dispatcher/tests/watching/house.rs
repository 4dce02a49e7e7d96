//! A dispatcher with all its planes on loopback, and workers beside it.

use std::sync::Arc;
use std::time::Duration;

use blobs::{Blobs, SecretKey};
use bytes::Bytes;
use dispatch::config::Config;
use dispatch::store::MemoryDisk;
use dispatcher::{Dispatcher, Parts, admin_router, ask_router, open_router, start};
use proving::lease::{Cause, Usage};
use proving::prover::Verifier;
use tokio::net::TcpListener;
use transport::ask::{AskClient, Input, JobRequest, TaskRequest};
use transport::http::{Auth, HttpSettings, Tokens, router, serve};
use transport::link::{Link as _, Session as _};
use transport::local::LocalLink;
use transport::message::{Done, Failed, Held, Hello, Offer, Offering};

pub(crate) const SLEEP: &str = "test.sleep";
pub(crate) const STATEMENT: &str = "test/line/sleep";
pub(crate) const ADMIN: &str = "admin-of-this-test";

pub(crate) struct House {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) url: String,
}

impl House {
    pub(crate) async fn open(verifiers: Vec<Arc<dyn Verifier>>) -> Self {
        let config = Config { kinds: [SLEEP.parse().unwrap()].into(), avoid_ms: 0, ..Config::default() };
        let store = Arc::new(MemoryDisk::default().open());
        let parts = Parts {
            config,
            store,
            blobs: Arc::new(Blobs::open("memory:", SecretKey::random()).await.unwrap()),
            verifiers,
            max_blob_bytes: 1 << 20,
            price: Some(3600.0),
            sweep: Default::default(),
            observer: Box::new(()),
        };
        let dispatcher = start(parts).await.unwrap().dispatcher;
        let tokens = Tokens::from_text(&format!("admin {ADMIN}, work worker-of-this-test")).unwrap();
        let counting = dispatcher.clone();
        let auth = Auth::new(tokens, move |scope, refusal| counting.token_refused(scope, refusal));
        let routes = ask_router(dispatcher.clone(), auth.clone())
            .merge(admin_router(dispatcher.clone(), auth.clone()))
            .merge(open_router(dispatcher.clone()))
            .merge(router(dispatcher.clone(), auth));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        tokio::spawn(serve(socket, None, routes, std::future::pending()));
        Self { dispatcher, url }
    }

    pub(crate) fn asker(&self) -> AskClient {
        AskClient::new(&self.url, ADMIN, HttpSettings::default()).unwrap()
    }

    /// A worker that does as `answer` says, until the test is over.
    pub(crate) fn worker(&self, name: &str, answer: impl Fn(&Offer) -> Result<Vec<u8>, Cause> + Send + 'static) {
        let kind = SLEEP.parse().unwrap();
        let offers = vec![Offering { kind, statement: STATEMENT.parse().unwrap() }];
        let hello = Hello {
            worker: name.to_owned(),
            version: "test".to_owned(),
            offers,
            memory_bytes: 1 << 30,
            since_ms: 0,
            running: Vec::new(),
        };
        let link = LocalLink::new(self.dispatcher.clone());
        tokio::spawn(async move {
            let (session, _) = link.connect(hello).await.unwrap();
            while let Ok(offer) = session.next().await {
                let held = Held { task: offer.task, token: offer.token };
                let usage = Usage { wall_ms: 1500, cpu_ms: 2000, peak_memory_bytes: 200 << 20 };
                tokio::time::sleep(Duration::from_millis(5)).await;
                match answer(&offer) {
                    Ok(bytes) => {
                        let output = session.store(Bytes::from(bytes), false).await.unwrap();
                        session.done(&Done { held, output, usage }).await.unwrap();
                    }
                    Err(cause) => {
                        let reason = "as the test wants it".to_owned();
                        session.failed(&Failed { held, cause, reason, usage }).await.unwrap();
                    }
                }
            }
        });
    }
}

pub(crate) fn task(name: &str, needs: &[&str]) -> TaskRequest {
    TaskRequest {
        name: Some(name.to_owned()),
        kind: SLEEP.parse().unwrap(),
        statement: STATEMENT.parse().unwrap(),
        input: Input::Hex(name.bytes().map(|byte| format!("{byte:02x}")).collect()),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        memory_bytes: 0,
        secret: false,
        traceparent: None,
    }
}

pub(crate) fn job(name: &str, tasks: Vec<TaskRequest>) -> JobRequest {
    let root = tasks.last().and_then(|task| task.name.clone());
    JobRequest { name: name.to_owned(), owner: None, priority: 5, deadline_seconds: None, tasks, root }
}
