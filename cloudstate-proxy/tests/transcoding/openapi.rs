//! The OpenAPI document says what is served, no more and no less.

use std::collections::BTreeSet;

use cloudstate_protocol::{
    cloudstate::{Entity, EntitySpec, ServiceInfo},
    version,
};
use cloudstate_proxy::{
    catalog::{Catalog, Shape},
    transcoding::Routed,
};
use http::Method;
use serde_json::{Value, json};

use crate::{pool, routes};

/// A catalog of actions: those may have methods of every shape, and need no keys.
pub(crate) fn catalog(proto: &str) -> Catalog {
    let own = |service: &prost_reflect::ServiceDescriptor| {
        let package = service.package_name();
        !package.starts_with("google.") && !package.starts_with("cloudstate")
    };
    let descriptors = pool::compile(proto);
    let entities = descriptors.services().filter(own).map(|service| Entity {
        entity_type: version::ACTION.into(),
        service_name: service.full_name().into(),
        ..Entity::default()
    });
    let spec = EntitySpec {
        proto: pool::descriptor_set(proto).into(),
        entities: entities.collect(),
        service_info: Some(ServiceInfo {
            protocol_major_version: version::MAJOR,
            protocol_minor_version: version::MINOR,
            service_name: "shop".into(),
            service_version: "1.2.3".into(),
            ..ServiceInfo::default()
        }),
    };
    Catalog::new(&spec).unwrap()
}

pub(crate) fn document(proto: &str) -> Value {
    serde_json::from_slice(catalog(proto).openapi()).unwrap()
}

const PROTOS: [&str; 5] = [
    include_str!("../proto/cart.proto"),
    include_str!("../proto/rules.proto"),
    include_str!("../proto/shapes.proto"),
    routes::TEMPLATES,
    COLLIDING,
];

/// Paths that OpenAPI cannot tell apart, or has no word for.
const COLLIDING: &str = r#"
    syntax = "proto3";
    package test;
    import "google/api/annotations.proto";
    message Request { string id = 1; string name = 2; Request inner = 3; }
    service Colliding {
      rpc A(Request) returns (Request) { option (google.api.http) = { get: "/a/{id}" }; }
      rpc B(Request) returns (Request) { option (google.api.http) = { post: "/a/{name}" }; }
      rpc C(Request) returns (Request) { option (google.api.http) = { get: "/a/{id=**}" }; }
      rpc D(Request) returns (Request) { option (google.api.http) = { get: "/d/{id}/{name}/{inner.id}:find" }; }
      rpc E(Request) returns (Request) { option (google.api.http) = { custom: { kind: "*" path: "/a/{id}" } }; }
      rpc F(Request) returns (Request) { option (google.api.http) = { custom: { kind: "LIST" path: "/a/{id}" } }; }
      rpc G(Request) returns (Request) { option (google.api.http) = { get: "/g/*/{id=x/*/y/**}" }; }
    }
    service OtherPackage { rpc A(Request) returns (Request); }
"#;

#[test]
fn others_can_read_it() {
    for proto in PROTOS {
        let text = document(proto).to_string();
        let spec = oas3::from_json(&text).unwrap();
        spec.validate_version().unwrap();
        assert_eq!((&*spec.info.title, &*spec.info.version), ("shop", "1.2.3"));
        for (path, verb, operation) in spec.operations() {
            // What a template names is a parameter, and the other way round.
            let named: BTreeSet<&str> = path
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap())
                .collect();
            let parameters = operation.parameters(&spec).unwrap();
            let described: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter.location == oas3::spec::ParameterIn::Path)
                .map(|parameter| parameter.name.as_str())
                .collect();
            assert_eq!(named, described, "{verb} {path}");
        }
    }
}

