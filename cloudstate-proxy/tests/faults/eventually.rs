//! How a test waits for what takes its time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Tries until something comes of it.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> T {
    let tried = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, tried)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"))
}
