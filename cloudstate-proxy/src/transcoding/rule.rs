//! The HTTP rules of a method, read from its options.

use std::fmt;

use cloudstate_protocol::google::api::{HttpRule, http_rule::Pattern};
use http::Method;
use prost_reflect::{MethodDescriptor, Value};

use super::routes::Verb;
use super::template::Template;

/// The method option that holds an [`HttpRule`].
const HTTP_OPTION: &str = "google.api.http";

/// One mapping of a method to a verb and a path, parsed but not yet checked against the method's messages.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) verb: Verb,
    pub(super) template: Template,
    /// Empty for none, `*` for the whole message, otherwise a field.
    pub(super) body: String,
    /// Empty for the whole message, otherwise a field.
    pub(super) response_body: String,
    path: String,
}

/// A rule that cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HTTP rule `{rule}` of method {method}: {problem}")]
pub struct RuleError {
    method: String,
    rule: String,
    problem: RuleProblem,
}

/// What is wrong with an HTTP rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleProblem {
    /// The option does not hold a rule.
    #[error("the option google.api.http is not a google.api.HttpRule: {0}")]
    NotARule(String),
    /// The rule has no verb and path.
    #[error("it names no verb and path; set one of get, put, post, delete, patch or custom")]
    NoPattern,
    /// The kind of a custom pattern is not a verb.
    #[error("`{0}` is not an HTTP verb; use a verb, or `*` for any")]
    BadVerb(String),
    /// The path is not a template.
    #[error("{0}")]
    BadTemplate(String),
    /// The rule is for another method.
    #[error("its selector is `{0}`; leave it empty or name this method")]
    Selector(String),
    /// An additional binding has additional bindings.
    #[error("an additional binding cannot have additional bindings; list them one level up")]
    NestedBindings,
    /// A path, body or response body names a field that does not exist.
    #[error("{part} names the field `{field}`, which {message} does not have")]
    UnknownField {
        /// The part of the rule: the path, the body or the response body.
        part: &'static str,
        /// The field as the rule writes it.
        field: String,
        /// The message that was searched.
        message: String,
    },
    /// A path variable that cannot hold the text of a path.
    #[error(
        "the path variable `{field}` is {what}; only single fields of a scalar or enum type can be variables"
    )]
    BadVariable {
        /// The field path.
        field: String,
        /// Why it cannot.
        what: &'static str,
    },
    /// Another rule serves the same requests.
    #[error("it matches the same requests as a rule of method {other}; change one of the paths")]
    Conflict {
        /// The full name of the other method.
        other: String,
    },
}

impl RuleError {
    pub(super) fn new(method: &MethodDescriptor, rule: String, problem: RuleProblem) -> Self {
        Self {
            method: method.full_name().to_owned(),
            rule,
            problem,
        }
    }

    /// The full name of the method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The rule as text, such as `GET /carts/{user_id}`.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What is wrong.
    pub fn problem(&self) -> &RuleProblem {
        &self.problem
    }
}

/// The rules of a method: those of its option, or else the default one. Rules that cannot be parsed go to `errors`.
pub(super) fn rules_of(method: &MethodDescriptor, errors: &mut Vec<RuleError>) -> Vec<Rule> {
    let mut note = |rule: String, problem| errors.push(RuleError::new(method, rule, problem));
    let main = match http_option(method) {
        None => return vec![Rule::default_of(method)],
        Some(Err(problem)) => {
            note(HTTP_OPTION.to_owned(), problem);
            return Vec::new();
        }
        Some(Ok(rule)) => rule,
    };
    let mut rules = Vec::new();
    for (level, rule) in std::iter::once((0, &main)).chain(
        main.additional_bindings
            .iter()
            .map(|additional| (1, additional)),
    ) {
        if level > 0 && !rule.additional_bindings.is_empty() {
            note(text_of(rule), RuleProblem::NestedBindings);
        }
        if !rule.selector.is_empty() && rule.selector != method.full_name() {
            note(text_of(rule), RuleProblem::Selector(rule.selector.clone()));
        }
        match Rule::parse(rule) {
            Ok(rule) => rules.push(rule),
            Err(problem) => note(text_of(rule), problem),
        }
    }
    rules
}

fn http_option(method: &MethodDescriptor) -> Option<Result<HttpRule, RuleProblem>> {
    let options = method.options();
    let (_, value) = options
        .extensions()
        .find(|(option, _)| option.full_name() == HTTP_OPTION)?;
    Some(match value {
        Value::Message(message) => message
            .transcode_to()
            .map_err(|error| RuleProblem::NotARule(error.to_string())),
        _ => Err(RuleProblem::NotARule("it is not a message".to_owned())),
    })
}

impl Rule {
    fn default_of(method: &MethodDescriptor) -> Self {
        let service = method.parent_service().full_name();
        let path = format!("/{service}/{}", method.name());
        let segments = [service, method.name()];
        Self {
            verb: Verb::Exactly(Method::POST),
            template: Template::literal(&segments),
            body: "*".to_owned(),
            response_body: String::new(),
            path,
        }
    }

    fn parse(rule: &HttpRule) -> Result<Self, RuleProblem> {
        let (verb, path) = verb_and_path(rule).ok_or(RuleProblem::NoPattern)?;
        let verb = match verb {
            "*" => Verb::Any,
            verb => Method::from_bytes(verb.as_bytes())
                .map(Verb::Exactly)
                .map_err(|_| RuleProblem::BadVerb(verb.to_owned()))?,
        };
        let template =
            Template::parse(path).map_err(|error| RuleProblem::BadTemplate(error.to_string()))?;
        Ok(Self {
            verb,
            template,
            body: rule.body.clone(),
            response_body: rule.response_body.clone(),
            path: path.to_owned(),
        })
    }
}

fn verb_and_path(rule: &HttpRule) -> Option<(&str, &str)> {
    Some(match rule.pattern.as_ref()? {
        Pattern::Get(path) => ("GET", path),
        Pattern::Put(path) => ("PUT", path),
        Pattern::Post(path) => ("POST", path),
        Pattern::Delete(path) => ("DELETE", path),
        Pattern::Patch(path) => ("PATCH", path),
        Pattern::Custom(custom) => (&custom.kind, &custom.path),
    })
}

fn text_of(rule: &HttpRule) -> String {
    match verb_and_path(rule) {
        Some((verb, path)) => format!("{verb} {path}"),
        None => HTTP_OPTION.to_owned(),
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verb {
            Verb::Exactly(verb) => write!(f, "{verb} {}", self.path),
            Verb::Any => write!(f, "* {}", self.path),
        }
    }
}
