//! Where `tracing` goes: stderr, so that stdout holds only what programs wait for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Logs to stderr what `RUST_LOG` selects, `info` and above by default. Does nothing where a subscriber is set already.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // Fails where the application has set its own, which then counts.
    let _ = subscriber.try_init();
}
