//! What is told of a run: a line per case, every failure in full, and the sum.

use std::{
    fmt::{self, Display},
    io::{self, Write},
};

use crate::runner::{CaseResult, Outcome, Progress};

/// The results of a run. Displayed, it is `N passed, N failed, N skipped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    results: Vec<CaseResult>,
}

impl Report {
    pub(crate) fn new(results: Vec<CaseResult>) -> Self {
        Self { results }
    }

    /// Every case, in the order of the run.
    pub fn results(&self) -> &[CaseResult] {
        &self.results
    }

    /// The cases that passed.
    pub fn passed(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// The cases that were not run.
    pub fn skipped(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    fn those(&self, predicate: fn(&Outcome) -> bool) -> impl Iterator<Item = &CaseResult> {
        self.results
            .iter()
            .filter(move |result| predicate(&result.outcome))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, skipped) = (
            self.passed().count(),
            self.failed().count(),
            self.skipped().count(),
        );
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Writes the progress of a run for a reader.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    colours: bool,
    group: &'static str,
}

/// How a word looks on a terminal.
#[derive(Clone, Copy, Debug)]
enum Style {
    Bold,
    Red,
    Green,
    Yellow,
}

impl<W: Write> Printer<W> {
    /// Writes to `out`, in colours if it is for a terminal.
    pub fn new(out: W, colours: bool) -> Self {
        Self {
            out,
            colours,
            group: "",
        }
    }

    /// Writes what happens: a case's name at once, and how it ended behind it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn progress(&mut self, progress: Progress<'_>) -> io::Result<()> {
        match progress {
            Progress::Started(case) => {
                if self.group != case.group {
                    self.group = case.group;
                    let title = self.styled(Style::Bold, case.group);
                    writeln!(self.out, "{title}")?;
                }
                write!(self.out, "  {} ... ", case.name)?;
            }
            Progress::Finished(result) => self.finished(&result.outcome)?,
        }
        self.out.flush()
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sum(&mut self, report: &Report) -> io::Result<()> {
        let style = match report.failed().next() {
            Some(_) => Style::Red,
            None => Style::Green,
        };
        let sum = self.styled(style, &report.to_string());
        writeln!(self.out, "\n{sum}")?;
        self.out.flush()
    }

    fn finished(&mut self, outcome: &Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Passed => {
                let word = self.styled(Style::Green, "ok");
                writeln!(self.out, "{word}")
            }
            Outcome::Skipped { missing } => {
                let word = self.styled(Style::Yellow, "skipped");
                writeln!(self.out, "{word}: no entity {}", missing.join(", "))
            }
            Outcome::Failed {
                failure,
                conversation,
            } => {
                let word = self.styled(Style::Red, "FAILED");
                writeln!(self.out, "{word}\n    {}", failure.summary())?;
                for line in failure.details() {
                    let line = match line.trim_start().chars().next() {
                        Some('-') => self.styled(Style::Green, line),
                        Some('+') => self.styled(Style::Red, line),
                        _ => line.clone(),
                    };
                    writeln!(self.out, "    {line}")?;
                }
                if !conversation.is_empty() {
                    writeln!(self.out, "    the conversation:")?;
                }
                for line in conversation {
                    writeln!(self.out, "      {line}")?;
                }
                Ok(())
            }
        }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
