//! What a person reads when the proxy is up.

use std::fmt::Write;

use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};

use crate::catalog::Catalog;

/// What is served, where, from which store, and a request to try.
pub(crate) fn text(catalog: &Catalog, name: &str, url: &str, store: &str) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: gRPC and HTTP/JSON on {url}, {store}");
    for (index, service) in catalog.services.iter().enumerate() {
        let _ = writeln!(text, "\n  {}", service.name);
        for (method, rule) in catalog.transcoder.bindings() {
            let method = &catalog.methods()[method];
            if method.service == index {
                let rule = if method.shape.streams_in() {
                    "a stream of requests, over gRPC"
                } else {
                    rule
                };
                let _ = writeln!(text, "    {:<20} {rule}", &*method.name);
            }
        }
    }
    if let Some(request) = example(catalog, url) {
        let _ = writeln!(text, "\n  try: {request}");
    }
    text.push('\n');
    text
}

/// A `curl` line for the first method that takes a body.
fn example(catalog: &Catalog, url: &str) -> Option<String> {
    let (method, path) = catalog.transcoder.bindings().find_map(|(index, rule)| {
        let path = rule.strip_prefix("POST ")?;
        let streams = catalog.methods()[index].shape.streams_in();
        let descriptor = (!streams).then(|| descriptor(catalog, index))??;
        Some((descriptor, path))
    })?;
    let (path, filled) = fill(path);
    let body = sample(&method.input(), &filled);
    Some(format!("curl -X POST {url}{path} -d '{body}'"))
}

fn descriptor(catalog: &Catalog, index: usize) -> Option<MethodDescriptor> {
    let method = &catalog.methods()[index];
    let service = catalog
        .descriptors
        .get_service_by_name(&method.service_name)?;
    service
        .methods()
        .find(|candidate| candidate.name() == &*method.name)
}

/// Puts a value for each variable of a template; also says which variables there were.
fn fill(template: &str) -> (String, Vec<&str>) {
    let mut path = String::new();
    let mut variables = Vec::new();
    let mut rest = template;
    while let Some((before, variable)) = rest.split_once('{') {
        let Some((variable, after)) = variable.split_once('}') else {
            break;
        };
        let name = variable.split('=').next().unwrap_or(variable);
        variables.push(name);
        path.push_str(before);
        path.push('1');
        rest = after;
    }
    path.push_str(rest);
    (path, variables)
}

/// A JSON object with a value for each scalar field that the path does not set.
fn sample(message: &MessageDescriptor, filled: &[&str]) -> String {
    let fields: Vec<String> = message
        .fields()
        .filter(|field| !field.is_list() && !field.is_map() && !filled.contains(&field.name()))
        .filter_map(|field| {
            let value = match field.kind() {
                Kind::String => format!("\"{}\"", field.name()),
                Kind::Bool => "true".to_owned(),
                Kind::Message(_) | Kind::Enum(_) | Kind::Bytes => return None,
                _ => "1".to_owned(),
            };
            Some(format!("\"{}\":{value}", field.name()))
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    #[test]
    fn variables_of_a_path_get_a_value() {
        let (path, variables) = super::fill("/cart/{user_id}/items/{item=products/*}/add");
        assert_eq!(path, "/cart/1/items/1/add");
        assert_eq!(variables, ["user_id", "item"]);
    }
}
