//! Parts of tests that need a process of their own: this test binary, run again for one case.

use std::{
    env,
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

const DIRECTORY: &str = "STORE_DAMAGE_DIRECTORY";

/// Marks the lines that are meant for the parent.
const PREFIX: &str = "child: ";

/// The directory that the parent says; `None` where the case is run by hand.
pub(crate) fn directory() -> Option<PathBuf> {
    env::var_os(DIRECTORY).map(PathBuf::from)
}

/// Says a line to the parent.
pub(crate) fn say(line: &str) {
    let line = format!("\n{PREFIX}{line}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Waits until the parent ends its side, or ends itself.
pub(crate) fn wait_for_parent() {
    let _ = std::io::stdin().lines().last();
}

/// This binary, to run the case `name` on `directory`. A shell script may be run first, which ends with `exec "$@"`.
pub(crate) fn command(name: &str, directory: &Path, script: Option<&str>) -> Command {
    let binary = env::current_exe().unwrap();
    let mut command = match script {
        None => Command::new(binary),
        Some(script) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh"]).arg(binary);
            shell
        }
    };
    command
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// A case that runs, and what it says.
pub(crate) struct Running {
    pub(crate) process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next whole line; `None` when it has ended.
    pub(crate) fn heard(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(PREFIX).map(str::to_owned))
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
