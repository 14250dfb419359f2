//! Services and proxies that the harness starts and stops.

mod output;
mod proxy;
mod service;

pub use proxy::ProxyProcess;
pub use service::ServiceProcess;

use std::{
    fmt::Display,
    future::Future,
    io,
    net::{Ipv4Addr, TcpListener},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::service::START_PATIENCE;
use output::Output;

/// How long a process may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Why a service or a proxy is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The process could not be started.
    #[error("cannot start {command}: {source}")]
    Spawn {
        /// What was to be started.
        command: String,
        /// What the system says.
        source: io::Error,
    },
    /// The process does not answer, or has ended.
    #[error("{reason}")]
    NotReady {
        /// `service` or `proxy`.
        what: &'static str,
        /// What is wrong.
        reason: String,
        /// Its last lines of output.
        output: Vec<String>,
    },
}

impl StartError {
    /// What is not there: `service`, `proxy`, or a `process` that could not even be started.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Spawn { .. } => "process",
            Self::NotReady { what, .. } => what,
        }
    }

    /// The last lines that it printed.
    pub fn output(&self) -> &[String] {
        match self {
            Self::Spawn { .. } => &[],
            Self::NotReady { output, .. } => output,
        }
    }
}

/// A running process and what it has started. Dropped, all of it is killed.
#[derive(Debug)]
struct Process {
    /// What it is for: `service` or `proxy`.
    what: &'static str,
    child: Child,
    /// The process group, which has the id of its first process.
    group: Option<u32>,
    output: Output,
}

impl Process {
    fn spawn(what: &'static str, mut command: Command) -> Result<Self, StartError> {
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what a shell or a build tool starts can be stopped with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = started.map_err(|source| StartError::Spawn {
            command: command.as_std().get_program().display().to_string(),
            source,
        })?;
        Ok(Self {
            what,
            group: child.id(),
            output: Output::read(child.stdout.take(), child.stderr.take()),
            child,
        })
    }

    fn output(&self) -> Vec<String> {
        self.output.lines()
    }

    async fn stop(mut self) {
        signal_group(self.group, "TERM");
        // Killed below, whether or not it has stopped: it may have left processes behind.
        let _ = timeout(STOP_PATIENCE, self.child.wait()).await;
    }

    /// Waits for the line in which a program of this project says where it serves.
    async fn printed_address(&mut self) -> Result<String, StartError> {
        let mut ready = self.output.ready.subscribe();
        tokio::select! {
            biased;
            Ok(address) = ready.wait_for(Option::is_some) => {
                Ok(address.clone().unwrap_or_default())
            }
            status = self.child.wait() => Err(self.ended(status).await),
            () = sleep(START_PATIENCE) => Err(StartError::NotReady {
                what: self.what,
                reason: format!("the {} did not print where it serves within {START_PATIENCE:?}", self.what),
                output: self.output(),
            }),
        }
    }

    /// Waits for the answer that shows that it serves, unless the process ends.
    async fn answers<T, E: Display>(
        &mut self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StartError> {
        tokio::select! {
            answer = answer => answer.map_err(|error| StartError::NotReady {
                what: self.what,
                reason: error.to_string(),
                output: self.output(),
            }),
            status = self.child.wait() => Err(self.ended(status).await),
        }
    }

    async fn ended(&mut self, status: io::Result<ExitStatus>) -> StartError {
        let reason = match status {
            Ok(status) => format!("the {} ended with {status} before it answered", self.what),
            Err(error) => format!("the {} cannot be waited for: {error}", self.what),
        };
        self.output.wait_for_end().await;
        StartError::NotReady {
            what: self.what,
            reason,
            output: self.output(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        signal_group(self.group, "KILL");
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// Signals a process group. The shell does it, because it takes `unsafe` code to do it directly.
fn signal_group(group: Option<u32>, signal: &str) {
    let Some(group) = group else { return };
    // Fails where nothing is left of the group, which is what is wanted.
    let _ = std::process::Command::new("sh")
        .args(["-c", &format!("kill -s {signal} -- -{group}")])
        .stderr(Stdio::null())
        .status();
}

/// A port for a command that has to be told one.
fn free_port(command: &str) -> Result<u16, StartError> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port());
    port.map_err(|source| StartError::Spawn {
        command: format!("{command:?}"),
        source,
    })
}
