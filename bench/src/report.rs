//! Tables of figures: Markdown for people, JSON for programs, from the same figures.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::figures::{Spread, readable};

/// A figure and its value. The name ends in its unit.
pub type Figure = (&'static str, f64);

/// Figures of several subjects that are compared with each other.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Table {
    title: String,
    #[serde(rename = "subjects")]
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Row {
    subject: String,
    figures: Vec<Cell>,
}

/// In JSON the median and the extremes stand beside the rounds, for readers; only the rounds are read back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Rounds", into = "Written")]
struct Cell {
    name: String,
    rounds: Vec<f64>,
}

#[derive(Deserialize)]
struct Rounds {
    name: String,
    rounds: Vec<f64>,
}

impl From<Rounds> for Cell {
    fn from(Rounds { name, rounds }: Rounds) -> Self {
        Self { name, rounds }
    }
}

#[derive(Serialize)]
struct Written {
    name: String,
    #[serde(flatten)]
    spread: Option<Spread>,
    rounds: Vec<f64>,
}

impl From<Cell> for Written {
    fn from(Cell { name, rounds }: Cell) -> Self {
        let spread = Spread::of(&rounds);
        Self {
            name,
            spread,
            rounds,
        }
    }
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
            match row.figures.iter_mut().find(|cell| cell.name == name) {
                Some(cell) => cell.rounds.push(value),
                None => row.figures.push(Cell {
                    name: name.to_owned(),
                    rounds: vec![value],
                }),
            }
        }
    }

    /// The rows' names.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| &*row.subject)
    }

    /// A figure of a subject.
    pub fn spread(&self, subject: &str, figure: &str) -> Option<Spread> {
        let row = self.rows.iter().find(|row| row.subject == subject)?;
        Spread::of(row.rounds(figure)?)
    }

    /// The same rows with these figures alone, in this order.
    #[must_use]
    pub fn only(&self, figures: &[&str]) -> Self {
        let rows = self.rows.iter().map(|row| Row {
            subject: row.subject.clone(),
            figures: figures
                .iter()
                .filter_map(|wanted| row.figures.iter().find(|cell| cell.name == *wanted))
                .cloned()
                .collect(),
        });
        Self {
            title: self.title.clone(),
            rows: rows.collect(),
        }
    }

    /// Everything that was measured under this name, in every row and round.
    pub fn all(&self, figure: &str) -> impl Iterator<Item = f64> {
        self.rows
            .iter()
            .filter_map(move |row| row.rounds(figure))
            .flatten()
            .copied()
    }

    /// The names of all figures. Rows may have figures that others have not.
    fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        for cell in self.rows.iter().flat_map(|row| &row.figures) {
            if !columns.contains(&&*cell.name) {
                columns.push(&*cell.name);
            }
        }
        columns
    }
}

impl Row {
    fn rounds(&self, figure: &str) -> Option<&[f64]> {
        let cell = self.figures.iter().find(|cell| cell.name == figure)?;
        Some(&cell.rounds)
    }

    fn cell(&self, column: &str) -> String {
        match self.rounds(column).and_then(Spread::of) {
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

/// The title, and a Markdown table that is read as well without a renderer.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let header = std::iter::once("").chain(columns.iter().copied());
        let mut lines: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
        for row in &self.rows {
            let cells = columns.iter().map(|column| row.cell(column));
            lines.push(std::iter::once(row.subject.clone()).chain(cells).collect());
        }
        writeln!(f, "### {}\n", self.title)?;
        f.write_str(&markdown(&lines, 1))
    }
}

/// Lines of cells as a Markdown table, padded; the first line is the header. Behind the first `texts` columns are numbers.
pub fn markdown(lines: &[Vec<String>], texts: usize) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &[String], at: usize| line.get(at).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let widths = lines.iter().map(|line| cell(line, at).chars().count());
            widths.max().unwrap_or(0).max(2)
        })
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (at, &width) in widths.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = if at < texts {
                write!(text, "| {:<width$} ", cell(line, at))
            } else {
                write!(text, "| {:>width$} ", cell(line, at))
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for (at, &width) in widths.iter().enumerate() {
                let _ = if at < texts {
                    write!(text, "| {} ", "-".repeat(width))
                } else {
                    write!(text, "| {}: ", "-".repeat(width - 1))
                };
            }
            text.push_str("|\n");
        }
    }
    text
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
        let json = serde_json::to_value(table()).unwrap();
        let figure = &json["subjects"][0]["figures"][0];
        assert_eq!(figure["name"], "calls/s");
        assert_eq!(figure["median"], 60_000.0);
        assert_eq!(figure["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(json["subjects"][1]["subject"], "cart");

        let read: Table = serde_json::from_value(json).unwrap();
        assert_eq!(read.to_string(), table().to_string());
    }

    #[test]
    fn figures_are_found_by_their_names() {
        let table = table();
        assert_eq!(table.spread("cart", "of echo").unwrap().median, 0.5);
        assert_eq!(table.spread("cart", "p50 ms"), None);
        assert_eq!(table.all("p50 ms").count(), 3);
        let text = table.only(&["of echo"]).to_string();
        assert!(
            text.contains("0.500") && !text.contains("calls/s"),
            "{text}"
        );
    }
}
