//! Requests of clients, by method and outcome.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use prometheus::{IntCounter, IntCounterVec, Registry};
use tokio::time::Instant;
use tonic::Code;

use super::{
    Metrics,
    family::Maker,
    times::{Times, TimesFamily},
};
use crate::{
    call::code_name,
    catalog::Method,
    trace::{Span, Trace},
};

/// Status codes of gRPC, which are numbers from 0.
const CODES: usize = 17;

pub(super) struct RequestFamilies {
    requests: IntCounterVec,
    times: TimesFamily,
    pub(super) other: MethodMeters,
}

/// The meters of one method.
pub(crate) struct MethodMeters {
    time: Times,
    /// Made when they are needed: most codes never are.
    by_code: [OnceLock<IntCounter>; CODES],
    requests: IntCounterVec,
    service: String,
    method: String,
}

/// Measures one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    metrics: Metrics,
    method: Option<Arc<Method>>,
    since: Instant,
    code: Code,
    span: Option<Box<Span>>,
}

impl RequestFamilies {
    pub(super) fn new(registry: &Registry) -> Self {
        let make = |labels| Maker {
            registry,
            prefix: "cloudstate_frontend_",
            labels,
        };
        let requests = make(&["service", "method", "code"]).counter(
            "requests_total",
            "Requests that have been answered, over gRPC and HTTP, by gRPC status code.",
        );
        let times = make(&["service", "method"]).times(
            "request_time_seconds",
            "From the head of a request to the end of its response.",
        );
        let other = MethodMeters::new(&requests, &times, "", "");
        Self {
            requests,
            times,
            other,
        }
    }

    pub(super) fn of(&self, service: &str, method: &str) -> MethodMeters {
        MethodMeters::new(&self.requests, &self.times, service, method)
    }
}

impl MethodMeters {
    fn new(requests: &IntCounterVec, times: &TimesFamily, service: &str, method: &str) -> Self {
        Self {
            time: times.with_label_values(&[service, method]),
            by_code: [const { OnceLock::new() }; CODES],
            requests: requests.clone(),
            service: service.to_owned(),
            method: method.to_owned(),
        }
    }

    fn answered(&self, code: Code, since: Instant) {
        self.time.observe(since.elapsed());
        if let Some(counter) = self.by_code.get(code as usize) {
            let make = || {
                let labels = [&self.service, &self.method, code_name(code)];
                self.requests.with_label_values(&labels)
            };
            counter.get_or_init(make).inc();
        }
    }
}

impl fmt::Debug for MethodMeters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodMeters").finish_non_exhaustive()
    }
}

impl RequestMeter {
    /// A request that has begun.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            method: None,
            since: Instant::now(),
            // What it is if nothing else is said: whoever drops a request gives it up.
            code: Code::Cancelled,
            span: None,
        }
    }

    /// What it is for.
    pub(crate) fn is_for(&mut self, method: &Arc<Method>) {
        self.method = Some(Arc::clone(method));
    }

    /// What it is recorded as.
    pub(crate) fn record(&mut self, span: Option<Box<Span>>) {
        self.span = span;
    }

    /// What follows from it is recorded in.
    pub(crate) fn trace(&self) -> Trace {
        self.span
            .as_ref()
            .map(|span| span.trace())
            .unwrap_or_default()
    }

    /// How it has been answered.
    pub(crate) fn answered(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        let meters = match &self.method {
            Some(method) => self.metrics.method(method),
            None => self.metrics.other_requests(),
        };
        meters.answered(self.code, self.since);
        if let Some(span) = &mut self.span {
            span.ended(self.code);
        }
    }
}
