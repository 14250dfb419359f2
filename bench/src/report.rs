//! Results: tables for people, JSON for programs, from the same figures.

use std::{
    fmt::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};

use crate::figures::{Spread, readable};

/// A figure and its value. The name ends in its unit.
pub type Figure = (&'static str, f64);

/// Figures of several subjects that are compared with each other.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    subject: String,
    figures: Vec<(&'static str, Vec<f64>)>,
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            rows: Vec::new(),
        }
    }

    /// What it is about.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Adds what one round found out about `subject`.
    pub fn record(&mut self, subject: &str, figures: &[Figure]) {
        let row = match self.rows.iter().position(|row| row.subject == subject) {
            Some(row) => row,
            None => {
                self.rows.push(Row {
                    subject: subject.to_owned(),
                    figures: Vec::new(),
                });
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[row];
        for &(name, value) in figures {
            match row.figures.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => row.figures.push((name, vec![value])),
            }
        }
    }

    /// The title, and for each subject each figure's median, extremes and rounds.
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        json!({ "title": self.title, "subjects": rows })
    }

    /// The names of all figures. Rows may have figures that others have not.
    fn columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        for (name, _) in self.rows.iter().flat_map(|row| &row.figures) {
            if !columns.contains(name) {
                columns.push(name);
            }
        }
        columns
    }
}

impl Row {
    fn to_json(&self) -> Value {
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .filter_map(|(name, values)| {
                let Spread { median, min, max } = Spread::of(values)?;
                let figure = json!({ "median": median, "min": min, "max": max, "rounds": values });
                Some(((*name).to_owned(), figure))
            })
            .collect();
        json!({ "subject": self.subject, "figures": figures })
    }

    fn cell(&self, column: &str) -> String {
        let values = self.figures.iter().find(|(name, _)| *name == column);
        match values.and_then(|(_, values)| Spread::of(values)) {
            None => String::new(),
            Some(spread) if spread.min == spread.max => readable(spread.median),
            Some(Spread { median, min, max }) => format!(
                "{} ({} - {})",
                readable(median),
                readable(min),
                readable(max)
            ),
        }
    }
}

/// A Markdown table, padded so that it is read as well without a renderer.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let header = std::iter::once("").chain(columns.iter().copied());
        let mut lines: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
        for row in &self.rows {
            let cells = columns.iter().map(|column| row.cell(column));
            lines.push(std::iter::once(row.subject.clone()).chain(cells).collect());
        }
        let widths: Vec<usize> = (0..=columns.len())
            .map(|at| {
                lines
                    .iter()
                    .map(|line| line[at].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let rule = widths.iter().enumerate().map(|(at, &width)| match at {
            0 => "-".repeat(width),
            _ => "-".repeat(width.max(2) - 1) + ":",
        });
        lines.insert(1, rule.collect());

        writeln!(f, "### {}\n", self.title)?;
        for line in lines {
            let mut text = String::new();
            for (at, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                match at {
                    0 => write!(text, "| {cell:<width$} |")?,
                    _ => write!(text, " {cell:>width$} |")?,
                }
            }
            writeln!(f, "{text}")?;
        }
        Ok(())
    }
}

/// Everything that a run found out, as JSON: the machine, the command line, the time in seconds since 1970, and the
/// tables of each scenario.
pub fn to_json(machine: &str, command: &[String], scenarios: &[(String, Vec<Table>)]) -> Value {
    let taken_at = SystemTime::now().duration_since(UNIX_EPOCH);
    let scenarios: Vec<Value> = scenarios
        .iter()
        .map(|(name, tables)| {
            let tables: Vec<Value> = tables.iter().map(Table::to_json).collect();
            json!({ "scenario": name, "tables": tables })
        })
        .collect();
    json!({
        "machine": machine,
        "command": command,
        "taken_at": taken_at.map_or(0, |time| time.as_secs()),
        "scenarios": scenarios,
    })
}

#[cfg(test)]
mod tests {
    use super::Table;

    fn table() -> Table {
        let mut table = Table::new("Adding");
        table.record("echo", &[("calls/s", 50_000.0), ("p50 ms", 0.5)]);
        table.record("cart", &[("calls/s", 25_000.0), ("of echo", 0.5)]);
        table.record("echo", &[("calls/s", 70_000.0), ("p50 ms", 0.4)]);
        table.record("echo", &[("calls/s", 60_000.0), ("p50 ms", 0.6)]);
        table
    }

    #[test]
    fn a_table_has_medians_and_extremes() {
        let text = "\
### Adding

|      |                  calls/s |                p50 ms | of echo |
| ---- | -----------------------: | --------------------: | ------: |
| echo | 60,000 (50,000 - 70,000) | 0.500 (0.400 - 0.600) |         |
| cart |                   25,000 |                       |   0.500 |
";
        assert_eq!(table().to_string(), text);
    }

    #[test]
    fn json_keeps_every_round() {
        let json = table().to_json();
        let figure = &json["subjects"][0]["figures"]["calls/s"];
        assert_eq!(figure["median"], 60_000.0);
        assert_eq!(figure["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(json["subjects"][1]["subject"], "cart");
    }
}
