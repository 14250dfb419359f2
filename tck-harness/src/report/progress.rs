//! One line that says how far a run is.

use std::io::{self, Write};

use crate::runner::Progress;

/// Keeps one line of a terminal up to date, beside a report that is written elsewhere.
#[derive(Debug)]
pub struct ProgressLine<W> {
    out: W,
    cases: usize,
    started: usize,
    failed: usize,
}

impl<W: Write> ProgressLine<W> {
    /// Writes to the terminal `out`; the run has this many cases.
    pub fn new(out: W, cases: usize) -> Self {
        Self {
            out,
            cases,
            started: 0,
            failed: 0,
        }
    }

    /// Replaces the line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn progress(&mut self, progress: Progress<'_>) -> io::Result<()> {
        match progress {
            Progress::Started(case) => {
                self.started += 1;
                let (started, cases, name) = (self.started, self.cases, case.name);
                write!(self.out, "\r\x1b[2K[{started}/{cases}")?;
                if self.failed > 0 {
                    write!(self.out, ", {} failed", self.failed)?;
                }
                write!(self.out, "] {name}")?;
            }
            Progress::Finished(result) => {
                self.failed += usize::from(result.outcome.is_failure());
                if self.started == self.cases {
                    write!(self.out, "\r\x1b[2K")?;
                }
            }
        }
        self.out.flush()
    }
}
