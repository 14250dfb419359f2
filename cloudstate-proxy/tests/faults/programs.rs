//! The processes: the sidecar, and its user function, which is this test binary run again.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
};

use tokio::{sync::mpsc, time::timeout};

use crate::{client::Client, function::Spec};

pub(crate) use crate::eventually::{DEADLINE, eventually};

/// Says to [`function`](crate::function) that it is to serve, and what.
pub(crate) const PORT: &str = "FAULTS_PORT";
pub(crate) const SPEC: &str = "FAULTS_SPEC";

/// A process and what it prints. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    heard: Vec<String>,
}

/// A user function that runs, on a port that it can be started on again.
pub(crate) struct Function(pub(crate) Process);

/// A sidecar that runs.
pub(crate) struct Sidecar {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Function {
    pub(crate) async fn start(port: u16, spec: Spec) -> Self {
        let settings = [(PORT, port.to_string()), (SPEC, spec.name())];
        let mut process = Process::of_this_binary("function::serves", &settings);
        process.heard("serving").await;
        Self(process)
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        self.0.kill();
    }
}

impl Sidecar {
    /// Starts the sidecar of the user function on this port, and waits until it serves.
    pub(crate) async fn start(port: u16, flags: &[&str]) -> Self {
        Self::ready(Self::spawn(port, flags)).await
    }

    /// The same with what it stores in a directory, started by a script that ends with `exec "$@"`.
    pub(crate) async fn start_by(script: &str, port: u16, store: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_cloudstate-proxy")]);
        let store = store.to_str().unwrap();
        let flags = [&["--store", store], flags].concat();
        Self::ready(Process::start(Self::arguments(command, port, &flags))).await
    }

    /// Starts the sidecar and does not wait for it.
    pub(crate) fn spawn(port: u16, flags: &[&str]) -> Process {
        let command = Command::new(env!("CARGO_BIN_EXE_cloudstate-proxy"));
        let flags = [&["--store", "memory"], flags].concat();
        Process::start(Self::arguments(command, port, &flags))
    }

    fn arguments(mut command: Command, port: u16, flags: &[&str]) -> Command {
        let port = port.to_string();
        command
            .args([
                "--http-host=127.0.0.1",
                "--http-port=0",
                "--metrics-port=off",
            ])
            .args([
                "--user-function-host=127.0.0.1",
                "--user-function-port",
                &port,
            ])
            .args(flags)
            .stdin(Stdio::null());
        command
    }

    pub(crate) async fn ready(mut process: Process) -> Self {
        let line = process.heard("ready on http://").await;
        let (_, address) = line.split_once("http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }
}

impl Process {
    /// This test binary, run again for one of its tests that are ignored otherwise.
    pub(crate) fn of_this_binary(test: &str, variables: &[(&str, String)]) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        read(child.stdout.take().unwrap(), sender.clone());
        read(child.stderr.take().unwrap(), sender);
        let heard = Vec::new();
        Self {
            child,
            lines,
            heard,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The bytes of memory that it has, where the system tells.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// The next line with this text in it.
    pub(crate) async fn heard(&mut self, text: &str) -> String {
        self.hear(text)
            .await
            .unwrap_or_else(|| panic!("{text:?} is not heard in: {}", self.heard.join("\n")))
    }

    /// Waits until it has ended, and gives its exit code and all that it printed.
    pub(crate) async fn ended(mut self) -> (Option<i32>, String) {
        // Nothing has a zero byte in it.
        assert_eq!(self.hear("\0").await, None);
        let code = self.child.wait().unwrap().code();
        (code, self.heard.join("\n"))
    }

    async fn hear(&mut self, text: &str) -> Option<String> {
        let find = async {
            while let Some(line) = self.lines.recv().await {
                self.heard.push(line.clone());
                if line.contains(text) {
                    return Some(line);
                }
            }
            None
        };
        match timeout(DEADLINE, find).await {
            Ok(found) => found,
            Err(_) => panic!("nothing more is heard after: {}", self.heard.join("\n")),
        }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            while let Ok(line) = self.lines.try_recv() {
                self.heard.push(line);
            }
            println!("--- {}\n{}", self.id(), self.heard.join("\n"));
        }
    }
}

fn read(stream: impl Read + Send + 'static, lines: mpsc::UnboundedSender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// A port that nobody listens on, below those that the system gives away.
pub(crate) fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    std::iter::repeat_with(|| 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000)
        .take(12_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap()
}
