//! An OpenAPI 3.1 document of what is served over HTTP/JSON, made from the descriptors alone.
//!
//! Schemas are those of the JSON that responses have. What requests may also be written in (fields by their names in the
//! `.proto`, numbers as strings, enums by number) is accepted all the same. Comments of the `.proto` are descriptions,
//! where the descriptors have kept them.
//!
//! What OpenAPI cannot say is said as near as it goes:
//!
//! - A variable of several segments has a parameter for each of them; one that takes the rest of a path is one parameter,
//!   which may hold slashes.
//! - A rule for any verb stands under each verb that has none of its own; a verb that OpenAPI does not know is under
//!   `x-additional-operations`.
//! - Each operation names its gRPC method as `x-grpc-method`. Methods that take a stream are not there: HTTP/JSON cannot
//!   carry them.

mod comments;
mod operation;
mod path;
mod schema;

use std::collections::{BTreeMap, HashSet};

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};

use crate::{
    catalog::Catalog,
    transcoding::compiled::{Binding, Verb},
};
use comments::Comments;
use operation::Operation;
use path::{PathText, Paths};
use schema::Schemas;

/// The verbs that a path item has a place for.
const VERBS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];

/// Every operation and every schema of a catalog.
pub(crate) fn document(catalog: &Catalog) -> Value {
    let comments = Comments::of(&catalog.descriptors);
    let mut document = Document {
        schemas: Schemas::new(&comments),
        comments: &comments,
        paths: Paths::default(),
        items: BTreeMap::new(),
        ids: HashSet::new(),
    };
    let served = |binding: &&Binding| !catalog.methods()[binding.index()].shape.streams_in();
    let (any, exact): (Vec<_>, Vec<_>) = catalog
        .transcoder
        .compiled()
        .filter(served)
        .partition(|binding| binding.verb() == &Verb::Any);
    // Those for any verb get what is left.
    for binding in exact.into_iter().chain(any) {
        document.add(binding);
    }
    let paths = document.items;
    let info = &catalog.service_info;
    let or = |text: &str, otherwise: &str| match text {
        "" => otherwise.to_owned(),
        text => text.to_owned(),
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": or(&info.service_name, "Services"),
            "version": or(&info.service_version, "0"),
        },
        "servers": [{ "url": "/" }],
        "tags": tags(catalog, &comments),
        "paths": paths,
        "components": {
            "schemas": document.schemas.finish(),
            "responses": { "Error": operation::error_response() },
        },
    })
}

fn tags(catalog: &Catalog, comments: &Comments) -> Value {
    let tag = |service: &crate::catalog::Service| {
        let mut tag = Map::from_iter([("name".to_owned(), json!(service.name))]);
        let descriptor = catalog.descriptors.get_service_by_name(&service.name);
        let comment = descriptor.and_then(|service| {
            let file = service.parent_file();
            comments.find(file.name(), service.path())
        });
        if let Some(comment) = comment {
            tag.insert("description".into(), json!(comment));
        }
        Value::Object(tag)
    };
    catalog
        .services
        .iter()
        .map(|service| tag(service))
        .collect()
}

struct Document<'a> {
    schemas: Schemas<'a>,
    comments: &'a Comments,
    paths: Paths,
    /// By path, then by what the path item calls the verb.
    items: BTreeMap<String, Map<String, Value>>,
    ids: HashSet<String>,
}

impl Document<'_> {
    fn add(&mut self, binding: &Binding) {
        let path = self.paths.of(binding.template());
        match binding.verb() {
            Verb::Exactly(verb) => self.add_operation(binding, &path, verb.as_str()),
            Verb::Any => {
                for verb in VERBS {
                    let item = self.items.get(&path.text);
                    let is_taken = item.is_some_and(|item| item.contains_key(&verb.to_lowercase()));
                    if !is_taken {
                        self.add_operation(binding, &path, verb);
                    }
                }
            }
        }
    }

    fn add_operation(&mut self, binding: &Binding, path: &PathText, verb: &str) {
        let id = self.id(binding.method());
        let operation = Operation {
            binding,
            path,
            comments: self.comments,
        }
        .describe(&id, &mut self.schemas);
        let item = self.items.entry(path.text.clone()).or_default();
        if VERBS.contains(&verb) {
            item.insert(verb.to_lowercase(), operation);
        } else {
            item.entry("x-additional-operations")
                .or_insert_with(|| json!({}))[verb] = operation;
        }
    }

    /// A name for the operation that no other has.
    fn id(&mut self, method: &MethodDescriptor) -> String {
        let name = format!("{}_{}", method.parent_service().name(), method.name());
        let mut candidate = name.clone();
        let mut number = 1;
        while !self.ids.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{name}_{number}");
        }
        candidate
    }
}
