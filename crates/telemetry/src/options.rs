//! What can be said about logs and traces, and where it is read from.

use std::str::FromStr;

use crate::TelemetryError;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(TelemetryError::Format(text.to_owned())),
        }
    }
}

/// Logs and traces of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the process is, such as `dispatcher`: its traces are those of the service `meze-dispatcher`.
    pub role: String,
    /// How log lines are written.
    pub format: LogFormat,
    /// Which log lines: a level, or `target=level` pairs with commas between.
    pub filter: String,
    /// The collector, as `http://host:4318`; `/v1/traces` is added to it. Without one there are no traces, no
    /// connection and no thread for them.
    pub collector: Option<String>,
}

/// The level of logs where nothing is said.
const USUAL: &str = "info";

impl Options {
    /// The usual ones: text, from the level of info on, no collector.
    pub fn new(role: impl Into<String>) -> Self {
        Self { role: role.into(), format: LogFormat::Text, filter: USUAL.to_owned(), collector: None }
    }

    /// What the environment says: `MEZE_LOG`, or else `RUST_LOG`, `MEZE_LOG_FORMAT`, and
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`. An empty value is as good as none.
    ///
    /// # Errors
    /// [`TelemetryError::Format`].
    pub fn from_env(role: impl Into<String>) -> Result<Self, TelemetryError> {
        Self::read(role, |name| std::env::var(name).ok())
    }

    fn read(role: impl Into<String>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, TelemetryError> {
        let said = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let usual = Self::new(role);
        Ok(Self {
            format: said("MEZE_LOG_FORMAT").map_or(Ok(LogFormat::Text), |text| text.parse())?,
            filter: said("MEZE_LOG").or_else(|| said("RUST_LOG")).unwrap_or(usual.filter),
            collector: said("OTEL_EXPORTER_OTLP_ENDPOINT"),
            role: usual.role,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Options, TelemetryError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Options::read("worker", find)
    }

    #[test]
    fn an_empty_environment_gives_the_usual_options() {
        assert_eq!(with(&[]).unwrap(), Options::new("worker"));
        assert_eq!(with(&[("MEZE_LOG", " "), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap(), Options::new("worker"));
    }

    #[test]
    fn our_own_filter_goes_before_that_of_every_program() {
        assert_eq!(with(&[("RUST_LOG", "warn")]).unwrap().filter, "warn");
        assert_eq!(with(&[("RUST_LOG", "warn"), ("MEZE_LOG", "debug")]).unwrap().filter, "debug");
    }

    #[test]
    fn the_format_is_one_of_two_words() {
        assert_eq!(with(&[("MEZE_LOG_FORMAT", "json")]).unwrap().format, LogFormat::Json);
        let error = with(&[("MEZE_LOG_FORMAT", "yaml")]).unwrap_err().to_string();
        assert!(error.contains("text or json"), "{error}");
    }
}
