//! `From` between messages that share fields, so that nobody copies them by hand.

use std::fmt::Write as _;

use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::{
    error::Error,
    names::{snake, upper_camel},
    packages,
};

/// One conversion that was asked for, with names as they were given.
#[derive(Clone, Debug)]
pub(crate) struct Conversion {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// A message with the package and the messages that it is declared in.
struct Message<'a> {
    package: &'a str,
    outer: Vec<&'a str>,
    descriptor: &'a DescriptorProto,
}

impl Conversion {
    fn generate<'a>(
        &self,
        files: &[&'a FileDescriptorProto],
        compiled: &[&'a str],
    ) -> Result<(String, String), Error> {
        let from = self.find(&self.from, files, compiled)?;
        let to = self.find(&self.to, files, compiled)?;
        let package = common_parent(from.package, to.package);
        let (source, target) = (from.path_within(&package), to.path_within(&package));
        let mut fields = String::new();
        for field in &to.descriptor.field {
            self.check(field, &from, &to)?;
            let name = snake(field.name());
            // Writing to a String cannot fail.
            let _ = writeln!(fields, "            {name}: from.{name},");
        }
        let code = format!(
            "impl ::core::convert::From<{source}> for {target} {{\n    \
                 fn from(from: {source}) -> Self {{\n        \
                     Self {{\n{fields}        }}\n    \
                 }}\n\
             }}\n"
        );
        Ok((package, code))
    }

    fn find<'a>(
        &self,
        name: &str,
        files: &[&'a FileDescriptorProto],
        compiled: &[&'a str],
    ) -> Result<Message<'a>, Error> {
        let name = name.strip_prefix('.').unwrap_or(name);
        let scopes = compiled.iter().map(|package| packages::join(package, name));
        let candidates: Vec<String> = std::iter::once(name.to_owned()).chain(scopes).collect();
        let mut found: Vec<(String, Message<'a>)> = Vec::new();
        for file in files {
            for message in &file.message_type {
                collect(file.package(), &[], message, &candidates, &mut found);
            }
        }
        match (found.pop(), found.pop()) {
            (Some((_, message)), None) => Ok(message),
            (None, _) => Err(self.error(format!(
                "there is no message `{name}`; give its full name, or its name within a package that is compiled"
            ))),
            (Some((one, _)), Some((other, _))) => {
                Err(self.error(format!("`{name}` may be `{other}` or `{one}`; give the full name")))
            }
        }
    }

    /// Every field of the target must be a field of the source, with the same type.
    fn check(
        &self,
        field: &FieldDescriptorProto,
        from: &Message<'_>,
        to: &Message<'_>,
    ) -> Result<(), Error> {
        let name = field.name();
        let in_oneof =
            |field: &FieldDescriptorProto| field.oneof_index.is_some() && !field.proto3_optional();
        if in_oneof(field) {
            let text = format!(
                "field `{name}` of `{}` is part of a oneof",
                to.descriptor.name()
            );
            return Err(self.error(text));
        }
        let same_name = |other: &&FieldDescriptorProto| snake(other.name()) == snake(name);
        let Some(source) = from.descriptor.field.iter().find(same_name) else {
            let text = format!(
                "`{}` has no field `{name}`, which `{}` needs",
                from.descriptor.name(),
                to.descriptor.name()
            );
            return Err(self.error(text));
        };
        let shape = |field: &FieldDescriptorProto| {
            let type_name = field.type_name.clone();
            (
                field.r#type(),
                field.label(),
                type_name,
                field.proto3_optional(),
                in_oneof(field),
            )
        };
        if shape(source) != shape(field) {
            return Err(self.error(format!(
                "field `{name}` has different types in the two messages"
            )));
        }
        Ok(())
    }

    fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::new(format!(
            "conversion from `{}` to `{}`: {problem}",
            self.from, self.to
        ))
    }
}

impl Message<'_> {
    /// The Rust path of the message, seen from the module of a package that contains its own.
    fn path_within(&self, package: &str) -> String {
        let below = self.package[package.len()..]
            .split('.')
            .filter(|name| !name.is_empty());
        let modules = below.chain(self.outer.iter().copied()).map(snake);
        let mut path: Vec<String> = modules.collect();
        path.push(upper_camel(self.descriptor.name()));
        path.join("::")
    }
}

fn collect<'a>(
    package: &'a str,
    outer: &[&'a str],
    descriptor: &'a DescriptorProto,
    candidates: &[String],
    found: &mut Vec<(String, Message<'a>)>,
) {
    let name = outer
        .iter()
        .chain([&descriptor.name()])
        .fold(package.to_owned(), |path, name| packages::join(&path, name));
    if candidates.contains(&name) {
        found.push((
            name,
            Message {
                package,
                outer: outer.to_vec(),
                descriptor,
            },
        ));
    }
    let outer = [outer, &[descriptor.name()]].concat();
    for nested in &descriptor.nested_type {
        collect(package, &outer, nested, candidates, found);
    }
}

/// The innermost package that contains both.
fn common_parent(one: &str, other: &str) -> String {
    let pairs = one.split('.').zip(other.split('.'));
    let common: Vec<&str> = pairs.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    common.join(".")
}

/// Each conversion's code, with the package whose file has room for it.
pub(crate) fn generate(
    conversions: &[Conversion],
    files: &[&FileDescriptorProto],
    compiled: &[&str],
) -> Result<Vec<(String, String)>, Error> {
    conversions
        .iter()
        .map(|conversion| conversion.generate(files, compiled))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTO: &str = r#"
        syntax = "proto3";
        package shop;
        message Add { string user_id = 1; string product_id = 2; int32 quantity = 3; }
        message Line { string productId = 1; int32 quantity = 2; }
        message Wrong { string product_id = 1; int64 quantity = 2; }
        message Outer { message Inner { int32 quantity = 1; } oneof one { string product_id = 2; } }
    "#;

    fn generate(from: &str, to: &str) -> Result<(String, String), String> {
        let file = protox::file::File::from_source("shop.proto", PROTO).unwrap();
        let conversion = Conversion {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let files = [file.file_descriptor_proto()];
        conversion
            .generate(&files, &["shop"])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_matched_by_their_rust_names() {
        let (package, code) = generate("Add", "shop.Line").unwrap();
        assert_eq!(package, "shop");
        assert!(code.contains("From<Add> for Line"), "{code}");
        assert!(code.contains("product_id: from.product_id,"), "{code}");
        assert!(!code.contains("user_id"), "{code}");
        assert!(
            generate("Add", "Outer.Inner")
                .unwrap()
                .1
                .contains("for outer::Inner")
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        assert!(
            generate("Line", "Add")
                .unwrap_err()
                .contains("no field `user_id`")
        );
        assert!(
            generate("Add", "Wrong")
                .unwrap_err()
                .contains("`quantity` has different types")
        );
        assert!(generate("Add", "Outer").unwrap_err().contains("oneof"));
        assert!(
            generate("Nothing", "Add")
                .unwrap_err()
                .contains("no message `Nothing`")
        );
    }

    #[test]
    fn the_code_stands_where_both_messages_are_in_sight() {
        assert_eq!(common_parent("a.b", "a.b.c"), "a.b");
        assert_eq!(common_parent("a.b.d", "a.b.c"), "a.b");
        assert_eq!(common_parent("x", "y"), "");
    }
}
