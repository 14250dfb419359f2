//! A server under test: a process that is started, asked where it listens, and stopped.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{Error, echo::Flavour, process::Process};

/// How long a server may take to start, and to stop after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where a server says its address, behind its name.
const READY: &str = " ready on ";

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Launch {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

/// Where a cart keeps its events.
#[derive(Clone, Debug)]
pub enum Store {
    /// Nowhere.
    Memory,
    /// In SQLite, in this directory.
    Directory(PathBuf),
}

impl Launch {
    /// The cart of `program`, on a free port.
    pub fn cart(name: impl Into<String>, program: &Path, store: &Store) -> Self {
        let store = match store {
            Store::Memory => "memory".into(),
            Store::Directory(directory) => directory.clone().into_os_string(),
        };
        let free_port = || OsString::from("0");
        Self {
            name: name.into(),
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: vec![
                ("CLOUDSTATE_STORE", store),
                ("HTTP_PORT", free_port()),
                ("METRICS_PORT", free_port()),
            ],
        }
    }

    /// Entities leave memory when they have been idle for this long.
    #[must_use]
    pub fn passivating_after(mut self, idle: Duration) -> Self {
        let idle = format!("{}ms", idle.as_millis());
        self.environment
            .push(("CLOUDSTATE_PASSIVATE_AFTER", idle.into()));
        self
    }

    /// A bare tonic service: `program`, the benchmark itself, in another role.
    pub fn echo(name: impl Into<String>, program: &Path, flavour: Flavour) -> Self {
        let flavour = match flavour {
            Flavour::MultiThread => "--echo-server=multi-thread",
            Flavour::CurrentThread => "--echo-server=current-thread",
        };
        Self {
            name: name.into(),
            program: program.to_owned(),
            arguments: vec![flavour.into()],
            environment: Vec::new(),
        }
    }
}

/// A server that answers. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    address: String,
    log: PathBuf,
}

impl Server {
    /// Starts a server, and waits until it says that it is ready. Its stderr goes to a file in `directory`.
    ///
    /// # Errors
    /// The program is missing, ends, or is not ready within a minute.
    pub fn start(launch: &Launch, directory: &Path) -> Result<Self, Error> {
        let name = launch.name.clone();
        let log = directory.join(format!("{}.log", name.replace([' ', ',', '/'], "-")));
        let stderr = File::create(&log).map_err(Error::io(format!("create {}", log.display())))?;
        let mut child = Command::new(&launch.program)
            .args(&launch.arguments)
            // Nothing in the caller's environment may change what is measured.
            .env_clear()
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(Error::io(format!("start {}", launch.program.display())))?;
        let stdout = child.stdout.take();
        let mut server = Self {
            name,
            child,
            address: String::new(),
            log,
        };
        let address = stdout.and_then(|stdout| address_in(stdout, PATIENCE));
        server.address = address.ok_or_else(|| {
            let happened = match server.child.try_wait() {
                Ok(Some(status)) => format!("ended ({status}) before it was ready"),
                Ok(None) | Err(_) => "did not say where it is ready".to_owned(),
            };
            server.failed(happened)
        })?;
        Ok(server)
    }

    /// What it is called in tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens: `http://HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process, for its processor time and memory.
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// It does not stop within a minute, or not with success.
    pub fn stop(mut self) -> Result<(), Error> {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .map_err(Error::io("run `kill`"))?;
        if !sent.success() {
            return Err(self.failed("was gone before it was asked to stop".to_owned()));
        }
        match self.wait()? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failed(format!("stopped with {status}"))),
            None => Err(self.failed(format!("did not stop within {} s", PATIENCE.as_secs()))),
        }
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(self) {
        drop(self);
    }

    fn wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let ended = self
                .child
                .try_wait()
                .map_err(Error::io("wait for a server"))?;
            if ended.is_some() {
                return Ok(ended);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(None)
    }

    fn failed(&self, happened: String) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        Error::Server {
            server: self.name.clone(),
            happened,
            log: self.log.clone(),
            tail: lines[lines.len().saturating_sub(10)..].join("\n"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the line that says where the server listens; goes on reading behind it, so that the pipe never fills.
fn address_in(stdout: ChildStdout, patience: Duration) -> Option<String> {
    let (found, address) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once(READY) {
                // Whoever asked has given up, at worst.
                let _ = found.try_send(address.trim().to_owned());
            }
        }
    });
    address.recv_timeout(patience).ok()
}
