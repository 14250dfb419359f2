//! Serves clients: gRPC and HTTP/JSON on one port, for whatever services the catalog holds.

mod builtin;
mod grpc;
mod http_json;
mod listener;
mod metadata;

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response, header::CONTENT_TYPE};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use crate::{call::CallError, router::Router, settings::Settings};
use builtin::Builtin;

pub(crate) use listener::{Listener, Serving};

/// Answers requests; one for all connections.
#[derive(Debug)]
pub(crate) struct Frontend {
    router: Router,
    builtin: Builtin,
    places: Semaphore,
    requests: TaskTracker,
    max_requests: usize,
    max_message_size: usize,
}

impl Frontend {
    pub(crate) async fn new(router: Router, settings: &Settings) -> Self {
        let max_requests = settings.max_requests.get().min(Semaphore::MAX_PERMITS);
        let builtin = Builtin::new(router.catalog()).await;
        Self {
            router,
            builtin,
            places: Semaphore::new(max_requests),
            requests: TaskTracker::new(),
            max_requests,
            max_message_size: settings.max_message_size.get(),
        }
    }

    /// Tells those who ask for its health that it stops, and waits until no request is in progress.
    async fn wind_down(&self) {
        self.builtin.stop(self.router.catalog()).await;
        self.requests.close();
        self.requests.wait().await;
    }

    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let _request = self.requests.token();
        let is_grpc = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| is_grpc(value.as_bytes()));
        let response = match self.places.try_acquire() {
            Ok(_place) if is_grpc => grpc::answer(&self, request).await,
            Ok(_place) => http_json::answer(&self, request).await,
            Err(_) => {
                let error = CallError::exhausted(format!(
                    "{} requests are in progress, the most that CLOUDSTATE_MAX_REQUESTS allows; try again later",
                    self.max_requests
                ));
                if is_grpc {
                    grpc::refuse(error)
                } else {
                    http_json::refuse(&error)
                }
            }
        };
        Ok(response)
    }
}

/// `application/grpc`, alone or with a message format or parameters behind it; not `application/grpc-web`.
fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    #[test]
    fn grpc_is_known_by_its_content_type() {
        for yes in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
        ] {
            assert!(super::is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in [
            "application/grpc-web",
            "application/grpc-web-text",
            "application/json",
            "",
        ] {
            assert!(!super::is_grpc(no.as_bytes()), "{no}");
        }
    }
}
