//! Ids of traces where programs look for them: beside the fields of a line, not within the span that has them.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

/// The field that says which trace a span belongs to.
const TRACE: &str = "trace_id";

/// Lines of JSON, with what the innermost of our spans that belongs to a trace says at the end of each.
pub(super) struct Traced<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(ids) = ids(context) else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        let open = line.trim_end().strip_suffix('}').unwrap_or(&line);
        writeln!(writer, "{open},{ids}}}")
    }
}

/// `"span_id":"…","trace_id":"…"`, as the span's fields have been written.
fn ids<S, N>(context: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let is_ours = |target: &str| target.starts_with("cloudstate");
    let mut spans = context.event_scope()?;
    let span = spans.find(|span| {
        let metadata = span.metadata();
        is_ours(metadata.target()) && metadata.fields().field(TRACE).is_some()
    })?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>()?;
    let fields = fields.fields.strip_prefix('{')?.strip_suffix('}')?;
    Some(fields.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::Traced;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_ids_of_a_trace_are_fields_of_the_line() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .map_event_format(Traced)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            let _call =
                tracing::error_span!(target: "cloudstate", "call", trace_id = "4b", span_id = "f0")
                    .entered();
            tracing::info!(cart = "a", "within");
            let _users = tracing::info_span!(target: "shop", "till", number = 1).entered();
            tracing::info!("below");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [outside, within, below] = &lines[..] else {
            panic!("{text}")
        };
        assert!(!outside.contains("trace_id"), "{outside}");
        let end = r#","span_id":"f0","trace_id":"4b"}"#;
        assert!(within.ends_with(end), "{within}");
        assert!(within.contains(r#""cart":"a""#), "{within}");
        assert!(below.ends_with(end), "{below}");
        assert!(
            below.contains(r#""span":{"number":1,"name":"till"}"#),
            "{below}"
        );
    }
}
