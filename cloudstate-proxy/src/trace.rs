//! Traces: which parts of the proxy a call has passed, and how long each took, as a collector reads it over OTLP.
//!
//! A call that is recorded carries a [`Trace`], by which each part adds a span of its own; every other call carries an
//! empty one, and costs a comparison with nothing. The context comes from the client and goes on to the user function
//! as W3C Trace Context has it: `traceparent` and `tracestate`.

mod context;
mod export;
mod otlp;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use cloudstate_protocol::cloudstate::{Metadata, MetadataEntry, metadata_entry::Value};
use http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;
use tracing::span::EnteredSpan;

use crate::{call::code_name, catalog::Method, settings::Traces};
use context::{Context, STATE};
use export::Queue;

pub(crate) use context::PARENT;
pub(crate) use export::Exporter;

/// Decides which calls are recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracer(Option<Arc<Sampling>>);

#[derive(Debug)]
struct Sampling {
    queue: Queue,
    /// Of the calls for which nobody has decided it, those whose trace id's lower half is not above this are recorded.
    threshold: u64,
}

/// The trace that a call belongs to, and the span that what follows belongs to; empty if the call is not recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Option<Arc<Recorded>>);

#[derive(Debug)]
struct Recorded {
    context: Context,
    queue: Queue,
}

/// A span of a call that is recorded. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Span {
    trace: Trace,
    finished: Option<Finished>,
    since: Instant,
}

/// Whether others caused it, or it is within the proxy; as OTLP numbers it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Internal = 1,
    Server = 2,
}

/// A span that has ended.
#[derive(Debug)]
struct Finished {
    context: Context,
    parent: u64,
    name: String,
    kind: Kind,
    start: SystemTime,
    took: Duration,
    /// What it ended with, if that is known.
    code: Option<Code>,
}

impl Tracer {
    /// Exports what is recorded, where the settings say so, as of a service of this name.
    pub(crate) fn new(settings: &Traces, service: &str) -> (Self, Option<Exporter>) {
        let Some(endpoint) = &settings.endpoint else {
            return (Self::default(), None);
        };
        let service = settings.service_name.as_deref().unwrap_or(service);
        let (queue, exporter) = export::start(endpoint.uri(), service);
        // A float that is too large becomes the largest number, as it should.
        let threshold = (settings.ratio.get() * u64::MAX as f64) as u64;
        let sampling = Sampling { queue, threshold };
        (Self(Some(Arc::new(sampling))), Some(exporter))
    }

    /// The span of a request, if it is to be recorded: the caller decides, or else chance.
    pub(crate) fn request(&self, headers: &HeaderMap, method: &Method) -> Option<Box<Span>> {
        let sampling = self.0.as_ref()?;
        let caller = Context::read(headers);
        let is_sampled = match &caller {
            Some(caller) => caller.is_sampled,
            None => true,
        };
        let context = caller.clone().unwrap_or_else(Context::new);
        let by_chance = caller.is_some() || context.is_below(sampling.threshold);
        (is_sampled && by_chance).then(|| {
            Span::new(
                &sampling.queue,
                &context,
                caller.map_or(0, |caller| caller.span),
                format!("{}/{}", method.service_name, method.name),
                Kind::Server,
            )
        })
    }
}

impl Trace {
    /// Whether the call is recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// A span below this one, if the call is recorded.
    pub(crate) fn span(&self, name: impl FnOnce() -> String) -> Option<Box<Span>> {
        let Recorded { context, queue } = &**self.0.as_ref()?;
        Some(Span::new(
            queue,
            context,
            context.span,
            name(),
            Kind::Internal,
        ))
    }

    /// Records a span below this one that began then and ends now.
    pub(crate) fn record(&self, name: &str, since: Instant) {
        if let Some(mut span) = self.span(|| name.to_owned()) {
            let took = since.elapsed();
            span.since = since;
            if let Some(finished) = &mut span.finished {
                finished.start -= took;
            }
        }
    }

    /// What is logged until this is dropped says which trace it belongs to. A call that is not recorded has nothing to say.
    ///
    /// Made where something is logged: a call of which nothing is has no cost of it.
    pub(crate) fn entered(&self) -> Option<EnteredSpan> {
        let context = &self.0.as_ref()?.context;
        let (trace, span) = (context.trace, context.span);
        let (trace_id, span_id) = (format_args!("{trace:032x}"), format_args!("{span:016x}"));
        Some(tracing::error_span!("call", %trace_id, %span_id).entered())
    }

    /// The metadata that goes on to whoever is called next: the caller's, and this trace where there is one.
    pub(crate) fn metadata(&self, metadata: Option<Metadata>) -> Option<Metadata> {
        let Some(recorded) = &self.0 else {
            return metadata;
        };
        let mut metadata = metadata.unwrap_or_default();
        let is_ours = |entry: &MetadataEntry| [PARENT, STATE].contains(&&*entry.key);
        metadata.entries.retain(|entry| !is_ours(entry));
        let context = &recorded.context;
        let state = context.state.clone().map(|state| (STATE, state));
        for (key, value) in [(PARENT, context.to_string())].into_iter().chain(state) {
            metadata.entries.push(MetadataEntry {
                key: key.to_owned(),
                value: Some(Value::StringValue(value)),
            });
        }
        Some(metadata)
    }
}

impl Span {
    /// In a box, because nearly every call goes without.
    fn new(queue: &Queue, context: &Context, parent: u64, name: String, kind: Kind) -> Box<Self> {
        let context = context.below();
        let finished = Finished {
            context: context.clone(),
            parent,
            name,
            kind,
            start: SystemTime::now(),
            took: Duration::ZERO,
            code: None,
        };
        let queue = queue.clone();
        Box::new(Self {
            trace: Trace(Some(Arc::new(Recorded { context, queue }))),
            finished: Some(finished),
            since: Instant::now(),
        })
    }

    /// The trace, for what happens within this span.
    pub(crate) fn trace(&self) -> Trace {
        self.trace.clone()
    }

    /// What it ends with.
    pub(crate) fn ended(&mut self, code: Code) {
        if let Some(finished) = &mut self.finished {
            finished.code = Some(code);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(mut finished), Some(recorded)) = (self.finished.take(), &self.trace.0) {
            finished.took = self.since.elapsed();
            recorded.queue.push(finished);
        }
    }
}

impl Finished {
    /// An error's name; none where all was well.
    fn error(&self) -> Option<&'static str> {
        self.code.filter(|code| *code != Code::Ok).map(code_name)
    }
}
