//! A server under test: a process that is started, asked where it listens, and stopped.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    iter::Sum,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{Error, echo::Echo, process::Process};

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
    durable: bool,
    one_core: bool,
    /// Of a sidecar: what is started before it, and stopped behind it.
    user_function: Option<Box<Launch>>,
}

/// Where a cart keeps its events.
#[derive(Clone, Debug)]
pub enum Store {
    /// Nowhere.
    Memory,
    /// In SQLite, in this directory.
    Directory(PathBuf),
}

impl Store {
    fn is_durable(&self) -> bool {
        matches!(self, Self::Directory(_))
    }
}

impl Launch {
    /// The service of `program` with its proxy inside, on a free port.
    pub fn cart(name: impl Into<String>, program: &Path, store: &Store) -> Self {
        Self {
            environment: front_end(store),
            durable: store.is_durable(),
            ..Self::program(name, program)
        }
    }

    /// The service of `program` without a proxy: the protocol server alone.
    pub fn user_function(name: impl Into<String>, program: &Path) -> Self {
        Self::program(name, program)
            .with("CLOUDSTATE_ROLE", "user-function")
            .with("PORT", "0")
    }

    /// The service of `program` as a user function of its own, behind the proxy `sidecar`. Both are the server.
    pub fn sidecar(name: impl Into<String>, sidecar: &Path, program: &Path, store: &Store) -> Self {
        let name = name.into();
        let behind = Self::user_function(format!("{name}, user function"), program);
        Self {
            environment: front_end(store),
            durable: store.is_durable(),
            user_function: Some(Box::new(behind)),
            ..Self::program(name, sidecar)
        }
    }

    /// A bare server: `program`, the benchmark itself, in another role.
    pub fn echo(name: impl Into<String>, program: &Path, echo: Echo) -> Self {
        let mut launch = Self::program(name, program);
        launch.arguments = vec!["--echo-server".into(), echo.argument().into()];
        launch
    }

    /// Sets a variable of the server's environment.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Keeps it off all cores but the first, by `taskset` of util-linux.
    #[must_use]
    pub fn on_one_core(mut self) -> Self {
        self.one_core = true;
        self
    }

    /// Entities leave memory when they have been idle for this long.
    #[must_use]
    pub fn passivating_after(self, idle: Duration) -> Self {
        self.with(
            "CLOUDSTATE_PASSIVATE_AFTER",
            format!("{}ms", idle.as_millis()),
        )
    }

    fn command(&self) -> Command {
        if !self.one_core {
            return Command::new(&self.program);
        }
        // It becomes the program, so that the process is the same.
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(&self.program);
        command
    }

    fn program(name: impl Into<String>, program: &Path) -> Self {
        Self {
            name: name.into(),
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            durable: false,
            one_core: false,
            user_function: None,
        }
    }
}

/// The settings of a proxy: defaults, but for the store and the ports.
fn front_end(store: &Store) -> Vec<(&'static str, OsString)> {
    let store = match store {
        Store::Memory => "memory".into(),
        Store::Directory(directory) => directory.clone().into_os_string(),
    };
    vec![
        ("CLOUDSTATE_STORE", store),
        // The sidecar's own default is every address.
        ("HTTP_HOST", "127.0.0.1".into()),
        ("HTTP_PORT", "0".into()),
        ("METRICS_PORT", "0".into()),
    ]
}

/// A server that answers. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    address: String,
    log: PathBuf,
    durable: bool,
    user_function: Option<Box<Server>>,
}

impl Server {
    /// Starts a server, and waits until it says that it is ready. Its stderr goes to a file in `directory`.
    ///
    /// # Errors
    /// The program is missing, ends, or is not ready within a minute.
    pub fn start(launch: &Launch, directory: &Path) -> Result<Self, Error> {
        let name = launch.name.clone();
        let user_function = match &launch.user_function {
            Some(launch) => Some(Box::new(Self::start(launch, directory)?)),
            None => None,
        };
        // Ports are numbers that the user function has chosen itself.
        let port = user_function.as_ref().and_then(|server| server.port());
        let log = directory.join(format!("{}.log", name.replace([' ', ',', '/'], "-")));
        let stderr = File::create(&log).map_err(Error::io(format!("create {}", log.display())))?;
        let mut child = launch
            .command()
            .args(&launch.arguments)
            // Nothing in the caller's environment may change what is measured.
            .env_clear()
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .envs(port.map(|port| ("USER_FUNCTION_PORT", port)))
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
            durable: launch.durable,
            user_function,
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

    /// Where it listens: `HOST:PORT`.
    pub fn authority(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Whether what it keeps is on a disk.
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// The user function behind a sidecar.
    pub fn user_function(&self) -> Option<&Self> {
        self.user_function.as_deref()
    }

    /// Processor time so far, of all its processes.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu_time(&self) -> Result<Duration, Error> {
        self.sum(Process::cpu_time)
    }

    /// The memory it has in RAM now, in bytes, in all its processes.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory(&self) -> Result<u64, Error> {
        self.sum(Process::memory)
    }

    /// The most memory that it ever had in RAM, in bytes; of several processes the sum of their peaks.
    ///
    /// # Errors
    /// It is gone.
    pub fn peak_memory(&self) -> Result<u64, Error> {
        self.sum(Process::peak_memory)
    }

    /// Bytes that it has caused to be written to a disk so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn bytes_written(&self) -> Result<u64, Error> {
        self.sum(Process::bytes_written)
    }

    /// Bytes that it has had read from a disk so far; what is in the page cache is not.
    ///
    /// # Errors
    /// It is gone.
    pub fn bytes_read(&self) -> Result<u64, Error> {
        self.sum(Process::bytes_read)
    }

    fn sum<T: Sum>(&self, figure: impl Fn(&Process) -> io::Result<T>) -> Result<T, Error> {
        let servers = std::iter::successors(Some(self), |server| server.user_function());
        servers
            .map(|server| {
                figure(&Process::new(server.child.id())).map_err(Error::io(format!(
                    "read what {} uses from /proc",
                    server.name
                )))
            })
            .sum()
    }

    fn port(&self) -> Option<&str> {
        self.address.rsplit_once(':').map(|(_, port)| port)
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// It does not stop within a minute, or not with success.
    pub fn stop(mut self) -> Result<(), Error> {
        self.stop_process()?;
        match self.user_function.take() {
            Some(behind) => behind.stop(),
            None => Ok(()),
        }
    }

    fn stop_process(&mut self) -> Result<(), Error> {
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
