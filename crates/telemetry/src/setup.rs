//! Putting it together: who hears a log line, who hears a span, and who sends the last ones.

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

use crate::collector::Collector;
use crate::options::{LogFormat, Options};
use crate::{SPANS, TelemetryError};

/// How long the end of a process may be held up by its last spans.
const LAST: Duration = Duration::from_secs(2);

/// So many spans wait to be sent; more are dropped, for a trace is not worth a slower task.
const WAITING: usize = 16_384;

/// Logs and traces, for as long as it lives. Dropped, it sends the spans that are left, for at most two seconds.
#[derive(Debug)]
#[must_use = "dropping it ends the traces"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            // Whether the last ones arrived was said by the collector's own line.
            let _ = provider.shutdown_with_timeout(LAST);
        }
    }
}

/// Sets up logs, and traces where a collector is named, for the whole process.
///
/// # Errors
/// [`TelemetryError`] with the option that is at fault, or where it was called before.
pub fn init(options: &Options) -> Result<Guard, TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&options.filter)
        .map_err(|source| TelemetryError::Filter { text: options.filter.clone(), source })?;
    let provider = options.collector.as_deref().map(|collector| provider(&options.role, collector)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        let tracer = provider.tracer("meze");
        let layer = tracing_opentelemetry::layer().with_location(false).with_threads(false);
        layer.with_tracer(tracer).with_filter(filter_fn(traced).with_max_level_hint(LevelFilter::DEBUG))
    });
    tracing_subscriber::registry()
        .with(lines(options.format).with_filter(filter))
        .with(traces)
        .try_init()
        .map_err(TelemetryError::Twice)?;
    Ok(Guard { provider })
}

/// Log lines on stderr; stdout belongs to results.
fn lines<S: Subscriber + for<'a> LookupSpan<'a>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    let layer = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            let colours =
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
            layer.with_ansi(colours).boxed()
        }
    }
}

/// Our own spans, and what is logged within them.
fn traced(metadata: &Metadata<'_>) -> bool {
    match metadata.is_span() {
        true => metadata.target() == SPANS,
        false => *metadata.level() <= Level::INFO,
    }
}

fn provider(role: &str, collector: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let wrong = || TelemetryError::Endpoint(collector.to_owned());
    let base = reqwest::Url::parse(collector).map_err(|_| wrong())?;
    if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
        return Err(wrong());
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
        .build()
        .map_err(|error| TelemetryError::Collector(error.into()))?;
    let limits = BatchConfigBuilder::default().with_max_queue_size(WAITING).with_max_export_batch_size(1024).build();
    let resource = Resource::builder()
        .with_service_name(format!("meze-{role}"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build();
    let gathering = BatchSpanProcessor::builder(exporter).with_batch_config(limits).build();
    Ok(SdkTracerProvider::builder().with_span_processor(gathering).with_resource(resource).build())
}
