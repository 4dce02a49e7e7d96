//! Traces that go on in another process: a span's place in its trace as a text, and back.
//!
//! The text is W3C's `traceparent`: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The `traceparent` of the span that this thread is in; `None` where there is none, or no collector.
pub fn current_traceparent() -> Option<String> {
    traceparent(&Span::current())
}

/// The `traceparent` of a span; `None` for one that goes to no collector.
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let place = context.span().span_context().clone();
    place.is_valid().then(|| format!("00-{}-{}-{:02x}", place.trace_id(), place.span_id(), place.trace_flags().to_u8()))
}

/// Makes `span` go on where a `traceparent` of another process says. To be called before anything happens in the
/// span; what is no `traceparent` changes nothing.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    let Some(text) = traceparent.filter(|_| !span.is_disabled()) else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), text.to_owned())]);
    let parent = TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &carrier);
    if parent.span().span_context().is_valid() {
        // It fails for spans that go to no collector, and for those that have begun; neither is worth a word.
        let _ = span.set_parent(parent);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const ASKED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced<T>(within: impl FnOnce() -> T) -> T {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, within)
    }

    #[test]
    fn a_span_that_follows_is_in_the_same_trace_and_has_a_name_of_its_own() {
        traced(|| {
            let span = tracing::info_span!("prove");
            follow(&span, Some(ASKED));
            let said = span.in_scope(current_traceparent).unwrap();
            assert_eq!((said.len(), &said[..36]), (ASKED.len(), &ASKED[..36]));
            assert_ne!(said, ASKED);
            assert_eq!(traceparent(&span), Some(said));
        });
    }

    #[test]
    fn a_trace_that_its_asker_does_not_sample_is_not_sampled_further_on() {
        traced(|| {
            let span = tracing::info_span!("prove");
            follow(&span, Some(&format!("{}00", &ASKED[..53])));
            assert!(traceparent(&span).unwrap().ends_with("-00"));
        });
    }

    #[test]
    fn what_is_no_traceparent_begins_a_trace_of_its_own() {
        traced(|| {
            for wrong in [None, Some(""), Some("00-00-00-00"), Some("grün"), Some(&ASKED[..50])] {
                let span = tracing::info_span!("prove");
                follow(&span, wrong);
                let said = traceparent(&span).unwrap();
                assert!(!said.contains("0af7651916cd43dd"), "{wrong:?}: {said}");
            }
        });
    }

    #[test]
    fn without_a_collector_there_is_no_traceparent() {
        let span = tracing::info_span!("prove");
        follow(&span, Some(ASKED));
        assert_eq!(span.in_scope(current_traceparent), None);
    }
}
