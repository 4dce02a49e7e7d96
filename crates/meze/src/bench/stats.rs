//! Medians, spreads and percentiles.

/// The middle of some values; `None` where there are none.
pub(in crate::bench) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The least and the most.
pub(in crate::bench) fn spread(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    Some((least, most))
}

/// The half and the slowest hundredth of some times, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Lag {
    pub(in crate::bench) p50: f64,
    pub(in crate::bench) p99: f64,
}

/// Of times in milliseconds.
pub(in crate::bench) fn lag(mut times: Vec<f64>) -> Lag {
    times.sort_by(f64::total_cmp);
    Lag { p50: percentile(&times, 0.5), p99: percentile(&times, 0.99) }
}

/// The value below which this part of `sorted` is; 0 where there is none.
pub(in crate::bench) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0.0)
}
