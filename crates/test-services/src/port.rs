//! Free loopback ports that stay free: a server that is killed and started again wants its port back.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which Linux takes ports for outgoing connections and for port 0 (32768 and up), so
/// that none of those takes the port of a server that is down for a moment.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A port on which nothing listens.
pub(crate) fn free_port() -> std::io::Result<u16> {
    let span = RANGE.end - RANGE.start;
    let start = (RandomState::new().hash_one(std::process::id()) % u64::from(span)) as u16;
    (0..span)
        .map(|step| RANGE.start + (start + step) % span)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| std::io::Error::other("no loopback port is free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_listened_on() {
        let port = free_port().unwrap();
        assert!(RANGE.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
