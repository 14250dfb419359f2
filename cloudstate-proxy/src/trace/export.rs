//! Sends spans to a collector, many at a time. Spans that it does not take in time are dropped: traces are never waited
//! for.

use std::{sync::Arc, time::Duration};

use http::{Uri, uri::PathAndQuery};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{Finished, otlp};

/// Spans that wait to be sent at most.
const CAPACITY: usize = 8192;
/// Spans of one request at most.
const BATCH: usize = 512;
/// How long spans are collected before they are sent.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a collector may take over a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans may take when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where spans wait to be sent.
#[derive(Clone, Debug)]
pub(super) struct Queue(mpsc::Sender<Finished>);

impl Queue {
    /// Adds a span, unless too many wait.
    pub(super) fn push(&self, span: Finished) {
        // Overload is seen by the collector's user: spans are missing.
        let _ = self.0.try_send(span);
    }
}

/// What sends spans.
#[derive(Debug)]
pub(crate) struct Exporter {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Exporter {
    /// Sends what is left.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if timeout(LAST_WORDS, &mut self.task).await.is_err() {
            tracing::warn!("the last spans could not be sent in time");
            self.task.abort();
        }
    }
}

/// Sends spans of a service of this name to a collector, which need not be there yet.
pub(super) fn start(collector: &Uri, service: &str) -> (Queue, Exporter) {
    let (sender, spans) = mpsc::channel(CAPACITY);
    let stop = CancellationToken::new();
    let collector = Endpoint::from(collector.clone())
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        .connect_lazy();
    let task = tokio::spawn(send(collector, service.into(), spans, stop.clone()));
    (Queue(sender), Exporter { task, stop })
}

async fn send(
    collector: Channel,
    service: Arc<str>,
    mut spans: mpsc::Receiver<Finished>,
    stop: CancellationToken,
) {
    let mut is_reported = false;
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = sleep(PAUSE) => false,
        };
        // Bounded: what comes meanwhile is for the next round.
        let mut waiting = spans.len();
        while waiting > 0 {
            let mut batch = Vec::new();
            let taken = spans.recv_many(&mut batch, BATCH.min(waiting)).await;
            if taken == 0 {
                return;
            }
            waiting -= taken;
            match export(&collector, &service, batch).await {
                Ok(()) => is_reported = false,
                Err(error) if !is_reported => {
                    tracing::warn!(%error, "spans cannot be sent, and are dropped until they can");
                    is_reported = true;
                }
                Err(_) => {}
            }
        }
        if is_last {
            return;
        }
    }
}

async fn export(collector: &Channel, service: &str, batch: Vec<Finished>) -> Result<(), Status> {
    let mut grpc = Grpc::new(collector.clone());
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<otlp::Request, otlp::Response>::default();
    let path = PathAndQuery::from_static(otlp::EXPORT);
    let request = Request::new(otlp::request(service, batch));
    grpc.unary(request, path, codec).await.map(drop)
}
