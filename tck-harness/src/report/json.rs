//! A report as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{Counts, Report};
use crate::runner::{CaseResult, Outcome};

pub(super) fn write(report: &Report, mut out: impl Write) -> io::Result<()> {
    let groups = report.by_group().map(|(group, results)| Group {
        group,
        counts: Counts::of(results).into(),
        cases: results.iter().map(Case::from).collect(),
    });
    let document = Document {
        counts: report.counts().into(),
        groups: groups.collect(),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    counts: Sum,
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Sum {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl From<Counts> for Sum {
    fn from(counts: Counts) -> Self {
        Self {
            passed: counts.passed,
            failed: counts.failed,
            skipped: counts.skipped,
        }
    }
}

#[derive(Serialize)]
struct Group<'a> {
    group: &'a str,
    #[serde(flatten)]
    counts: Sum,
    cases: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct Case<'a> {
    name: &'a str,
    seconds: f64,
    #[serde(flatten)]
    outcome: Verdict<'a>,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
enum Verdict<'a> {
    Passed,
    Failed {
        summary: &'a str,
        details: &'a [String],
        conversation: &'a [String],
    },
    Skipped {
        missing: &'a [&'a str],
    },
}

impl<'a> From<&'a CaseResult> for Case<'a> {
    fn from(result: &'a CaseResult) -> Self {
        Self {
            name: result.name,
            seconds: result.duration.as_secs_f64(),
            outcome: match &result.outcome {
                Outcome::Passed => Verdict::Passed,
                Outcome::Failed {
                    failure,
                    conversation,
                } => Verdict::Failed {
                    summary: failure.summary(),
                    details: failure.details(),
                    conversation,
                },
                Outcome::Skipped { missing } => Verdict::Skipped { missing },
            },
        }
    }
}
