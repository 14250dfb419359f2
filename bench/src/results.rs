//! Everything that a run found out, and under which circumstances.

mod lines;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{Error, figures::Spread, process, report::Table};

/// Cores that may be busy with something else before times are not to be trusted.
const QUIET: f64 = 0.15;

/// A run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Processor, cores, memory, system.
    pub machine: String,
    /// The commit that was measured, and the compiler.
    pub built: String,
    /// The command line, without the program.
    pub command: Vec<String>,
    /// When it began, in seconds since 1970.
    pub taken_at: i64,
    /// How long it took, in seconds.
    pub took: f64,
    /// Whether the programs are as their users would build them.
    pub optimised: bool,
    /// What came of each scenario, in the order in which they ran.
    pub scenarios: Vec<Outcome>,
}

/// What came of a scenario.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    /// Its name on the command line.
    pub scenario: String,
    /// What was measured.
    pub tables: Vec<Table>,
    /// Why that is not everything.
    pub failure: Option<String>,
}

impl Results {
    /// A run that begins now, with this command line.
    pub fn begin(command: Vec<String>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            machine: process::machine(),
            built: built(),
            command,
            taken_at: now.map_or(0, |time| time.as_secs().try_into().unwrap_or(0)),
            took: 0.0,
            optimised: !cfg!(debug_assertions),
            scenarios: Vec::new(),
        }
    }

    /// Reads what [`write`](Self::write) has written.
    ///
    /// # Errors
    /// The file is not there, or is no such file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let failed = || Error::io(format!("read {}", file.display()));
        let text = fs::read_to_string(file).map_err(failed())?;
        serde_json::from_str(&text).map_err(|error| failed()(error.into()))
    }

    /// Writes everything into a file, as JSON with a line for each figure.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        let failed = || Error::io(format!("write {}", file.display()));
        let json = lines::to_json(self).map_err(|error| failed()(error.into()))?;
        fs::write(file, json).map_err(failed())
    }

    /// The tables of a scenario; none, if it was not measured.
    pub fn tables(&self, scenario: &str) -> &[Table] {
        let outcome = self.scenarios.iter().find(|one| one.scenario == scenario);
        outcome.map_or(&[], |outcome| &outcome.tables)
    }

    /// A table of a scenario, by its title.
    pub fn table(&self, scenario: &str, title: &str) -> Option<&Table> {
        let tables = self.tables(scenario);
        tables.iter().find(|table| table.title() == title)
    }

    /// When it began: `2026-11-21 18:30 UTC`.
    pub fn date(&self) -> String {
        let time = prost_types::Timestamp {
            seconds: self.taken_at,
            nanos: 0,
        };
        let text = time.to_string().replace('T', " ");
        format!("{} UTC", text.get(..16).unwrap_or(&text))
    }

    /// The figure of this name over everything that was measured.
    pub fn over_all(&self, figure: &str) -> Option<Spread> {
        let tables = self.scenarios.iter().flat_map(|outcome| &outcome.tables);
        let values: Vec<f64> = tables.flat_map(|table| table.all(figure)).collect();
        Spread::of(&values)
    }

    /// How quiet the machine was, in a sentence.
    pub fn noise(&self) -> String {
        let Some(other) = self.over_all("other cores") else {
            return "How busy the machine was with other programs was not measured.".to_owned();
        };
        let Spread { median, max, .. } = other;
        if median > QUIET {
            format!(
                "**Other programs kept {median:.2} cores busy meanwhile ({max:.2} at the worst): take processor times and \
                 ratios from this page, not calls per second and latencies.**"
            )
        } else {
            format!("Other programs kept {median:.2} cores busy meanwhile ({max:.2} at the worst).")
        }
    }
}

fn built() -> String {
    let line = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = line("git", &["describe", "--always", "--dirty"]);
    let compiler = line("rustc", &["--version"]);
    [commit.map(|commit| format!("commit {commit}")), compiler]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Results};
    use crate::report::Table;

    fn results(other_cores: f64) -> Results {
        let mut table = Table::new("Adding");
        table.record("cart", &[("calls/s", 1.0), ("other cores", other_cores)]);
        Results {
            taken_at: 1_795_285_861,
            scenarios: vec![Outcome {
                scenario: "command".to_owned(),
                tables: vec![table],
                failure: None,
            }],
            ..Results::begin(Vec::new())
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("figures.json");
        results(0.0).write(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let figure =
            r#"{"name": "calls/s", "median": 1.0, "min": 1.0, "max": 1.0, "rounds": [1.0]}"#;
        assert!(
            text.lines().any(|line| line.trim() == format!("{figure},")),
            "{text}"
        );
        assert!(!text.contains("\n\n"), "{text}");
        let read = Results::read(&file).unwrap();
        assert_eq!(read.date(), "2026-11-21 18:31 UTC");
        assert!(read.table("command", "Adding").is_some());
        assert!(read.tables("start").is_empty());
        assert!(Results::read(directory.path()).is_err());
    }

    #[test]
    fn noise_is_said() {
        assert!(results(0.01).noise().starts_with("Other programs"));
        assert!(results(1.2).noise().starts_with("**"));
    }
}
