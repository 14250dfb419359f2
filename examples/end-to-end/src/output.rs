//! What a process prints, while it runs.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use crate::DEADLINE;

const NOT_POISONED: &str = "nothing that holds the lock panics";

/// One of a process's output streams, collected by a thread.
#[derive(Debug)]
pub struct Output {
    printed: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    text: String,
    ended: bool,
}

impl Output {
    /// Collects what comes from a stream, until it ends.
    pub fn collect(stream: impl Read + Send + 'static) -> Arc<Self> {
        let output = Arc::new(Self {
            printed: Mutex::default(),
            changed: Condvar::new(),
        });
        let collector = Arc::clone(&output);
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(length) if length > 0) {
                collector.change(|printed| printed.text += &String::from_utf8_lossy(&line));
                line.clear();
            }
            collector.change(|printed| printed.ended = true);
        });
        output
    }

    /// All that has been printed so far.
    pub fn text(&self) -> String {
        self.printed.lock().expect(NOT_POISONED).text.clone()
    }

    /// Waits until `find` finds something in the text. `None`: the stream ended, or the deadline passed, without it.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let waiting = |printed: &mut Printed| !printed.ended && find(&printed.text).is_none();
        let printed = self.printed.lock().expect(NOT_POISONED);
        let (printed, _) = self
            .changed
            .wait_timeout_while(printed, DEADLINE, waiting)
            .expect(NOT_POISONED);
        find(&printed.text)
    }

    /// Waits until the process has closed the stream, which it does at its end.
    ///
    /// # Panics
    /// It has not by the deadline.
    pub fn wait_for_end(&self) {
        let printed = self.printed.lock().expect(NOT_POISONED);
        let (printed, _) = self
            .changed
            .wait_timeout_while(printed, DEADLINE, |printed| !printed.ended)
            .expect(NOT_POISONED);
        assert!(
            printed.ended,
            "the process has not ended within {DEADLINE:?}; it printed:\n{}",
            printed.text
        );
    }

    fn change(&self, change: impl FnOnce(&mut Printed)) {
        change(&mut self.printed.lock().expect(NOT_POISONED));
        self.changed.notify_all();
    }
}
