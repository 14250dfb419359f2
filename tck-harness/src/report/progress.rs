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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ProgressLine;
    use crate::{
        case::Case,
        failure::Failure,
        runner::{CaseResult, Outcome, Progress},
    };

    #[test]
    fn the_line_is_replaced_and_goes_at_the_end() {
        let mut terminal = Vec::new();
        let mut line = ProgressLine::new(&mut terminal, 2);
        let failed = Outcome::Failed {
            failure: Failure::new("wrong"),
            conversation: Vec::new(),
        };
        for (name, outcome) in [("one", failed), ("two", Outcome::Passed)] {
            let case = Case::new("group", name, &[], async |_| Ok(()));
            line.progress(Progress::Started(&case)).unwrap();
            let result = CaseResult {
                group: "group",
                name,
                outcome,
                duration: Duration::ZERO,
            };
            line.progress(Progress::Finished(&result)).unwrap();
        }
        assert_eq!(
            String::from_utf8(terminal).unwrap(),
            "\r\x1b[2K[1/2] one\r\x1b[2K[2/2, 1 failed] two\r\x1b[2K"
        );
    }
}
