//! What signals do to a program; in a process of its own, because it sends them to itself.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::pending,
    process::{self, Command},
};

use cloudstate_process::until_stopped;

#[tokio::test]
async fn the_first_signal_asks_and_the_second_ends() {
    for signal in ["-TERM", "-INT"] {
        let asked = until_stopped(|asked| async {
            send(signal);
            asked.await;
            "stopped in order"
        });
        assert_eq!(asked.await, Some("stopped in order"));

        let ended = until_stopped(|asked| async {
            send(signal);
            asked.await;
            send(signal);
            pending::<()>().await;
        });
        assert_eq!(ended.await, None);
    }
}

fn send(signal: &str) {
    let id = process::id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}
