//! HTTP/JSON transcoding: the rules of `google.api.http` for services known only by their descriptors.
//!
//! A [`Transcoder`] compiles the HTTP rules of a set of services once. Per call it finds the binding for a verb and a
//! path ([`Transcoder::route`]), builds the encoded request from path, query and body ([`Found::request`]), and
//! renders the encoded response as JSON ([`Found::response`]). It does no I/O.
//!
//! # Rules
//!
//! - A method with a `google.api.http` option is served as the option and its `additional_bindings` say; a method
//!   without one as `POST /<package.Service>/<Method>` with body `*`.
//! - The most specific template wins: literals before `*`, `*` before `**`, a `:verb` before none. No segment that
//!   `*` or a variable matches is empty.
//! - Variables of one segment are percent-decoded completely; variables of several segments keep `%2F` as it is.
//! - With body `*` the whole request comes from the body and the query is ignored; otherwise query parameters set the
//!   fields that neither path nor body sets. Path variables always override.
//! - JSON is proto3 JSON: requests may spell fields either way but not twice, and unknown fields are errors; responses
//!   print default values and order the keys of maps.
//! - `google.api.HttpBody` stands for the raw body, in requests and responses.

mod binding;
mod error;
mod json;
mod json_path;
mod parameter;
mod percent;
mod render;
mod routes;
mod rule;
mod template;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use prost_reflect::{MethodDescriptor, ServiceDescriptor};

use binding::Binding;
use routes::Routes;

/// What rules are compiled to, for those who describe them.
pub(crate) mod compiled {
    pub(crate) use super::binding::{Binding, Body};
    pub(crate) use super::parameter::has_text_form;
    pub(crate) use super::routes::Verb;
    pub(crate) use super::template::{Segment, Template, Variable};
}

pub use error::{RequestError, ResponseError};
pub use rule::{RuleError, RuleProblem};

/// The compiled HTTP rules of a set of services.
#[derive(Debug)]
pub struct Transcoder {
    bindings: Vec<Arc<Binding>>,
    routes: Routes,
}

/// What [`Transcoder::route`] finds for a verb and a path.
#[derive(Debug, Clone)]
pub enum Routed<'a> {
    /// A method is bound to them.
    Found(Found<'a>),
    /// Methods are bound to the path, but with other verbs.
    WrongVerb {
        /// The verbs that the path accepts, for the `Allow` header.
        allowed: Vec<Method>,
    },
    /// Nothing is bound to the path.
    NotFound,
}

/// The binding for one call, and the values that its path carries.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    binding: &'a Arc<Binding>,
    path: &'a str,
}

/// Renders the responses of one binding, for as long as they come.
#[derive(Debug, Clone)]
pub struct Renderer {
    binding: Arc<Binding>,
}

/// A response as it goes into an HTTP body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// `application/json`, or what a `google.api.HttpBody` names.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
}

impl Transcoder {
    /// Compiles the rules of these services.
    ///
    /// # Errors
    ///
    /// Every rule that cannot be served, each with its method and its text.
    pub fn new(services: &[ServiceDescriptor]) -> Result<Self, Vec<RuleError>> {
        let mut bindings: Vec<Arc<Binding>> = Vec::new();
        let mut routes = Routes::new();
        let mut errors = Vec::new();
        let methods: Vec<_> = services
            .iter()
            .flat_map(ServiceDescriptor::methods)
            .collect();
        for (index, method) in methods.iter().enumerate() {
            for rule in rule::rules_of(method, &mut errors) {
                let binding = match Binding::new(method, index, &rule) {
                    Ok(binding) => binding,
                    Err(problem) => {
                        errors.push(RuleError::new(method, rule.to_string(), problem));
                        continue;
                    }
                };
                match routes.insert(rule.verb.clone(), &rule.template, bindings.len()) {
                    Ok(()) => bindings.push(Arc::new(binding)),
                    Err(taken) => {
                        let problem = RuleProblem::Conflict {
                            other: bindings[taken].method().full_name().to_owned(),
                        };
                        errors.push(RuleError::new(method, rule.to_string(), problem));
                    }
                }
            }
        }
        if errors.is_empty() {
            Ok(Self { bindings, routes })
        } else {
            Err(errors)
        }
    }

    /// Every binding as the verb and path it serves, such as `GET /carts/{user_id}`, with its method's position among all
    /// methods.
    pub fn bindings(&self) -> impl Iterator<Item = (usize, &str)> {
        self.bindings
            .iter()
            .map(|binding| (binding.index(), binding.rule()))
    }

    /// The same bindings as they are compiled.
    pub(crate) fn compiled(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().map(|binding| &**binding)
    }

    /// Finds the method for a verb and a path; the path is still percent-encoded and carries no query.
    ///
    /// `HEAD` finds what `GET` does, unless a rule is for it.
    pub fn route<'a>(&'a self, verb: &Method, path: &'a str) -> Routed<'a> {
        let mut found = self.routes.find(verb, path);
        if found.is_none() && verb == Method::HEAD {
            found = self.routes.find(&Method::GET, path);
        }
        if let Some(found) = found {
            return Routed::Found(Found {
                binding: &self.bindings[found.binding],
                path: found.path,
            });
        }
        let mut allowed = self.routes.verbs(path);
        if allowed.is_empty() {
            return Routed::NotFound;
        }
        if allowed.contains(&Method::GET) && !allowed.contains(&Method::HEAD) {
            allowed.push(Method::HEAD);
        }
        Routed::WrongVerb { allowed }
    }
}

impl Found<'_> {
    /// The method to call.
    pub fn method(&self) -> &MethodDescriptor {
        self.binding.method()
    }

    /// The position of the method among all methods of the services that the transcoder was made from, in their order.
    pub fn index(&self) -> usize {
        self.binding.index()
    }

    /// Builds the encoded request: fields in ascending order, defaults left out.
    ///
    /// `query` is what follows the `?`, still encoded; `content_type` is the header's value.
    ///
    /// # Errors
    ///
    /// A value in the path, the query or the body that is not of its field's type, an unknown field, or a body of a
    /// content type that is not JSON. The text names the field and may be shown to the client.
    pub fn request(
        &self,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, RequestError> {
        self.binding.request(self.path, query, content_type, body)
    }

    /// Renders an encoded response.
    ///
    /// # Errors
    ///
    /// The bytes are not the method's response message, or hold what JSON cannot say.
    pub fn response(&self, message: &Bytes) -> Result<Rendered, ResponseError> {
        self.binding.response(message)
    }

    /// Renders the responses of a call that go on when the request is no more.
    pub fn renderer(&self) -> Renderer {
        Renderer {
            binding: Arc::clone(self.binding),
        }
    }
}

impl Renderer {
    /// Whether responses are raw bodies instead of JSON.
    pub fn is_raw(&self) -> bool {
        self.binding.is_raw()
    }

    /// The method that was called.
    pub fn method(&self) -> &MethodDescriptor {
        self.binding.method()
    }

    /// Renders an encoded response.
    ///
    /// # Errors
    ///
    /// As [`Found::response`].
    pub fn response(&self, message: &Bytes) -> Result<Rendered, ResponseError> {
        self.binding.response(message)
    }
}
