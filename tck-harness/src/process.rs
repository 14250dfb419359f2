//! A service that the harness starts and stops.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::service::{START_PATIENCE, Service};

/// Lines of output that are kept for the report of a failure.
const KEPT_LINES: usize = 100;

/// Longest line that is kept, in bytes; a longer one becomes several.
const LINE: u64 = 16 << 10;

/// How long a service may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the programs of Cloudstate for Rust print once they serve, before the address.
const READY: &str = "cloudstate user function ready on http://";

/// A running service. Dropped, it is killed, with every process that it started.
#[derive(Debug)]
pub struct ServiceProcess {
    child: Child,
    /// The process group, which has the id of its first process.
    group: Option<u32>,
    output: Output,
    address: String,
}

/// Why a service is not there.
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
        /// What is wrong.
        reason: String,
        /// Its last lines of output.
        output: Vec<String>,
    },
}

impl StartError {
    /// The last lines that the service printed.
    pub fn output(&self) -> &[String] {
        match self {
            Self::Spawn { .. } => &[],
            Self::NotReady { output, .. } => output,
        }
    }
}

impl ServiceProcess {
    /// Starts a shell command, with `HOST` and a free `PORT` in its environment, and waits for its first answer.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not answer discovery within [`START_PATIENCE`].
    pub async fn start_command(command: &str) -> Result<(Self, Service), StartError> {
        let spawn_error = |source| StartError::Spawn {
            command: format!("{command:?}"),
            source,
        };
        let port = free_port().map_err(spawn_error)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        let mut process = Self::spawn(shell, port).map_err(spawn_error)?;
        process.address = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        process.discovered().await
    }

    /// Starts a program that is made with Cloudstate for Rust, which picks a port itself and prints it.
    ///
    /// # Errors
    /// It cannot be started, ends, or does not answer discovery within [`START_PATIENCE`].
    pub async fn start_program(program: &Path) -> Result<(Self, Service), StartError> {
        let mut process =
            Self::spawn(Command::new(program), 0).map_err(|source| StartError::Spawn {
                command: program.display().to_string(),
                source,
            })?;
        let mut ready = process.output.ready.subscribe();
        tokio::select! {
            biased;
            Ok(address) = ready.wait_for(Option::is_some) => {
                process.address = address.clone().unwrap_or_default();
            }
            status = process.child.wait() => return Err(process.ended(status).await),
            () = sleep(START_PATIENCE) => {
                return Err(StartError::NotReady {
                    reason: format!("the service did not print \"{READY}..\" within {START_PATIENCE:?}"),
                    output: process.output(),
                });
            }
        }
        process.discovered().await
    }

    /// Where the service answers, as `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The last lines that it printed, on stdout and stderr.
    pub fn output(&self) -> Vec<String> {
        self.output.lines()
    }

    /// Asks the service to stop (SIGTERM), and kills what is left of it after ten seconds at most.
    pub async fn stop(mut self) {
        signal_group(self.group, "TERM");
        // Killed below, whether or not it has stopped: it may have left processes behind.
        let _ = timeout(STOP_PATIENCE, self.child.wait()).await;
    }

    fn spawn(mut command: Command, port: u16) -> io::Result<Self> {
        let mut child = command
            .env("HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("PORT", port.to_string())
            .env("CLOUDSTATE_ROLE", "user-function")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what a shell or a build tool starts can be stopped with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            group: child.id(),
            output: Output::read(child.stdout.take(), child.stderr.take()),
            child,
            address: String::new(),
        })
    }

    async fn discovered(mut self) -> Result<(Self, Service), StartError> {
        let address = self.address.clone();
        tokio::select! {
            discovered = Service::wait_for(&address) => match discovered {
                Ok(service) => Ok((self, service)),
                Err(error) => Err(StartError::NotReady {
                    reason: error.to_string(),
                    output: self.output(),
                }),
            },
            status = self.child.wait() => Err(self.ended(status).await),
        }
    }

    async fn ended(mut self, status: io::Result<ExitStatus>) -> StartError {
        let reason = match status {
            Ok(status) => format!("the service ended with {status} before it answered"),
            Err(error) => format!("the service cannot be waited for: {error}"),
        };
        self.output.wait_for_end().await;
        StartError::NotReady {
            reason,
            output: self.output(),
        }
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        signal_group(self.group, "KILL");
    }
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

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// What a process prints.
#[derive(Debug)]
struct Output {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// The address in the line that says so.
    ready: watch::Sender<Option<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Output {
    fn read(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        let lines = Arc::default();
        let ready = watch::Sender::new(None);
        let mut readers = Vec::new();
        if let Some(stdout) = stdout {
            readers.push(tokio::spawn(keep_lines(
                stdout,
                Arc::clone(&lines),
                ready.clone(),
            )));
        }
        if let Some(stderr) = stderr {
            readers.push(tokio::spawn(keep_lines(
                stderr,
                Arc::clone(&lines),
                ready.clone(),
            )));
        }
        Self {
            lines,
            ready,
            readers,
        }
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Waits until the process has closed its output, which one that it started may hold open.
    async fn wait_for_end(&mut self) {
        for reader in &mut self.readers {
            let _ = timeout(Duration::from_secs(1), reader).await;
        }
    }
}

async fn keep_lines(
    from: impl AsyncRead + Unpin,
    lines: Arc<Mutex<VecDeque<String>>>,
    ready: watch::Sender<Option<String>>,
) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut from).take(LINE).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if let Some(address) = line.strip_prefix(READY) {
            ready.send_replace(Some(address.to_owned()));
        }
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
