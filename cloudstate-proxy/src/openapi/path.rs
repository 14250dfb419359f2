//! Path templates as OpenAPI writes them.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::transcoding::compiled::{Segment, Template, Variable};

/// What a segment of a path has to escape, and the braces of templates among it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// A template with a name for each of its wildcards.
#[derive(Debug)]
pub(super) struct PathText {
    pub(super) text: String,
    pub(super) parameters: Vec<PathParameter>,
}

/// A wildcard of a template.
#[derive(Debug)]
pub(super) struct PathParameter {
    pub(super) name: String,
    /// The variable that it belongs to, by index.
    pub(super) variable: Option<usize>,
    /// Whether it is all of that variable.
    pub(super) is_whole: bool,
    /// Whether it takes all that is left of the path.
    pub(super) is_rest: bool,
}

/// What distinguishes the paths that templates match.
type Shape = (Vec<Segment>, Option<Box<str>>);

/// The paths of a document. Templates that match the same paths are one of them, whatever they call their variables.
#[derive(Debug, Default)]
pub(super) struct Paths {
    names: HashMap<Shape, Vec<String>>,
    texts: HashSet<String>,
}

impl Paths {
    /// The path of a template.
    pub(super) fn of(&mut self, template: &Template) -> PathText {
        let mut parameters = parameters(template);
        let shape = (template.segments.clone(), template.suffix.clone());
        if let Some(names) = self.names.get(&shape) {
            for (parameter, name) in parameters.iter_mut().zip(names) {
                parameter.name.clone_from(name);
            }
            let text = text(template, &parameters);
            return PathText { text, parameters };
        }
        // Templates with `*` and with `**` in one place look the same.
        while self.texts.contains(&text(template, &parameters))
            && let Some(last) = parameters.last_mut()
        {
            last.name.push('_');
        }
        let text = text(template, &parameters);
        self.texts.insert(text.clone());
        let names = parameters.iter().map(|parameter| parameter.name.clone());
        self.names.insert(shape, names.collect());
        PathText { text, parameters }
    }
}

/// The wildcards of a template, each with a name of its own.
fn parameters(template: &Template) -> Vec<PathParameter> {
    let mut parameters: Vec<PathParameter> = Vec::new();
    for (index, segment) in template.segments.iter().enumerate() {
        let is_rest = match segment {
            Segment::Literal(_) => continue,
            Segment::One => false,
            Segment::Rest => true,
        };
        let covers = |variable: &Variable| (variable.start..variable.end).contains(&index);
        let variable = template.variables.iter().position(covers);
        let (mut name, is_whole) = match variable.map(|variable| &template.variables[variable]) {
            Some(variable) => {
                let is_whole = variable.end - variable.start == 1;
                let wildcards = |range: &[Segment]| {
                    let literal = |segment: &&Segment| matches!(segment, Segment::Literal(_));
                    range.iter().filter(|segment| !literal(segment)).count()
                };
                let all = wildcards(&template.segments[variable.start..variable.end]);
                let nth = wildcards(&template.segments[variable.start..=index]);
                let name = match all {
                    1 => variable.field_path.clone(),
                    _ => format!("{}_{nth}", variable.field_path),
                };
                (name, is_whole)
            }
            None => (format!("segment_{}", index + 1), false),
        };
        while parameters.iter().any(|parameter| parameter.name == name) {
            name.push('_');
        }
        parameters.push(PathParameter {
            name,
            variable,
            is_whole,
            is_rest,
        });
    }
    parameters
}

fn text(template: &Template, parameters: &[PathParameter]) -> String {
    let mut names = parameters.iter().map(|parameter| parameter.name.as_str());
    let segments = segments(&template.segments, &mut names);
    let suffix = template.suffix.as_deref();
    let suffix = suffix.map(|suffix| format!(":{suffix}"));
    format!("/{segments}{}", suffix.unwrap_or_default())
}

/// What a variable of several segments consists of, by the names of its parameters.
pub(super) fn pattern(template: &Template, variable: usize, path: &PathText) -> String {
    let mut names = path
        .parameters
        .iter()
        .filter(|parameter| parameter.variable == Some(variable))
        .map(|parameter| parameter.name.as_str());
    let Variable { start, end, .. } = template.variables[variable];
    segments(&template.segments[start..end], &mut names)
}

fn segments<'a>(segments: &[Segment], names: &mut impl Iterator<Item = &'a str>) -> String {
    let segments: Vec<String> = segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => utf8_percent_encode(text, ESCAPED).to_string(),
            Segment::One | Segment::Rest => format!("{{{}}}", names.next().unwrap_or_default()),
        })
        .collect();
    segments.join("/")
}
