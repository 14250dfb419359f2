//! What a case found wrong.

use std::fmt;

/// What a case, or one step of it, returns.
pub type Verdict<T = ()> = Result<T, Failure>;

/// Why a case failed, for a reader who did not write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    summary: String,
    details: Vec<String>,
}

impl Failure {
    /// A failure in one sentence, without a full stop.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            details: Vec::new(),
        }
    }

    /// Adds a titled block of lines below the sentence.
    #[must_use]
    pub fn detail(mut self, title: &str, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.push(format!("{title}:"));
        self.details
            .extend(lines.into_iter().map(|line| format!("  {line}")));
        self
    }

    /// What is wrong, in one sentence.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Titled blocks: what was sent, what was expected and what came.
    pub fn details(&self) -> &[String] {
        &self.details
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        for line in &self.details {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
