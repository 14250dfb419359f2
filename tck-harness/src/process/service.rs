//! A service that the harness starts and stops.

use std::{net::Ipv4Addr, path::Path};

use futures_util::TryFutureExt as _;
use tokio::process::Command;

use super::{Process, StartError, free_port, shell};
use crate::service::Service;

/// A running service. Dropped, it is killed, with every process that it started.
#[derive(Debug)]
pub struct ServiceProcess {
    process: Process,
    address: String,
}

impl ServiceProcess {
    /// Starts a shell command, with `HOST` and a free `PORT` in its environment, and waits for its first answer.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not answer discovery within
    /// [`START_PATIENCE`](crate::service::START_PATIENCE).
    pub async fn start_command(command: &str) -> Result<(Self, Service), StartError> {
        let port = free_port(command)?;
        let process = spawn(shell(command), port)?;
        let address = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        let hint = "; it was told to listen there by HOST and PORT";
        Self { process, address }.discovered(hint).await
    }

    /// Starts a program that is made with Cloudstate for Rust, which picks a port itself and prints it.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not answer discovery within
    /// [`START_PATIENCE`](crate::service::START_PATIENCE).
    pub async fn start_program(program: &Path) -> Result<(Self, Service), StartError> {
        let mut process = spawn(Command::new(program), 0)?;
        let address = process.printed_address().await?;
        Self { process, address }.discovered("").await
    }

    /// Where the service answers, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The last lines that it printed, on stdout and stderr.
    pub fn output(&self) -> Vec<String> {
        self.process.output()
    }

    /// Asks the service to stop (SIGTERM), and kills what is left of it after ten seconds at most.
    pub async fn stop(self) {
        self.process.stop().await;
    }

    /// The hint follows what is wrong.
    async fn discovered(mut self, hint: &str) -> Result<(Self, Service), StartError> {
        let discovered = Service::wait_for(&self.address);
        let discovered = discovered.map_err(|error| format!("{error}{hint}"));
        let service = self.process.answers(discovered).await?;
        Ok((self, service))
    }
}

fn spawn(mut command: Command, port: u16) -> Result<Process, StartError> {
    command
        .env("HOST", Ipv4Addr::LOCALHOST.to_string())
        .env("PORT", port.to_string())
        .env("CLOUDSTATE_ROLE", "user-function");
    Process::spawn("service", command)
}