#[test]
fn every_route_is_in_it_and_nothing_else() {
    for proto in PROTOS {
        let catalog = catalog(proto);
        let document: Value = serde_json::from_slice(catalog.openapi()).unwrap();
        let operations = operations(&document);
        let mut described = vec![0; catalog.methods().len()];
        for (verb, path, operation) in &operations {
            let sample = filled(path, operation);
            let Routed::Found(found) = catalog.transcoder.route(verb, &sample) else {
                panic!("{verb} {path} is not served")
            };
            let method = found.method();
            let name = format!("{}/{}", method.parent_service().full_name(), method.name());
            assert_eq!(operation["x-grpc-method"], name, "{verb} {path}");
            described[found.index()] += 1;
        }
        let mut bound = vec![0; catalog.methods().len()];
        for (index, rule) in catalog.transcoder.bindings() {
            let method = &catalog.methods()[index];
            if matches!(method.shape, Shape::Unary | Shape::StreamedOut) {
                // Eight verbs, where a rule takes any, less those that have rules of their own.
                let verbs = |path| if path == "/a/{id}" { 6 } else { 7 };
                bound[index] += rule.strip_prefix("* ").map_or(1, verbs);
            }
        }
        assert_eq!(described, bound);
        let ids: BTreeSet<&str> = operations
            .iter()
            .map(|(.., operation)| operation["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), operations.len());
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for proto in PROTOS {
        let document = document(proto);
        let mut pending = vec![&document];
        while let Some(value) = pending.pop() {
            if let Some(Value::String(reference)) = value.get("$ref") {
                let target = document.pointer(reference.strip_prefix('#').unwrap());
                assert!(target.is_some(), "{reference}");
            }
            match value {
                Value::Object(members) => pending.extend(members.values()),
                Value::Array(items) => pending.extend(items),
                _ => {}
            }
        }
    }
}

#[test]
fn an_operation_says_what_it_takes_and_answers() {
    let document = document(
        r#"
        syntax = "proto3";
        package shop;
        import "google/api/annotations.proto";
        import "google/protobuf/timestamp.proto";

        // Which carts.
        message Query {
          // Whose carts.
          string user_id = 1;
          // How many at most.
          optional uint32 page_size = 2;
          repeated State states = 3;
          Range changed = 4;
          Query more = 5;
          map<string, string> labels = 6;
          bool old = 7 [deprecated = true];
        }
        message Range { google.protobuf.Timestamp after = 1; }
        enum State { OPEN = 0; PAID = 1; }
        // What is in a cart.
        message Cart { repeated string items = 1; int64 total = 2; }

        // Carts, by user.
        service Carts {
          // Finds carts. It may take a while.
          rpc Find(Query) returns (Cart) {
            option (google.api.http) = {
              get: "/carts/{user_id}"
              additional_bindings: { post: "/carts/{user_id}/find" body: "changed" response_body: "items" }
            };
          }
        }
        "#,
    );
    let tags = json!([{ "name": "shop.Carts", "description": "Carts, by user." }]);
    assert_eq!(document["tags"], tags);
    let find = &document["paths"]["/carts/{user_id}"]["get"];
    assert_eq!(find["operationId"], "Carts_Find");
    assert_eq!(find["summary"], "Finds carts.");
    assert_eq!(find["description"], "Finds carts. It may take a while.");
    let state = json!({ "$ref": "#/components/schemas/shop.State" });
    let parameters = json!([
        {
            "name": "user_id", "in": "path", "required": true, "description": "Whose carts.",
            "schema": { "type": "string" },
        },
        {
            "name": "pageSize", "in": "query", "description": "How many at most.",
            "schema": { "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX },
        },
        { "name": "states", "in": "query", "schema": { "type": "array", "items": state } },
        {
            "name": "changed.after", "in": "query",
            "schema": { "type": "string", "format": "date-time" },
        },
        { "name": "old", "in": "query", "deprecated": true, "schema": { "type": "boolean" } },
    ]);
    assert_eq!(find["parameters"], parameters);
    assert_eq!(find.get("requestBody"), None);
    let answer = json!({
        "description": "What is in a cart.",
        "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/shop.Cart" } },
        },
    });
    assert_eq!(find["responses"]["200"], answer);

    let post = &document["paths"]["/carts/{user_id}/find"]["post"];
    assert_eq!(post["operationId"], "Carts_Find_2");
    let range = json!({ "$ref": "#/components/schemas/shop.Range" });
    assert_eq!(
        post["requestBody"]["content"]["application/json"]["schema"],
        range
    );
    let names: Vec<_> = post["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| &parameter["name"])
        .collect();
    assert_eq!(names, ["user_id", "pageSize", "states", "old"]);
    let items = &post["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(
        *items,
        json!({ "type": "array", "items": { "type": "string" } })
    );
}

#[test]
fn paths_say_what_variables_consist_of() {
    let document = document(routes::TEMPLATES);
    let parameters = &document["paths"]["/v1/shelves/{name_1}/books/{name_2}"]["get"]["parameters"];
    for (index, name) in ["name_1", "name_2"].into_iter().enumerate() {
        assert_eq!(parameters[index]["name"], name);
        let description = "The field `name` is `shelves/{name_1}/books/{name_2}`.";
        assert_eq!(parameters[index]["description"], description);
    }
    let rest = &document["paths"]["/files/{name}:drop"]["post"]["parameters"][0];
    assert!(
        rest["description"].as_str().unwrap().contains("slashes"),
        "{rest}"
    );
    assert!(document["paths"]["/probe/caf%C3%A9"].get("head").is_some());
}

#[test]
fn streams_and_raw_bodies_are_told_apart() {
    let document = document(include_str!("../proto/shapes.proto"));
    let content = |path: &str| &document["paths"][path]["get"]["responses"]["200"]["content"];
    let lines = &content("/out/{text}")["application/json"]["schema"]["anyOf"];
    assert_eq!(
        lines[0],
        json!({ "$ref": "#/components/schemas/test.shapes.Response" })
    );
    assert_eq!(lines[1]["required"], json!(["error"]));
    assert!(content("/out/{text}").get("text/event-stream").is_some());
    assert_eq!(*content("/raw/{text}"), json!({ "*/*": { "schema": {} } }));
    // HTTP/JSON cannot carry streams of requests.
    assert_eq!(document["paths"].get("/test.shapes.Shapes/In"), None);
}

fn operations(document: &Value) -> Vec<(Method, &str, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            if verb == "x-additional-operations" {
                for (verb, operation) in operation.as_object().unwrap() {
                    operations.push((verb.parse().unwrap(), path.as_str(), operation));
                }
            } else {
                let verb = verb.to_uppercase().parse().unwrap();
                operations.push((verb, path.as_str(), operation));
            }
        }
    }
    operations
}

/// A path of this template. What takes the rest of a path takes two segments, so that nothing else would.
fn filled(template: &str, operation: &Value) -> String {
    let mut path = template.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
            let description = parameter["description"].as_str().unwrap_or_default();
            let takes_rest = description.contains("slashes included");
            path = path.replace(&name, if takes_rest { "7/7" } else { "7" });
        }
    }
    path
}
