//! A message as names, values and indentation.

/// A value, or named values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A scalar, as text.
    Text(String),
    /// A message.
    Fields(Vec<(String, Self)>),
    /// A message in an `Any`.
    Typed {
        /// The type's name, or the whole type URL in quotes where its prefix is not the usual one.
        title: String,
        /// What is in it.
        fields: Vec<(String, Self)>,
    },
}

impl Outline {
    /// All of it in one line: `reply { command_id: 1, payload: Response { message: "A" } }`.
    pub fn line(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Fields(fields) => in_one_line(fields),
            Self::Typed { title, fields } if fields.is_empty() => format!("{title} {{}}"),
            Self::Typed { title, fields } => format!("{title} {{ {} }}", in_one_line(fields)),
        }
    }

    /// One line per field, indented by depth.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match self {
            Self::Text(text) => lines.push(text.clone()),
            Self::Fields(fields) => push_fields(fields, 0, &mut lines),
            Self::Typed { title, fields } => {
                lines.push(title.clone());
                push_fields(fields, 1, &mut lines);
            }
        }
        lines
    }
}

fn in_one_line(fields: &[(String, Outline)]) -> String {
    let field = |(name, value): &(String, Outline)| match value {
        Outline::Fields(fields) if fields.is_empty() => format!("{name} {{}}"),
        Outline::Fields(_) => format!("{name} {{ {} }}", value.line()),
        Outline::Text(_) | Outline::Typed { .. } => format!("{name}: {}", value.line()),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn push_fields(fields: &[(String, Outline)], depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    for (name, value) in fields {
        match value {
            Outline::Text(text) => lines.push(format!("{indent}{name}: {text}")),
            Outline::Fields(fields) if fields.is_empty() => {
                lines.push(format!("{indent}{name}: {{}}"));
            }
            Outline::Fields(fields) => {
                lines.push(format!("{indent}{name}:"));
                push_fields(fields, depth + 1, lines);
            }
            Outline::Typed { title, fields } => {
                lines.push(format!("{indent}{name}: {title}"));
                push_fields(fields, depth + 1, lines);
            }
        }
    }
}
