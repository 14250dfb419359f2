//! What the tests have in common: programs, clients, and the bookkeeping of what was acknowledged.

pub(crate) mod cart;
pub(crate) mod http;
pub(crate) mod ledger;
pub(crate) mod output;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod store;

use std::{future::Future, time::Duration};

/// How long anything may take. Far more than it does, so that a busy machine fails no test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Tries again until there is an answer.
///
/// # Panics
/// There is none before the deadline; `what` says what was waited for.
pub(crate) async fn eventually<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
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
