//! The HTTP/2 connection that the streams of entities are on.
//!
//! It is driven here, without a client library on top of HTTP/2, because there is a stream for each live entity: a
//! library has a task, a channel and two buffers of 8 KB for each of them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use cloudstate_transport::Stream;
use futures_util::{
    FutureExt, TryFutureExt,
    future::{BoxFuture, Shared},
};
use h2::{
    Ping, PingPong,
    client::{Builder, Connection, SendRequest},
};
use tokio::time::{sleep, timeout};

use super::{CONNECTION_WINDOW, PING_EVERY, PING_TIMEOUT, STREAM_WINDOW, address::Address};
use crate::user_function::UserFunctionError;

/// A connection that is being made or has been made; whoever asks for it meanwhile gets the same.
type Dialled = Shared<BoxFuture<'static, Result<SendRequest<Bytes>, UserFunctionError>>>;

/// Makes the connection when it is first needed, and again when it is lost.
#[derive(Clone)]
pub(super) struct Connections {
    address: Address,
    current: Arc<Mutex<Option<Dialled>>>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connections").field(&self.address).finish()
    }
}

impl Connections {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            current: Arc::default(),
        }
    }

    /// Somewhere to open a stream.
    ///
    /// # Errors
    /// There is no connection, and none can be made.
    pub(super) async fn get(&self) -> Result<SendRequest<Bytes>, UserFunctionError> {
        loop {
            let (dialled, is_new) = self.current();
            match dialled.clone().await {
                Ok(connection) => match connection.ready().await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => {
                        self.forget(&dialled);
                        if is_new {
                            return Err(lost(&error));
                        }
                    }
                },
                Err(error) => {
                    self.forget(&dialled);
                    return Err(error);
                }
            }
        }
    }

    /// The connection there is, or else a new one.
    fn current(&self) -> (Dialled, bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dialled) = &*current {
            return (dialled.clone(), false);
        }
        // A task of its own: it goes on when whoever wanted it first has gone.
        let dialling = tokio::spawn(dial(self.address.clone()));
        let dialled = dialling
            .unwrap_or_else(|error| Err(UserFunctionError::unreachable(error.to_string())))
            .boxed()
            .shared();
        *current = Some(dialled.clone());
        (dialled, true)
    }

    fn forget(&self, dialled: &Dialled) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|current| current.ptr_eq(dialled));
    }
}

/// What a connection's end means to those who were on it.
pub(super) fn lost(error: &h2::Error) -> UserFunctionError {
    UserFunctionError::unreachable(format!(
        "the connection to the user function is lost: {error}"
    ))
}

async fn dial(address: Address) -> Result<SendRequest<Bytes>, UserFunctionError> {
    let no_connection = |error: &dyn fmt::Display| {
        UserFunctionError::unreachable(format!("no connection to the user function: {error}"))
    };
    let stream = address
        .connect()
        .await
        .map_err(|error| no_connection(&error))?;
    let (requests, connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(stream)
        .await
        .map_err(|error| no_connection(&error))?;
    tokio::spawn(drive(connection));
    Ok(requests)
}

/// Keeps a connection going until it ends, or the other side does not answer any more. Its streams end with it.
async fn drive(mut connection: Connection<Stream>) {
    let ended = match connection.ping_pong() {
        Some(pings) => tokio::select! {
            ended = &mut connection => ended,
            () = silence(pings) => {
                tracing::warn!("the user function does not answer pings");
                return;
            }
        },
        None => connection.await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the user function ended");
    }
}

/// Waits until a ping is not answered. Without pings a connection that a firewall has forgotten looks alive for ever.
async fn silence(mut pings: PingPong) {
    loop {
        sleep(PING_EVERY).await;
        let answered = timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await;
        if !matches!(answered, Ok(Ok(_))) {
            return;
        }
    }
}
