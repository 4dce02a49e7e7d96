//! Thousands of bad requests, and then a good one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use miden_wire::kind::ProofKind;
use miden_wire::proto::remote_prover::ProofRequest;
use miden_wire::proto::remote_prover::api_client::ApiClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::harness::{House, LONG, bytes, prove};

async fn raw(client: &mut ApiClient<Channel>, proof_type: i32, payload: Bytes) -> Result<(), Status> {
    client.prove(Request::new(ProofRequest { proof_type, payload })).await.map(drop)
}

fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Bytes that differ from each other and make no sense.
fn nonsense(number: u32, length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_their_status_memory_stays_and_the_next_good_one_is_proved() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &["--max-message", "1"]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &["--max-message", "1"]);
    let good = bytes("batch");
    let pids = [worker.process.pid, proxy.process.pid];
    for url in [worker.url(), proxy.url.clone()] {
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let mut client = ApiClient::new(channel);
        // Warm: what a first request brings along is no leak.
        for number in 0..50 {
            let _ = raw(&mut client, 1, nonsense(number, 2000)).await;
        }
        let before = pids.map(resident);
        for number in 1000..3000 {
            let (proof_type, payload, code) = match number % 8 {
                // Of another type, and of none.
                0 => (0, good.clone(), Code::InvalidArgument),
                1 => (2, good.clone(), Code::InvalidArgument),
                2 => (3, good.clone(), Code::InvalidArgument),
                3 => (-1, Bytes::new(), Code::InvalidArgument),
                // More than is allowed.
                4 if number % 64 == 4 => (1, nonsense(number, (1 << 20) + 100), Code::OutOfRange),
                // Cut off, with something behind, and nonsense.
                5 => (1, good.slice(..number as usize % good.len()), Code::InvalidArgument),
                6 => (1, Bytes::from([&good[..], &number.to_le_bytes()].concat()), Code::InvalidArgument),
                _ => (1, nonsense(number, number as usize % 5000), Code::InvalidArgument),
            };
            let refused = raw(&mut client, proof_type, payload).await.unwrap_err();
            assert_eq!(refused.code(), code, "{number}: {refused:?}");
        }
        let grown: Vec<u64> =
            pids.iter().zip(before).map(|(pid, before)| resident(*pid).saturating_sub(before) >> 20).collect();
        assert!(grown.iter().all(|mib| *mib < 64), "worker and proxy grew by {grown:?} MiB");
    }
    prove(proxy.address(), ProofKind::Batch, good.clone()).await.unwrap();
    prove(&worker.address, ProofKind::Batch, good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_or_little_keep_nobody_out() {
    let house = House::new();
    let worker = house.worker("worker", "batch", &[]);
    let proxy = house.proxy("proxy", "batch", &[&worker], &[]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        let first: &[u8] = match number % 4 {
            0 => b"",
            1 => b"POST /remote_prover.Api/Prove HTTP/1.1\r\nHost: x\r\nContent-Type: applicat",
            2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0",
            _ => b"\x16\x03\x01 this is no HTTP at all\r\n\r\n",
        };
        let _ = stream.write_all(first);
        slow.push(stream);
    }
    let begun = Instant::now();
    prove(proxy.address(), ProofKind::Batch, bytes("batch")).await.unwrap();
    assert!(begun.elapsed() < LONG);
    // Headers that never end are cut off.
    let half = &mut slow[1];
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    let closed = half.read_to_end(&mut rest);
    assert!(closed.is_ok(), "{closed:?}");
}
