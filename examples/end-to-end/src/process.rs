//! The programs under test, as processes.

use std::{
    env,
    ffi::OsStr,
    fmt, iter,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use crate::{Client, Http, Output};

/// A program that is about to be started. It inherits nothing from this process's environment.
#[derive(Debug)]
pub struct Program(Command);

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    address: SocketAddr,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All that it printed.
    pub stdout: String,
    /// All that it logged.
    pub stderr: String,
}

impl Program {
    /// The program at this path, on a free port, with nothing stored and no port for operators.
    pub fn new(executable: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(executable);
        command.env_clear().stdin(Stdio::null());
        Self(command)
            .env("HTTP_PORT", "0")
            .env("METRICS_PORT", "off")
            .env("CLOUDSTATE_STORE", "memory")
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(variable, value);
        self
    }

    /// Without the setting, so that its default counts.
    pub fn without(mut self, variable: &str) -> Self {
        self.0.env_remove(variable);
        self
    }

    /// Starts it in this directory.
    pub fn directory(mut self, working_directory: &Path) -> Self {
        self.0.current_dir(working_directory);
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// Keeps what it stores in this directory.
    pub fn store(self, directory: &Path) -> Self {
        self.env("CLOUDSTATE_STORE", directory)
    }

    /// The same program, settings included, started by this shell script as `exec "$0" "$@"`.
    pub fn through_shell(self, script: &str) -> Self {
        let inner = self.0;
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().stdin(Stdio::null());
        shell.arg("-c").arg(script).arg(inner.get_program());
        shell.args(inner.get_args());
        shell.envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        Self(shell)
    }

    /// Runs as a user who may not do everything, if this process may.
    pub fn unprivileged(mut self) -> Self {
        use std::os::unix::{fs::MetadataExt, process::CommandExt};
        let owner = std::fs::metadata("/proc/self").map(|own| own.uid());
        if owner.is_ok_and(|user| user == 0) {
            self.0.uid(65534).gid(65534);
        }
        self
    }

    /// Starts the program and waits until it serves.
    ///
    /// # Panics
    /// It ends instead, or takes too long.
    pub fn start(self) -> Running {
        self.spawn().ready()
    }

    /// Starts the program and does not wait for it; [`Running::address`] is not known.
    pub fn spawn(mut self) -> Running {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match self.0.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{:?} cannot be started: {error}", self.0),
        };
        Running {
            stdout: Output::collect(child.stdout.take().expect("stdout is piped")),
            stderr: Output::collect(child.stderr.take().expect("stderr is piped")),
            child,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        }
    }

    /// Runs the program to its end.
    pub fn run(self) -> Ended {
        self.spawn().ended()
    }
}

impl Running {
    /// Waits until the program serves.
    ///
    /// # Panics
    /// It ends instead, or takes too long.
    pub fn ready(mut self) -> Self {
        let ready = self.stdout.wait_for(|text| {
            let (_, url) = text.split_once("ready on http")?;
            let (_, address) = url.split_once("://")?;
            let (address, _) = address.split_once('\n')?;
            Some(address.parse().expect("an address in the ready line"))
        });
        match ready {
            Some(address) => self.address = address,
            None => panic!("not ready: {self}"),
        }
        self
    }

    /// Waits for a text on stderr. `false`: the program ended, or the deadline passed, without it.
    pub fn wait_for_stderr(&self, text: &str) -> bool {
        let found = |printed: &str| printed.contains(text).then_some(());
        self.stderr.wait_for(found).is_some()
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// A client of its gRPC side.
    ///
    /// # Panics
    /// It does not answer.
    pub async fn grpc(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client of its HTTP side.
    pub fn http(&self) -> Http {
        Http::new(self.address)
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("/bin/sh")
            .args(["-c", &format!("kill -s {name} {}", self.id())])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}: {self}");
    }

    /// SIGTERM, and what became of it.
    pub fn terminate(self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    /// Waits until the program ends by itself.
    pub fn ended(mut self) -> Ended {
        self.stdout.wait_for_end();
        self.stderr.wait_for_end();
        let status = self.child.wait().expect("a child can be waited for");
        Ended {
            code: status.code(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("when the test failed: {self}");
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        let id = self.id();
        write!(
            f,
            "process {id}\n--- stdout\n{stdout}--- stderr\n{stderr}---"
        )
    }
}

/// A port that nobody listens on, and that the system gives to nobody who asks for any: a program can be started on it
/// twice.
pub fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    iter::repeat_with(|| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .take(12_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port below the ephemeral ones")
}

/// Builds a program of the package or workspace in `directory`, with this test's profile and into its target directory,
/// and says where it is.
pub fn cargo_build(directory: &Path, arguments: &[&str], program: &str) -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let programs = test
        .ancestors()
        .nth(2)
        .expect("a test is in target/PROFILE/deps");
    let profile = match programs.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let built = Command::new(env!("CARGO"))
        .current_dir(directory)
        .arg("build")
        .args(arguments)
        .args(["--bin", program, "--profile", profile, "--target-dir"])
        .arg(
            programs
                .parent()
                .expect("a profile is in a target directory"),
        )
        .output()
        .expect("cargo can be started");
    let complaints = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{complaints}");
    programs.join(program)
}
