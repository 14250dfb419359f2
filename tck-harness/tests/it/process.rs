//! Services that the harness starts, and what is left of them.

use std::time::Duration;

use tck_harness::process::{ServiceProcess, StartError};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::tck_service;

/// Starts a shell that starts the service, and connects to it.
async fn start_below_a_shell() -> (ServiceProcess, TcpStream) {
    let command = format!("'{}' & wait", tck_service().display());
    let (process, _) = ServiceProcess::start_command(&command).await.unwrap();
    let connection = TcpStream::connect(process.address()).await.unwrap();
    (process, connection)
}

/// Returns once the process at the other end has closed the connection, or is gone.
async fn wait_for_end(mut connection: TcpStream) {
    let mut bytes = Vec::new();
    // A killed process may reset the connection instead of closing it.
    let _ = timeout(Duration::from_secs(10), connection.read_to_end(&mut bytes))
        .await
        .expect("the service still runs");
}

#[tokio::test]
async fn stopping_stops_what_a_shell_has_started() {
    let (process, connection) = start_below_a_shell().await;
    process.stop().await;
    wait_for_end(connection).await;
}

#[tokio::test]
async fn nothing_outlives_the_harness() {
    let (process, connection) = start_below_a_shell().await;
    drop(process);
    wait_for_end(connection).await;
}

#[tokio::test]
async fn a_service_that_ends_is_told_with_its_output() {
    let command = "echo one; echo two >&2; exit 3";
    let error = ServiceProcess::start_command(command).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service ended with exit status: 3 before it answered"
    );
    let mut output = error.output().to_vec();
    output.sort();
    assert_eq!(output, ["one", "two"]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = ServiceProcess::start_program("/nowhere/service".as_ref())
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Spawn { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("cannot start /nowhere/service: "),
        "{error}"
    );
}
