//! What dispatchers and workers count.

use super::raw;

/// A scrape.
pub(crate) struct Numbers(String);

impl Numbers {
    /// Of whoever listens at `url`.
    pub(crate) fn of(url: &str) -> Self {
        let answer = raw::get(url.strip_prefix("http://").unwrap(), "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        Self(answer.body)
    }

    /// The sum of the samples of `name` that have all of these labels; 0 where there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let wanted: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let of_name = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
                && wanted.iter().all(|label| line.contains(label))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0);
        self.0.lines().filter(of_name).map(value).sum::<f64>() as u64
    }
}
