//! The names that settings of the Miden proving service have in its later lines: `MRP_…` variables fill in where the
//! flag and its `MPS_…` variable are absent.

use std::ffi::OsString;
use std::time::Duration;

/// A flag, its variable in the 0.9 line, and its variable in the later ones.
type Names = (&'static str, &'static str, &'static str);

const WORKER: &[Names] = &[
    ("--localhost", "MPS_WORKER_LOCALHOST", "MRP_WORKER_LOCALHOST"),
    ("--port", "MPS_WORKER_PORT", "MRP_WORKER_PORT"),
    ("--prover-type", "MPS_WORKER_PROVER_TYPE", "MRP_WORKER_PROOF_TYPE"),
    ("--timeout", "MPS_WORKER_TIMEOUT", "MRP_TIMEOUT"),
];

const PROXY: &[Names] = &[
    ("--prover-type", "MPS_PROVER_TYPE", "MRP_PROOF_TYPE"),
    ("--workers", "MPS_WORKERS", "MRP_PROXY_WORKERS_LIST"),
    ("--port", "MPS_PORT", "MRP_PORT"),
    ("--control-port", "MPS_CONTROL_PORT", "MRP_CONTROL_PORT"),
    ("--status-port", "MPS_STATUS_PORT", "MRP_STATUS_PORT"),
    ("--metrics-port", "MPS_METRICS_PORT", "MRP_METRICS_PORT"),
    ("--timeout-secs", "MPS_TIMEOUT_SECS", "MRP_TIMEOUT"),
    ("--connection-timeout-secs", "MPS_CONNECTION_TIMEOUT_SECS", "MRP_CONNECTION_TIMEOUT"),
    ("--max-queue-items", "MPS_MAX_QUEUE_ITEMS", "MRP_MAX_QUEUE_ITEMS"),
    ("--max-retries-per-request", "MPS_MAX_RETRIES_PER_REQUEST", "MRP_MAX_RETRIES_PER_REQUEST"),
    ("--max-req-per-sec", "MPS_MAX_REQ_PER_SEC", "MRP_MAX_REQ_PER_SEC"),
    ("--health-check-interval-secs", "MPS_HEALTH_CHECK_INTERVAL_SECS", "MRP_HEALTH_CHECK_INTERVAL"),
    ("--grace-period", "MPS_GRACE_PERIOD", "MRP_GRACE_PERIOD"),
];

const CONTROL: &[Names] = &[
    ("--control-port", "MPS_CONTROL_PORT", "MRP_CONTROL_PORT"),
    ("--workers", "MPS_WORKERS", "MRP_PROXY_WORKERS_LIST"),
];

/// The arguments, with flags for those settings that only the later lines' variables say.
pub fn with_second_names(mut arguments: Vec<OsString>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<OsString> {
    let commands = [
        ("start-worker", WORKER),
        ("start-proxy", PROXY),
        ("add-workers", CONTROL),
        ("add-worker", CONTROL),
        ("remove-workers", CONTROL),
        ("remove-worker", CONTROL),
    ];
    let found = commands.into_iter().find(|(command, _)| arguments.iter().skip(1).any(|word| word == command));
    let Some((_, names)) = found else { return arguments };
    let mut more = Vec::new();
    for (flag, first, second) in names {
        let said = |word: &OsString| {
            word.to_str().is_some_and(|word| word.split('=').next() == Some(flag) || is_other_name(flag, word))
        };
        if arguments.iter().any(said) || variable(first).is_some() {
            continue;
        }
        if let Some(value) = variable(second).filter(|value| !value.is_empty()) {
            let mut word = OsString::from(format!("{flag}="));
            word.push(value);
            more.push(word);
        }
    }
    // Before a `--`, after which nothing is a flag.
    let end = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, more);
    arguments
}

/// The later lines' names of flags, which are aliases here.
fn is_other_name(flag: &str, word: &str) -> bool {
    let word = word.split('=').next().unwrap_or(word);
    match flag {
        "--prover-type" => word == "--proof-type",
        flag => flag.strip_suffix("-secs") == Some(word),
    }
}

/// A time as both lines write it: `100` are seconds, and so are `100s`; `1m 30s`, `20ms`.
///
/// # Errors
/// One sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a time: write seconds, or a number and a unit as in 20ms, 100s, 5m, 1h 30m");
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_alphabetic()).len();
        let milliseconds: u64 = match &rest[..letters] {
            "ms" | "millis" => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(milliseconds).map(Duration::from_millis);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let words = arguments.iter().map(OsString::from).collect();
        with_second_names(words, find).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_later_lines_variable_fills_in_where_nothing_else_is_said() {
        let variables = [("MRP_PORT", "9000"), ("MRP_TIMEOUT", "3m")];
        assert_eq!(
            with(&["meze", "start-proxy"], &variables),
            ["meze", "start-proxy", "--port=9000", "--timeout-secs=3m"]
        );
        assert_eq!(
            with(&["meze", "start-proxy", "--port", "1", "--timeout=5s", "--", "w:1"], &variables),
            ["meze", "start-proxy", "--port", "1", "--timeout=5s", "--", "w:1"]
        );
        let both = [("MRP_PORT", "9000"), ("MPS_PORT", "8000")];
        assert_eq!(with(&["meze", "start-proxy"], &both), ["meze", "start-proxy"]);
        assert_eq!(with(&["meze", "demo"], &variables), ["meze", "demo"]);
    }

    #[test]
    fn times_are_seconds_or_have_units() {
        for (text, ms) in [("100", 100_000), ("20ms", 20), ("100s", 100_000), ("1m 30s", 90_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1", "1.5s", "10 parsecs", "99999999999999999999", "9999999999999999d", "5s x"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_a_sentence(text in "\\PC{0,20}") {
            let _ = duration(&text);
        }
    }
}
