//! What a process prints.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{ChildStderr, ChildStdout},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Lines of output that are kept for the report of a failure.
const KEPT_LINES: usize = 100;

/// Longest line that is kept, in bytes; a longer one becomes several.
const LINE: u64 = 16 << 10;

/// What the programs of Cloudstate for Rust print once they serve, before the address.
const READY: [&str; 2] = [
    "cloudstate user function ready on http://",
    "cloudstate ready on http://",
];

/// What a process prints.
#[derive(Debug)]
pub(super) struct Output {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// The address in the line that says so.
    pub(super) ready: watch::Sender<Option<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Output {
    pub(super) fn read(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
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

    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Waits until the process has closed its output, which one that it started may hold open.
    pub(super) async fn wait_for_end(&mut self) {
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
        if let Some(address) = READY.iter().find_map(|ready| line.strip_prefix(ready)) {
            ready.send_replace(Some(address.to_owned()));
        }
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
