//! The path templates of `google.api.http`.
//!
//! ```text
//! Template = "/" [ Segment { "/" Segment } ] [ ":" LITERAL ] ;
//! Segment  = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segment { "/" Segment } ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! ```

use std::fmt;

use super::percent;

/// A parsed template. Variables are flattened into their segments, so that templates which match the same paths have
/// equal segments and suffixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    /// The part after the last colon: `cancel` in `/v1/{name=operations/*}:cancel`.
    pub(crate) suffix: Option<Box<str>>,
    pub(crate) variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    /// This text, percent-decoded.
    Literal(Box<str>),
    /// `*`: one segment that is not empty.
    One,
    /// `**`: all that is left, possibly nothing; always the last segment.
    Rest,
}

/// A variable and the segments that it captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) field_path: String,
    /// Index of the first captured segment.
    pub(crate) start: usize,
    /// Index after the last captured segment.
    pub(crate) end: usize,
}

/// Why a text is no template. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateError {
    column: usize,
    problem: &'static str,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.problem, self.column)
    }
}

impl Template {
    /// A template of nothing but literals.
    pub(super) fn literal(segments: &[&str]) -> Self {
        Self {
            segments: segments
                .iter()
                .map(|&text| Segment::Literal(text.into()))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parser = Parser {
            text,
            at: 0,
            template: Self::default(),
        };
        if text.is_empty() {
            return Err(parser.error("the path is empty; write one that begins with `/`"));
        }
        parser.expect('/', "a path must begin with `/`")?;
        if parser.rest().is_empty() {
            return Ok(parser.template);
        }
        parser.segments(true)?;
        if parser.skip(':') {
            let suffix = parser.literal();
            if suffix.is_empty() {
                return Err(parser.error("a verb is missing after `:`"));
            }
            parser.template.suffix = Some(suffix.into());
        }
        if parser.rest().is_empty() {
            Ok(parser.template)
        } else {
            Err(parser.error("unexpected character"))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// A byte offset, always between characters.
    at: usize,
    template: Template,
}

impl<'a> Parser<'a> {
    fn segments(&mut self, variables_allowed: bool) -> Result<(), TemplateError> {
        loop {
            if self.template.segments.last() == Some(&Segment::Rest) {
                return Err(self.error("`**` must be the last segment"));
            }
            if self.rest().starts_with('{') {
                if !variables_allowed {
                    return Err(self.error("a variable cannot stand inside a variable"));
                }
                self.variable()?;
            } else {
                let segment = self.segment()?;
                self.template.segments.push(segment);
            }
            if !self.skip('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self) -> Result<Segment, TemplateError> {
        if self.skip('*') {
            return Ok(if self.skip('*') {
                Segment::Rest
            } else {
                Segment::One
            });
        }
        let start = self.at;
        let literal = self.literal();
        if literal.is_empty() {
            return Err(self.error("a segment is empty"));
        }
        match percent::decode_path(literal) {
            Ok(literal) => Ok(Segment::Literal(literal.into())),
            Err(_) => {
                self.at = start;
                Err(self.error("a segment is not UTF-8 once percent-decoded"))
            }
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        let opening = self.at;
        self.expect('{', "`{` is missing")?;
        let field_path = self.field_path()?;
        let taken = |variable: &Variable| variable.field_path == field_path;
        if self.template.variables.iter().any(taken) {
            self.at = opening;
            return Err(self.error("a variable stands twice in the path"));
        }
        let start = self.template.segments.len();
        if self.skip('=') {
            self.segments(false)?;
        } else {
            self.template.segments.push(Segment::One);
        }
        self.expect('}', "`}` is missing after a variable")?;
        self.template.variables.push(Variable {
            field_path,
            start,
            end: self.template.segments.len(),
        });
        Ok(())
    }

    fn field_path(&mut self) -> Result<String, TemplateError> {
        let start = self.at;
        loop {
            let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(self.error("a field name is missing"));
            }
            if !self.skip('.') {
                return Ok(self.text[start..self.at].to_owned());
            }
        }
    }

    fn literal(&mut self) -> &'a str {
        self.take_while(|c| {
            !matches!(c, '*' | '{' | '}' | '/' | ':' | '?' | '#') && !c.is_control()
        })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.at += character.len_utf8();
        }
        found
    }

    fn expect(&mut self, character: char, problem: &'static str) -> Result<(), TemplateError> {
        if self.skip(character) {
            Ok(())
        } else {
            Err(self.error(problem))
        }
    }

    fn error(&self, problem: &'static str) -> TemplateError {
        TemplateError {
            column: self.text[..self.at].chars().count() + 1,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.into())
    }

    #[test]
    fn every_form_is_flattened_into_segments() {
        let template = Template::parse("/v1/{a.b=shelves/*/books/**}:cancel").unwrap();
        assert_eq!(
            template.segments,
            [
                literal("v1"),
                literal("shelves"),
                Segment::One,
                literal("books"),
                Segment::Rest
            ]
        );
        assert_eq!(template.suffix.as_deref(), Some("cancel"));
        let [variable] = &template.variables[..] else {
            panic!("one variable, not {:?}", template.variables)
        };
        assert_eq!(variable.field_path, "a.b");
        assert_eq!((variable.start, variable.end), (1, 5));
    }

    #[test]
    fn literals_are_decoded_and_the_root_has_no_segments() {
        let template = Template::parse("/caf%C3%A9/{id}").unwrap();
        assert_eq!(template.segments, [literal("café"), Segment::One]);
        assert_eq!(Template::parse("/").unwrap(), Template::default());
    }

    #[test]
    fn errors_say_what_and_where() {
        for (text, expected) in [
            (
                "",
                "the path is empty; write one that begins with `/` at column 1",
            ),
            ("carts", "a path must begin with `/` at column 1"),
            ("/a//b", "a segment is empty at column 4"),
            ("/a/", "a segment is empty at column 4"),
            ("/a/**/b", "`**` must be the last segment at column 7"),
            ("/{a=**}/b", "`**` must be the last segment at column 9"),
            (
                "/{a={b}}",
                "a variable cannot stand inside a variable at column 5",
            ),
            (
                "/{a}/{a}",
                "a variable stands twice in the path at column 6",
            ),
            ("/{a", "`}` is missing after a variable at column 4"),
            ("/{}", "a field name is missing at column 3"),
            ("/{1a}", "a field name is missing at column 5"),
            ("/{a.}", "a field name is missing at column 5"),
            ("/{a=}", "a segment is empty at column 5"),
            ("/a:", "a verb is missing after `:` at column 4"),
            ("/a:b/c", "unexpected character at column 5"),
            ("/a*", "unexpected character at column 3"),
            ("/a?b=1", "unexpected character at column 3"),
            ("/{a}b", "unexpected character at column 5"),
            (
                "/%FF",
                "a segment is not UTF-8 once percent-decoded at column 2",
            ),
        ] {
            let error = Template::parse(text).expect_err(text);
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
