//! What is told of a run: to a reader while it runs, to programs when it has ended.

mod json;
mod junit;
mod progress;
mod text;

pub use progress::ProgressLine;
pub use text::Printer;

use std::{
    fmt::{self, Display},
    io::{self, Write},
};

use crate::runner::{CaseResult, Outcome};

/// The results of a run. Displayed, it is `N passed, N failed, N skipped`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    results: Vec<CaseResult>,
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Did what they had to.
    pub passed: usize,
    /// Did something else.
    pub failed: usize,
    /// Were not run.
    pub skipped: usize,
}

impl Counts {
    fn of(results: &[CaseResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            match result.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed { .. } => counts.failed += 1,
                Outcome::Skipped { .. } => counts.skipped += 1,
            }
        }
        counts
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl Report {
    pub(crate) fn new(results: Vec<CaseResult>) -> Self {
        Self { results }
    }

    /// Every case, in the order of the run.
    pub fn results(&self) -> &[CaseResult] {
        &self.results
    }

    /// The sum over all cases.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.results)
    }

    /// The title of each group, and the sum over its cases.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, Counts)> {
        self.by_group()
            .map(|(title, results)| (title, Counts::of(results)))
    }

    /// The cases that passed.
    pub fn passed(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(Outcome::is_failure)
    }

    /// The cases that were not run.
    pub fn skipped(&self) -> impl Iterator<Item = &CaseResult> {
        self.those(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    /// Writes everything that is known as one JSON object.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_json(&self, out: impl Write) -> io::Result<()> {
        json::write(self, out)
    }

    /// Writes the report in the XML form of JUnit, which build servers read: a test suite per group.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_junit(&self, out: impl Write) -> io::Result<()> {
        junit::write(self, out)
    }

    fn those(&self, predicate: fn(&Outcome) -> bool) -> impl Iterator<Item = &CaseResult> {
        self.results
            .iter()
            .filter(move |result| predicate(&result.outcome))
    }

    fn by_group(&self) -> impl Iterator<Item = (&'static str, &[CaseResult])> {
        self.results
            .chunk_by(|one, next| one.group == next.group)
            .map(|results| (results[0].group, results))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}
