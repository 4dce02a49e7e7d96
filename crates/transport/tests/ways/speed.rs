//! What carrying a task costs, to be run by hand:
//! `cargo nextest run -p transport --run-ignored only --no-capture speed`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proving::payload::Payload;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use transport::http::{router, serve};
use transport::link::{Link as _, Session as _};
use transport::memory::MemoryPlane;

use crate::brokered::Brokered;
use crate::support::{WORK, ask, auth, done, hello};

const WORKERS: usize = 32;
const TASKS: usize = 64_000;

/// CPU of the calling thread so far.
fn thread_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // utime and stime, in hundredths of a second.
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// A connection that costs the client next to nothing.
struct Bare(TcpStream, Vec<u8>);

impl Bare {
    async fn open(address: std::net::SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self(socket, Vec::with_capacity(4096))
    }

    async fn send(&mut self, route: &str, body: &str) {
        let mut head = String::with_capacity(512);
        write!(
            head,
            "POST /v1/work/{route} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {WORK}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        self.0.write_all(head.as_bytes()).await.unwrap();
    }

    /// Reads until there is as much JSON as fits; the head is thrown away.
    async fn json(&mut self) -> Value {
        self.1.clear();
        loop {
            assert_ne!(self.0.read_buf(&mut self.1).await.unwrap(), 0);
            let text = String::from_utf8_lossy(&self.1);
            if let Some(start) = text.find("\r\n\r\n").and_then(|end| text[end..].find('{').map(|at| end + at))
                && let Some(Ok(value)) = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>().next()
            {
                return value;
            }
        }
    }
}

async fn work(address: std::net::SocketAddr, tasks: usize) {
    let (mut stream, mut calls) = (Bare::open(address).await, Bare::open(address).await);
    stream.send("session", &serde_json::to_string(&hello("bare", 1)).unwrap()).await;
    let session = stream.json().await["session"].as_u64().unwrap();
    calls.send("next", &format!("{{\"session\":{session}}}")).await;
    for _ in 0..tasks {
        let reply = calls.json().await;
        let (task, token) = (reply["offer"]["task"].as_str().unwrap(), reply["offer"]["token"].as_u64().unwrap());
        let body = format!(
            "{{\"session\":{session},\"seen\":{token},\"done\":{{\"held\":{{\"task\":\"{task}\",\"token\":{token}}},\
             \"output\":{{\"inline\":[1,2,3,4]}},\"usage\":{{\"wall_ms\":1,\"cpu_ms\":1,\"peak_memory_bytes\":1}}}}}}"
        );
        calls.send("next", &body).await;
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_http() {
    let plane = MemoryPlane::default();
    for _ in 0..TASKS + WORKERS {
        ask(&plane, b"input");
    }
    let (sender, address) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(socket.local_addr().unwrap()).unwrap();
            let began = thread_cpu();
            tokio::select! {
                _ = serve(socket, None, router(plane, auth(|_, _| {})), std::future::pending()) => {}
                _ = stopped => {}
            }
            thread_cpu() - began
        })
    });
    let address = address.recv().unwrap();
    let began = Instant::now();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let workers = (0..WORKERS).map(|_| work(address, TASKS / WORKERS));
        futures_util::future::join_all(workers).await;
    });
    let wall = began.elapsed();
    drop(stop);
    let cpu = server.join().unwrap();
    println!(
        "http: {TASKS} tasks in {wall:.2?} ({:.0}/s), the server's thread {:.1} us a task ({:.0}/s a core)",
        TASKS as f64 / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / TASKS as f64,
        TASKS as f64 / cpu.as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn speed_of_amqp() {
    let brokered = Brokered::start().await;
    let tasks = 2_000;
    for _ in 0..tasks {
        ask(brokered.plane(), b"input");
    }
    let mut workers = Vec::new();
    for worker in 0..8 {
        let (session, _) = brokered.link().connect(hello(&format!("w{worker}"), 1)).await.unwrap();
        workers.push(session);
    }
    let began = Instant::now();
    let working = workers.iter().map(|session| async move {
        for _ in 0..tasks / 8 {
            let offer = session.next().await.unwrap();
            session.done(&done(&offer, Payload::empty())).await.unwrap();
        }
    });
    futures_util::future::join_all(working).await;
    let wall = began.elapsed();
    println!("amqp: {tasks} tasks by 8 workers in {wall:.2?} ({:.0}/s)", f64::from(tasks) / wall.as_secs_f64());
}
