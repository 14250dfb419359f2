//! The programs under test, as processes.

use std::{
    env,
    ffi::OsStr,
    fmt, iter,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU16, Ordering},
    },
};

use super::{cart::CartClient, http::Http, output::Output};

/// A program that is about to be started. It inherits nothing from this process's environment.
pub(crate) struct Program(Command);

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// The shopping cart, on a free port, with nothing stored.
    pub(crate) fn shopping_cart() -> Self {
        Self::new(env!("CARGO_BIN_EXE_shopping-cart"))
    }

    /// The shopping cart's entities only, for a proxy that dials this port.
    pub(crate) fn user_function(port: u16) -> Self {
        Self::shopping_cart()
            .env("CLOUDSTATE_ROLE", "user-function")
            .env("PORT", port.to_string())
    }

    /// The sidecar, on a free port of the loopback interface, with a user function on this port.
    pub(crate) fn proxy(user_function: u16) -> Self {
        Self::new(proxy_executable())
            .env("HTTP_HOST", "127.0.0.1")
            .env("USER_FUNCTION_PORT", user_function.to_string())
    }

    pub(crate) fn new(executable: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(executable);
        command.env_clear().stdin(Stdio::null());
        Self(command)
            .env("HTTP_PORT", "0")
            .env("CLOUDSTATE_STORE", "memory")
    }

    pub(crate) fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(variable, value);
        self
    }

    /// Without the setting, so that its default counts.
    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.0.env_remove(variable);
        self
    }

    pub(crate) fn directory(mut self, working_directory: &Path) -> Self {
        self.0.current_dir(working_directory);
        self
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn store(self, directory: &Path) -> Self {
        self.env("CLOUDSTATE_STORE", directory)
    }

    /// The same program, settings included, started by this shell script as `exec "$0" "$@"`.
    pub(crate) fn through_shell(self, script: &str) -> Self {
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
    pub(crate) fn unprivileged(mut self) -> Self {
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
    pub(crate) fn start(self) -> Running {
        self.spawn().ready()
    }

    /// Starts the program and does not wait for it; [`Running::address`] is not known.
    pub(crate) fn spawn(mut self) -> Running {
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
    pub(crate) fn run(self) -> Ended {
        self.spawn().ended()
    }
}

impl Running {
    /// Waits until the program serves.
    ///
    /// # Panics
    /// It ends instead, or takes too long.
    pub(crate) fn ready(mut self) -> Self {
        let ready = self.stdout.wait_for(|text| {
            let (_, address) = text.split_once("ready on http://")?;
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
    pub(crate) fn wait_for_stderr(&self, text: &str) -> bool {
        let found = |printed: &str| printed.contains(text).then_some(());
        self.stderr.wait_for(found).is_some()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(self.address)
    }

    pub(crate) async fn cart(&self) -> CartClient {
        CartClient::connect(self.address).await
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("/bin/sh")
            .args(["-c", &format!("kill -s {name} {}", self.id())])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}: {self}");
    }

    /// SIGTERM, and what became of it.
    pub(crate) fn terminate(self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    /// Waits until the program ends by itself.
    pub(crate) fn ended(mut self) -> Ended {
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
pub(crate) fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    iter::repeat_with(|| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .take(12_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port below the ephemeral ones")
}

/// The sidecar program.
fn proxy_executable() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        cargo_build(here, &["--package", "cloudstate-proxy"], "cloudstate-proxy")
    })
}

/// Builds a program of the package or workspace in `directory`, with this test's profile and into its target directory,
/// and says where it is.
pub(crate) fn cargo_build(directory: &Path, arguments: &[&str], program: &str) -> PathBuf {
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
