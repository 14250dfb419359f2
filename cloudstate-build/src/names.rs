//! Rust names for protobuf names, by prost's rules, and the collisions that follow from them.

use std::collections::{BTreeMap, btree_map::Entry};

use prost_build::Module;
use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::{
    error::{Error, Place},
    packages,
    sources::Sources,
};

/// `AddItem` -> `add_item`, `Type` -> `r#type`.
pub(crate) fn snake(name: &str) -> String {
    Module::from_protobuf_package_name(name).to_string()
}

/// `AddItem` -> `add_item`, `Type` -> `type`: as [`snake`], without what makes a keyword an identifier.
pub(crate) fn snake_text(name: &str) -> String {
    let snake = snake(name);
    snake.strip_prefix("r#").unwrap_or(&snake).to_owned()
}

/// `addItem` -> `AddItem`, `self` -> `Self_`.
pub(crate) fn upper_camel(name: &str) -> String {
    let mut camel = String::new();
    for word in snake_text(name).split('_') {
        let mut chars = word.chars();
        camel.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    match camel.as_str() {
        "Self" => "Self_".to_owned(),
        _ => camel,
    }
}

/// Refuses files whose items would have the same name in Rust.
///
/// Protobuf tells `getCart` and `GetCart` apart, and a message from a package; Rust code would not compile, with an
/// error in a file that nobody wrote.
pub(crate) fn check(files: &[&FileDescriptorProto], sources: &Sources) -> Result<(), Error> {
    let mut scopes = Scopes {
        sources,
        seen: BTreeMap::new(),
    };
    for package in packages::with_parents(files.iter().map(|file| file.package())) {
        if let Some((parent, name)) = packages::split(&package) {
            let item = format!("package `{package}`");
            scopes.claim(parent, &snake(name), item, None)?;
        }
    }
    for file in files {
        let package = file.package();
        let at = |path: &[i32]| {
            Some(At {
                file,
                path: path.to_vec(),
            })
        };
        for (index, message) in (0..).zip(&file.message_type) {
            let name = message.name();
            let path = [4, index, 1];
            scopes.claim(
                package,
                &upper_camel(name),
                format!("message `{name}`"),
                at(&path),
            )?;
            if has_module(message) {
                let item = format!("the module of message `{name}`");
                scopes.claim(package, &snake(name), item, at(&path))?;
            }
        }
        for (index, item) in (0..).zip(&file.enum_type) {
            let name = item.name();
            scopes.claim(
                package,
                &upper_camel(name),
                format!("enum `{name}`"),
                at(&[5, index, 1]),
            )?;
        }
        for (index, service) in (0..).zip(&file.service) {
            let name = service.name();
            let path = [6, index, 1];
            scopes.claim(
                package,
                &upper_camel(name),
                format!("service `{name}`"),
                at(&path),
            )?;
            scopes.share(package, "rpc", "the module of the rpc markers", at(&path))?;
            let scope = format!("{package}/{name}");
            for (number, method) in (0..).zip(&service.method) {
                let item = format!("rpc `{}`", method.name());
                let path = [6, index, 2, number, 1];
                scopes.claim(&scope, &upper_camel(method.name()), item, at(&path))?;
            }
        }
    }
    Ok(())
}

/// Whether prost writes a module for what is declared inside the message.
fn has_module(message: &DescriptorProto) -> bool {
    let is_map = |nested: &DescriptorProto| nested.options.as_ref().is_some_and(|o| o.map_entry());
    let in_oneof = message
        .field
        .iter()
        .any(|field| field.oneof_index.is_some() && !field.proto3_optional());
    in_oneof
        || !message.enum_type.is_empty()
        || message.nested_type.iter().any(|nested| !is_map(nested))
}

/// A file and a path in its descriptor, as `google.protobuf.SourceCodeInfo` has them.
struct At<'a> {
    file: &'a FileDescriptorProto,
    path: Vec<i32>,
}

struct Scopes<'a> {
    sources: &'a Sources,
    /// What has a name already, by scope and name.
    seen: BTreeMap<(String, String), String>,
}

impl Scopes<'_> {
    fn claim(
        &mut self,
        scope: &str,
        rust: &str,
        item: String,
        at: Option<At<'_>>,
    ) -> Result<(), Error> {
        match self.seen.entry((scope.to_owned(), rust.to_owned())) {
            Entry::Occupied(first) => {
                let first = first.get();
                Err(Error::with_place(
                    format!(
                        "{item} and {first} would both be `{rust}` in Rust; rename one of them"
                    ),
                    at.and_then(|at| at.place(self.sources)),
                ))
            }
            Entry::Vacant(free) => {
                free.insert(item);
                Ok(())
            }
        }
    }

    /// As [`claim`](Self::claim), for what several services of a package have in common.
    fn share(
        &mut self,
        scope: &str,
        rust: &str,
        item: &str,
        at: Option<At<'_>>,
    ) -> Result<(), Error> {
        let first = self.seen.get(&(scope.to_owned(), rust.to_owned()));
        if first.is_some_and(|first| first == item) {
            return Ok(());
        }
        self.claim(scope, rust, item.to_owned(), at)
    }
}

impl At<'_> {
    fn place(&self, sources: &Sources) -> Option<Place> {
        let locations = &self.file.source_code_info.as_ref()?.location;
        let location = locations
            .iter()
            .find(|location| location.path == self.path)?;
        let name = self.file.name();
        Place::at_span(sources.path(name), &sources.text(name)?, &location.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prost() {
        for (proto, snake_name, camel_name) in [
            ("AddItem", "add_item", "AddItem"),
            ("handleUnary", "handle_unary", "HandleUnary"),
            ("HTTPGet", "http_get", "HttpGet"),
            ("Type", "r#type", "Type"),
            ("type", "r#type", "Type"),
            ("self", "self_", "Self_"),
            ("Self", "self_", "Self_"),
            ("super", "super_", "Super"),
            ("get_v2", "get_v2", "GetV2"),
        ] {
            assert_eq!(snake(proto), snake_name, "{proto}");
            assert_eq!(upper_camel(proto), camel_name, "{proto}");
        }
        assert_eq!(snake_text("Type"), "type");
    }
}
