//! How an entity's stream ends in good order: the proxy has half-closed it, and the user function completes it.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use crate::{store::EntityKey, user_function::UserFunctionError};

/// How long a user function may take to complete a stream that the proxy has half-closed.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Half-closes a stream and waits for the user function to complete it; what is not in order goes to the log.
pub(super) async fn close(
    entity: &EntityKey,
    half_closed: impl Future<Output = Result<(), UserFunctionError>>,
) {
    match timeout(CLOSE_TIMEOUT, half_closed).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%entity, %error, "the stream did not end in good order");
        }
        Err(_) => {
            tracing::warn!(%entity, "the user function did not complete its stream within {CLOSE_TIMEOUT:?}");
        }
    }
}

/// Hears the user function out: it has nothing more to say.
pub(super) async fn hear_out<T>(
    entity: &EntityKey,
    mut messages: impl Stream<Item = Result<T, UserFunctionError>> + Unpin,
) -> Result<(), UserFunctionError> {
    while let Some(message) = messages.next().await {
        message?;
        tracing::warn!(%entity, "the user function sent a message after its stream was closed");
    }
    Ok(())
}
