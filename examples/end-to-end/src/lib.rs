//! Starts a program as its user does, as a process on a free port, and talks to it over gRPC and HTTP.
//!
//! For tests: what goes wrong panics, and shows what the program printed.
#![cfg(unix)]

mod grpc;
mod http;
mod metrics;
mod output;
mod process;
mod tls;

pub use self::{
    grpc::{Client, Responses},
    http::{Answer, Http},
    metrics::{Metrics, Sample},
    output::Output,
    process::{Ended, Program, Running, cargo_build, lasting_port},
    tls::{Authority, Identity, TlsClient},
};

use std::{future::Future, time::Duration};

/// How long anything may take. Far more than it does, so that a busy machine fails no test.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Tries again until there is an answer.
///
/// # Panics
/// There is none before the deadline; `what` says what was waited for.
pub async fn eventually<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let mut last = String::from("not tried");
    let attempts = async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        loop {
            pause.tick().await;
            match attempt().await {
                Ok(answer) => return answer,
                Err(error) => last = error,
            }
        }
    };
    match tokio::time::timeout(DEADLINE, attempts).await {
        Ok(answer) => answer,
        Err(_) => panic!("{what}: not within {DEADLINE:?}; the last answer was: {last}"),
    }
}
