//! When a process is asked to stop.

use std::{future::Future, pin::Pin};

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

/// Runs a program that stops in order when it is asked to, and that is dropped when it is asked again.
///
/// `program` is called with what resolves at the first SIGTERM or Ctrl-C. Gives what the program gives, or none when a
/// second signal came first.
///
/// # Panics
/// Outside a Tokio runtime.
pub async fn until_stopped<F: Future>(
    program: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) -> F,
) -> Option<F::Output> {
    let (mut signals, mut more_signals) = (Signals::listen(), Signals::listen());
    let first_signal = async move {
        signals.next().await;
        tracing::info!("stopping, once what is in progress is done");
    };
    let second_signal = async {
        more_signals.next().await;
        more_signals.next().await;
    };
    tokio::select! {
        output = program(Box::pin(first_signal)) => Some(output),
        () = second_signal => {
            tracing::warn!("stopped at once, with requests still in progress");
            None
        }
    }
}

/// The signals that ask a process to stop, one after the other.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Listens from now on.
    fn listen() -> Self {
        use tokio::signal::unix::SignalKind;
        Self {
            interrupt: listen(SignalKind::interrupt(), "Ctrl-C"),
            terminate: listen(SignalKind::terminate(), "SIGTERM"),
        }
    }

    /// Waits for the next one.
    async fn next(&mut self) {
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
struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Listens from now on.
    fn listen() -> Self {
        Self
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("Ctrl-C will not stop this process in order: {error}");
            std::future::pending().await
        }
    }
}
