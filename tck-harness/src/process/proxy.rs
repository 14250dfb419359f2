//! A proxy that the harness starts and stops.

use std::{net::Ipv4Addr, path::Path};

use tokio::process::Command;

use super::{Process, StartError, free_port, shell};
use crate::proxy::{Interception, Proxy};

/// A running proxy. Dropped, it is killed, with every process that it started.
#[derive(Debug)]
pub struct ProxyProcess {
    process: Process,
    address: String,
}

impl ProxyProcess {
    /// Starts a shell command, with `HTTP_PORT`, `USER_FUNCTION_HOST` and `USER_FUNCTION_PORT` in its environment, and
    /// waits for its discovery of the service and for its first answer.
    ///
    /// # Errors
    /// It cannot be started, ends, does not discover the service or does not answer in time.
    pub async fn start_command(
        command: &str,
        interception: Interception,
    ) -> Result<(Self, Proxy), StartError> {
        let port = free_port(command)?;
        let process = spawn(shell(command), port, &interception)?;
        let address = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        Self { process, address }.discovered(interception).await
    }

    /// Starts this project's sidecar, which picks a port itself and prints it, and stores nothing.
    ///
    /// # Errors
    /// As [`start_command`](Self::start_command).
    pub async fn start_program(
        program: &Path,
        interception: Interception,
    ) -> Result<(Self, Proxy), StartError> {
        let mut command = Command::new(program);
        command.env("CLOUDSTATE_STORE", "memory");
        let mut process = spawn(command, 0, &interception)?;
        let address = process.printed_address().await?;
        Self { process, address }.discovered(interception).await
    }

    /// Where the proxy answers, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The last lines that it printed, on stdout and stderr.
    pub fn output(&self) -> Vec<String> {
        self.process.output()
    }

    /// Asks the proxy to stop (SIGTERM), and kills what is left of it after ten seconds at most.
    pub async fn stop(self) {
        self.process.stop().await;
    }

    async fn discovered(mut self, interception: Interception) -> Result<(Self, Proxy), StartError> {
        let proxy = interception.proxy_at(&self.address);
        let proxy = self.process.answers(proxy).await?;
        Ok((self, proxy))
    }
}

fn spawn(
    mut command: Command,
    port: u16,
    interception: &Interception,
) -> Result<Process, StartError> {
    let service = interception.address();
    command
        .env("HTTP_HOST", Ipv4Addr::LOCALHOST.to_string())
        .env("HTTP_PORT", port.to_string())
        .env("METRICS_PORT", "off")
        .env("USER_FUNCTION_HOST", service.ip().to_string())
        .env("USER_FUNCTION_PORT", service.port().to_string());
    Process::spawn("proxy", command)
}
