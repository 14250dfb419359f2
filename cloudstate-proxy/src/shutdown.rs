//! When a process is asked to stop.

/// Completes at SIGTERM or Ctrl-C.
pub async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = match signal(SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for; Ctrl-C can");
                return interrupt().await;
            }
        };
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping: SIGTERM"),
            () = interrupt() => {}
        }
    }
    #[cfg(not(unix))]
    interrupt().await;
}

async fn interrupt() {
    match tokio::signal::ctrl_c().await {
        Ok(()) => tracing::info!("stopping: Ctrl-C"),
        Err(error) => {
            tracing::warn!(%error, "Ctrl-C cannot be listened for");
            std::future::pending::<()>().await;
        }
    }
}
