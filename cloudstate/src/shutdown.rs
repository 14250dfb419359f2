//! When a process is asked to stop.

use std::future::Future;

/// Resolves at SIGTERM or Ctrl-C, those included that arrive between this call and its first poll.
///
/// From this call on the two no longer end the process by themselves.
///
/// # Panics
/// Outside a Tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    let mut signals = Signals::listen();
    async move { signals.next().await }
}

/// The signals that ask a process to stop, one after the other.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::SignalKind;
        Self {
            interrupt: listen(SignalKind::interrupt(), "Ctrl-C"),
            terminate: listen(SignalKind::terminate(), "SIGTERM"),
        }
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = receive(&mut self.interrupt) => {}
            () = receive(&mut self.terminate) => {}
        }
    }
}

#[cfg(unix)]
fn listen(
    kind: tokio::signal::unix::SignalKind,
    name: &str,
) -> Option<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(kind)
        .inspect_err(|error| tracing::warn!("{name} will not stop this process in order: {error}"))
        .ok()
}

#[cfg(unix)]
async fn receive(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that ask a process to stop, one after the other.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        Self
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("Ctrl-C will not stop this process in order: {error}");
            std::future::pending().await
        }
    }
}
