//! From what was measured to a table and an object: medians, spreads, and what one side takes more than the other.

use serde::Serialize;

/// What the fabric may add to the library, in percent.
pub(super) const TARGET_PERCENT: f64 = 5.0;

/// The library by itself, in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct {
    /// From the circuits to the proofs.
    pub(super) cpu_seconds: f64,
    pub(super) wall_seconds: f64,
    /// Until the circuits were there.
    pub(super) loading_cpu_seconds: f64,
    pub(super) peak_bytes: u64,
}

/// Leader, workers and what is between them, in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fabric {
    /// The leader from its start to its end.
    pub(super) leader: f64,
    /// Of it, until it has the kernel and the key: its part of loading circuits.
    pub(super) leader_start: f64,
    /// The worker's own process; none where the leader has the prover itself.
    pub(super) worker: Option<f64>,
    /// The child that proves.
    pub(super) prover: f64,
    /// The broker, where there is one and it can be looked at.
    pub(super) broker: Option<f64>,
    /// Of the whole run of the leader.
    pub(super) wall_seconds: f64,
    /// Of the child that proves, at its highest.
    pub(super) peak_bytes: u64,
}

impl Fabric {
    /// All that counts: circuits are loaded on both sides before the clock starts.
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.with_start() - self.leader_start
    }

    /// All but the child that proves, which makes the library's calls.
    fn beside_prover(&self) -> f64 {
        self.cpu_seconds() - self.prover
    }

    /// With the start of a leader for these blocks alone.
    pub(super) fn with_start(&self) -> f64 {
        self.leader + self.worker.unwrap_or(0.0) + self.prover + self.broker.unwrap_or(0.0)
    }
}

/// The middle of some values, with the least and the most of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of these; `None` of none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[upper] } else { f64::midpoint(sorted[upper - 1], sorted[upper]) };
        Some(Self { median, least, most })
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) side: &'static str,
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    #[serde(flatten)]
    pub(super) spread: Spread,
}

/// Lines of the library's runs.
pub(super) fn direct(side: &'static str, runs: &[Direct]) -> Vec<Row> {
    let of = |what, unit, value: fn(&Direct) -> f64| row(side, what, unit, runs.iter().map(value));
    let rows = [
        of("all", "CPU-s", |run| run.cpu_seconds),
        of("wall", "s", |run| run.wall_seconds),
        of("loading the circuits, not counted", "CPU-s", |run| run.loading_cpu_seconds),
        of("memory at its highest", "GiB", |run| gib(run.peak_bytes)),
    ];
    rows.into_iter().flatten().collect()
}

/// Lines of the runs of a fabric, against the library's runs in the same turns.
pub(super) fn fabric(side: &'static str, runs: &[Fabric], direct: &[Direct]) -> Vec<Row> {
    let of = |what, unit, value: fn(&Fabric) -> Option<f64>| row(side, what, unit, runs.iter().filter_map(value));
    let over = |what, value: fn(&Fabric) -> f64| {
        let each = runs.iter().zip(direct).map(|(run, library)| percent_over(value(run), library.cpu_seconds));
        let spread = Spread::of(each)?;
        let all = Spread::of(runs.iter().map(value))?;
        let library = Spread::of(direct.iter().map(|run| run.cpu_seconds))?;
        // Of the medians; the spread is that of the turns.
        let spread = Spread { median: percent_over(all.median, library.median), ..spread };
        Some(Row { side, what, unit: "%", spread })
    };
    // What other programs on the machine do to the prover's figures is not in this one.
    let of_library = |what| {
        let each = runs.iter().zip(direct).map(|(run, library)| run.beside_prover() / library.cpu_seconds * 100.0);
        row(side, what, "%", each)
    };
    let rows = [
        of("all", "CPU-s", |run| Some(run.cpu_seconds())),
        of("leader, after its start", "CPU-s", |run| Some(run.leader - run.leader_start)),
        of("worker", "CPU-s", |run| run.worker),
        of("prover", "CPU-s", |run| Some(run.prover)),
        of("broker", "CPU-s", |run| run.broker),
        of("wall, leader's start included", "s", |run| Some(run.wall_seconds)),
        of("leader's start, not counted", "CPU-s", |run| Some(run.leader_start)),
        of("prover's memory at its highest", "GiB", |run| Some(gib(run.peak_bytes))),
        of_library("all but the prover, of the library"),
        over("over the library", Fabric::cpu_seconds),
        over("over the library, leader's start counted", Fabric::with_start),
    ];
    rows.into_iter().flatten().collect()
}

