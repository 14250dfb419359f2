//! What is wrong with a `.proto`, as a compiler would print it.

use std::{fmt, io, path::Path};

use miette::{Diagnostic, LabeledSpan};

use crate::sources::Sources;

/// Why the files could not be compiled.
///
/// Its text is made for people: for each problem `file:line:column: what is wrong`, and the line in question. `Debug`
/// prints the same, because that is what a failing `fn main() -> Result<..>` shows.
pub struct Error {
    problems: Vec<Problem>,
}

struct Problem {
    message: String,
    place: Option<Place>,
    help: Option<String>,
}

/// A place in a file; line and column count from 1, columns in characters.
pub(crate) struct Place {
    file: String,
    line: usize,
    column: usize,
    text: String,
    width: usize,
}

impl Error {
    /// A problem that has no place in a file.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::with_place(message, None)
    }

    pub(crate) fn with_place(message: impl Into<String>, place: Option<Place>) -> Self {
        Self {
            problems: vec![Problem {
                message: message.into(),
                place,
                help: None,
            }],
        }
    }

    pub(crate) fn io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        Self::new(format!("cannot {doing} {}: {cause}", path.display()))
    }

    /// Finds the lines that protox's spans point at.
    pub(crate) fn from_protox(error: &protox::Error, sources: &Sources) -> Self {
        let related = error.related().into_iter().flatten();
        let problems = std::iter::once(error as &dyn Diagnostic)
            .chain(related)
            .map(|diagnostic| Problem {
                message: match diagnostic.source() {
                    Some(cause) => format!("{diagnostic}: {cause}"),
                    None => diagnostic.to_string(),
                },
                place: error
                    .file()
                    .and_then(|file| place(diagnostic, error.is_parse(), file, sources)),
                help: diagnostic.help().map(|help| help.to_string()),
            })
            .collect();
        Self { problems }
    }
}

fn place(
    diagnostic: &dyn Diagnostic,
    is_parse: bool,
    name: &str,
    sources: &Sources,
) -> Option<Place> {
    let text = sources.text(name)?;
    let labels: Vec<LabeledSpan> = diagnostic.labels().into_iter().flatten().collect();
    // Of two labels the second one is the offender ("first defined here", "and again here"), unless one says so.
    let label = labels
        .iter()
        .find(|label| label.label() == Some("found here"))
        .or(labels.last());
    let (offset, len) = match label {
        Some(label) => (label.offset(), label.len()),
        // A parse error without a label is an unexpected end of the file.
        None if is_parse => (text.trim_end().len(), 1),
        None => return None,
    };
    Some(Place::at_offset(sources.path(name), &text, offset, len))
}

impl Place {
    fn at_offset(file: String, text: &str, offset: usize, len: usize) -> Self {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let end = text.floor_char_boundary(offset.saturating_add(len).min(start + line.len()));
        Self {
            file,
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
            text: line.to_owned(),
            width: text
                .get(offset..end)
                .map_or(1, |span| span.chars().count().max(1)),
        }
    }

    /// The place of a `google.protobuf.SourceCodeInfo` span, whose lines and columns count from 0.
    pub(crate) fn at_span(file: String, text: &str, span: &[i32]) -> Option<Self> {
        let (&[line, column, end] | &[line, column, _, end]) = span else {
            return None;
        };
        let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
        Some(Self {
            file,
            line: line + 1,
            column: column + 1,
            text: text.lines().nth(line)?.to_owned(),
            width: usize::try_from(end).ok()?.saturating_sub(column).max(1),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else {
            f.write_str(&self.message)?;
            return self
                .help
                .iter()
                .try_for_each(|help| write!(f, "\n = help: {help}"));
        };
        let Place {
            file, line, column, ..
        } = place;
        writeln!(f, "{file}:{line}:{column}: {}", self.message)?;
        let margin = " ".repeat(line.to_string().len());
        // Tabs stay tabs in the row below, so that the carets stand under the text.
        let indent: String = place
            .text
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {}", place.text)?;
        write!(f, "{margin} | {indent}{}", "^".repeat(place.width))?;
        self.help
            .iter()
            .try_for_each(|help| write!(f, "\n{margin} = help: {help}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
