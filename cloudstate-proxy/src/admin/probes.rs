//! `GET /ready` and `GET /alive`, which answer from the start of the process to its end.

use std::sync::Arc;

use http::StatusCode;

use super::{Handler, handler, text};
use crate::readiness::Readiness;

/// Whether clients are to be sent here.
pub(super) fn ready(readiness: Arc<Readiness>) -> Handler {
    answer(move || readiness.objection())
}

/// Whether the process is to be let alone.
pub(super) fn alive(readiness: Arc<Readiness>) -> Handler {
    answer(move || readiness.is_lost())
}

fn answer(objection: impl Fn() -> Option<String> + Send + Sync + 'static) -> Handler {
    handler(move |_| match objection() {
        None => text(StatusCode::OK, "OK"),
        Some(objection) => text(StatusCode::SERVICE_UNAVAILABLE, objection),
    })
}