/// How much more one is than the other, in percent.
fn percent_over(value: f64, base: f64) -> f64 {
    (value / base - 1.0) * 100.0
}

fn row(side: &'static str, what: &'static str, unit: &'static str, values: impl Iterator<Item = f64>) -> Option<Row> {
    Some(Row { side, what, unit, spread: Spread::of(values)? })
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1u32 << 30)
}

/// The lines as people read them.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    let head = format!("{:<10} {:<41} {:>9} {:>9} {:>9}", "side", "what", "median", "least", "most");
    let line = |row: &Row| {
        let Spread { median, least, most } = row.spread;
        format!("{:<10} {:<41} {median:>9.2} {least:>9.2} {most:>9.2} {}", row.side, row.what, row.unit)
    };
    std::iter::once(head).chain(rows.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(cpu_seconds: f64) -> Direct {
        Direct { cpu_seconds, wall_seconds: cpu_seconds / 2.0, loading_cpu_seconds: 3.0, peak_bytes: 3 << 29 }
    }

    fn run(prover: f64, worker: Option<f64>, broker: Option<f64>) -> Fabric {
        let wall_seconds = prover / 2.0;
        Fabric { leader: 4.0, leader_start: 1.5, worker, prover, broker, wall_seconds, peak_bytes: 1 << 30 }
    }

    fn found(rows: &[Row], what: &str) -> Option<Spread> {
        rows.iter().find(|row| row.what == what).map(|row| row.spread)
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, least: 1.0, most: 4.0 }));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn all_processes_count_and_the_leaders_start_apart() {
        let direct = [library(100.0), library(90.0), library(110.0)];
        let runs = [100.0, 101.0, 99.0].map(|prover| run(prover, Some(0.5), Some(1.0)));
        let rows = fabric("amqp", &runs, &direct);
        // 4 − 1.5 of the leader, 0.5, 100 and 1.
        assert_eq!(found(&rows, "all").unwrap().median, 104.0);
        assert_eq!(found(&rows, "leader, after its start").unwrap().median, 2.5);
        let over = found(&rows, "over the library").unwrap();
        assert!((over.median - 4.0).abs() < 1e-9, "of the medians: {over:?}");
        assert!((over.least - (103.0 / 110.0 - 1.0) * 100.0).abs() < 1e-9, "of one turn: {over:?}");
        let with_start = found(&rows, "over the library, leader's start counted").unwrap();
        assert!((with_start.median - 5.5).abs() < 1e-9, "{with_start:?}");
    }

    #[test]
    fn what_the_prover_takes_is_not_in_the_share_of_the_others() {
        let rows = |prover| fabric("amqp", &[run(prover, Some(0.5), Some(1.0))], &[library(80.0)]);
        for prover in [70.0, 90.0] {
            assert_eq!(found(&rows(prover), "all but the prover, of the library").unwrap().median, 5.0);
        }
    }

    #[test]
    fn what_there_is_not_has_no_line() {
        let rows = fabric("in-memory", &[run(100.0, None, None)], &[library(100.0)]);
        assert_eq!((found(&rows, "worker"), found(&rows, "broker")), (None, None));
        assert_eq!(found(&rows, "all").unwrap().median, 102.5);
        assert!(fabric("amqp", &[], &[]).is_empty());
    }

    #[test]
    fn a_line_has_its_figures_under_their_names() {
        let lines = table(&direct("library", &[library(80.125)]));
        assert_eq!(lines[1], format!("library    {:<41}     80.12     80.12     80.12 CPU-s", "all"));
        assert!(lines[0].ends_with("   median     least      most"), "{}", lines[0]);
        let json = serde_json::to_value(direct("library", &[library(80.0)])[0].clone()).unwrap();
        assert_eq!((json["side"].as_str(), json["median"].as_f64()), (Some("library"), Some(80.0)));
    }
}
