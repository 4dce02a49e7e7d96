//! So many requests of an address in a second.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many addresses are remembered; beyond, those of past windows are forgotten.
const MAX_REMEMBERED: usize = 10_000;

const WINDOW: Duration = Duration::from_secs(1);

/// Counts by address, in windows of a second that begin with an address's first request.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: u32,
    seen: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    requests: u32,
}

/// Whether a request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Yes,
    /// The first one of its window that may not.
    FirstNo,
    No,
}

impl Limiter {
    /// 0 lets everything pass.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, seen: Mutex::default() }
    }

    pub(crate) fn pass(&self, address: IpAddr, now: Instant) -> Pass {
        if self.per_second == 0 {
            return Pass::Yes;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now.duration_since(window.begun) >= WINDOW;
        if seen.len() >= MAX_REMEMBERED {
            seen.retain(|_, window| !is_over(window));
        }
        let full = seen.len() >= MAX_REMEMBERED;
        let key = network(address);
        if full && !seen.contains_key(&key) {
            // More addresses in one second than anybody has clients: they share what one may ask.
            return Pass::No;
        }
        let window = seen.entry(key).or_insert(Window { begun: now, requests: 0 });
        if is_over(window) {
            *window = Window { begun: now, requests: 0 };
        }
        window.requests = window.requests.saturating_add(1);
        match window.requests.checked_sub(self.per_second) {
            None | Some(0) => Pass::Yes,
            Some(1) => Pass::FirstNo,
            Some(_) => Pass::No,
        }
    }
}

/// Whoever has an IPv6 address has at least the network of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_number_in_each_second_and_others_are_not_touched() {
        let (limiter, now) = (Limiter::new(2), Instant::now());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let passes: Vec<Pass> = (0..4).map(|_| limiter.pass(one, now)).collect();
        assert_eq!(passes, [Pass::Yes, Pass::Yes, Pass::FirstNo, Pass::No]);
        assert_eq!(limiter.pass(other, now), Pass::Yes);
        assert_eq!(limiter.pass(one, now + WINDOW), Pass::Yes);
    }

    #[test]
    fn neighbours_in_an_ipv6_network_and_both_forms_of_an_ipv4_address_are_one() {
        let (limiter, now) = (Limiter::new(1), Instant::now());
        assert_eq!(limiter.pass("2001:db8::1".parse().unwrap(), now), Pass::Yes);
        assert_eq!(limiter.pass("2001:db8::ffff:2".parse().unwrap(), now), Pass::FirstNo);
        assert_eq!(limiter.pass("10.0.0.1".parse().unwrap(), now), Pass::Yes);
        assert_eq!(limiter.pass("::ffff:10.0.0.1".parse().unwrap(), now), Pass::FirstNo);
    }

    #[test]
    fn memory_has_an_end_and_zero_is_no_limit() {
        let (limiter, now) = (Limiter::new(1), Instant::now());
        for number in 0..(MAX_REMEMBERED as u32 + 100) {
            limiter.pass(IpAddr::V4(number.into()), now);
        }
        assert_eq!(limiter.seen.lock().unwrap().len(), MAX_REMEMBERED);
        assert_eq!(limiter.pass("200.0.0.1".parse().unwrap(), now + WINDOW), Pass::Yes);
        let open = Limiter::new(0);
        assert!((0..100).all(|_| open.pass("10.0.0.1".parse().unwrap(), now) == Pass::Yes));
    }
}
