//! A report for a reader, as the run goes on.

use std::io::{self, Write};

use super::{Counts, Report};
use crate::runner::{Outcome, Progress};

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

    /// Writes the sums: one per group, if there are several, and the sum over everything in the last line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sum(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.out)?;
        if report.groups().nth(1).is_some() {
            for (title, counts) in report.groups() {
                let counts = self.styled(verdict(counts), &counts.to_string());
                writeln!(self.out, "{title}: {counts}")?;
            }
        }
        let sum = self.styled(verdict(report.counts()), &report.to_string());
        writeln!(self.out, "{sum}")?;
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

fn verdict(counts: Counts) -> Style {
    match counts {
        Counts { failed: 1.., .. } => Style::Red,
        Counts { skipped: 1.., .. } => Style::Yellow,
        _ => Style::Green,
    }
}
