//! What is written for which `.proto`.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helper functions too"
)]

use std::{collections::BTreeMap, fs, path::Path};

use prost_reflect::{DescriptorPool, DynamicMessage, Value};

const FILES: [&str; 6] = [
    "shoppingcart.proto",
    "tck/model.proto",
    "tck/action.proto",
    "everything.proto",
    "root.proto",
    "money.proto",
];

fn compile(files: &[&str], out: &Path) -> BTreeMap<String, Vec<u8>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    cloudstate_build::configure()
        .include(&proto)
        .out_dir(out)
        .compile(files)
        .unwrap();
    fs::read_dir(out)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn generated() -> BTreeMap<String, Vec<u8>> {
    compile(&FILES, tempfile::tempdir().unwrap().path())
}

fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    let bytes = files
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()));
    String::from_utf8(bytes.clone()).unwrap()
}

#[test]
fn every_package_and_every_package_around_it_has_a_file() {
    let files = generated();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "_.descriptors.bin",
            "_.rs",
            "cloudstate.rs",
            "cloudstate.tck.model.action.descriptors.bin",
            "cloudstate.tck.model.action.rs",
            "cloudstate.tck.model.descriptors.bin",
            "cloudstate.tck.model.rs",
            "cloudstate.tck.rs",
            "com.example.everything.descriptors.bin",
            "com.example.everything.rs",
            "com.example.money.rs",
            "com.example.rs",
            "com.example.shoppingcart.descriptors.bin",
            "com.example.shoppingcart.persistence.rs",
            "com.example.shoppingcart.rs",
            "com.rs",
        ]
    );
}

#[test]
fn two_runs_write_the_same_bytes() {
    assert_eq!(generated(), generated());
}

#[test]
fn an_unchanged_file_is_not_written_again() {
    let out = tempfile::tempdir().unwrap();
    compile(&FILES, out.path());
    let code = out.path().join("com.example.money.rs");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let file = fs::File::options().write(true).open(&code).unwrap();
    file.set_modified(long_ago).unwrap();
    compile(&FILES, out.path());
    assert_eq!(fs::metadata(&code).unwrap().modified().unwrap(), long_ago);
}

#[test]
fn a_service_is_written_as_the_runtime_reads_it() {
    let code = text(&generated(), "com.example.shoppingcart.rs");
    let expected = r#"
impl ::cloudstate::Service for ShoppingCart {
    const NAME: &'static str = "com.example.shoppingcart.ShoppingCart";
    const METHODS: &'static [::cloudstate::service::Method] = &[
        ::cloudstate::service::Method {
            name: "AddItem",
            handler: "add_item",
            request: "com.example.shoppingcart.AddLineItem",
            response: "google.protobuf.Empty",
            client_streaming: false,
            server_streaming: false,
        },
        ::cloudstate::service::Method {
            name: "GetCart",
            handler: "get_cart",
            request: "com.example.shoppingcart.GetShoppingCart",
            response: "com.example.shoppingcart.Cart",
            client_streaming: false,
            server_streaming: false,
        },
    ];
    const DESCRIPTOR_SET: &'static [u8] = include_bytes!(
        "com.example.shoppingcart.descriptors.bin"
    );
}
"#;
    assert!(code.contains(expected), "{code}");
    assert!(code.contains("/// Keeps what a customer is about to buy.\n"));
    assert!(code.contains(
        "/// Marker of rpc `AddItem`: `AddLineItem` -> `google.protobuf.Empty`.\n    ///\n    /// Adds to the quantity, \
         if the product is there already.\n"
    ));
}

#[test]
fn types_of_the_product_are_named_and_not_generated_again() {
    let files = generated();
    let code = text(&files, "com.example.everything.rs");
    for path in [
        "::cloudstate::Any",
        "::cloudstate::prost_types::Timestamp",
        "::cloudstate::protocol::cloudstate::Metadata",
        "::cloudstate::protocol::google::api::HttpBody",
        "::prost::alloc::collections::BTreeMap",
        "::prost::bytes::Bytes",
    ] {
        assert!(code.contains(path), "{path}");
    }
    assert!(!code.contains("HashMap") && !code.contains(" ::prost_types"));
    assert!(!text(&files, "cloudstate.rs").contains("struct Metadata"));
}

#[test]
fn another_name_for_the_crate_is_used_throughout() {
    let out = tempfile::tempdir().unwrap();
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    cloudstate_build::configure()
        .include(proto)
        .cloudstate_path("crate::sdk")
        .type_attribute(".com.example.everything.Type", "#[must_use]")
        .field_attribute("Type.kind", "#[doc(alias = \"sort\")]")
        .out_dir(out.path())
        .compile(&["everything.proto"])
        .unwrap();
    let code = fs::read_to_string(out.path().join("com.example.everything.rs")).unwrap();
    assert!(
        code.contains("crate::sdk::Any")
            && code.contains("crate::sdk::protocol::cloudstate::Metadata")
    );
    assert!(!code.contains(" ::cloudstate::") && !code.contains("<::cloudstate::"));
    assert!(code.contains("impl crate::sdk::Service for Everything"));
    assert!(code.contains("#[must_use]") && code.contains("#[doc(alias = \"sort\")]"));
}

#[test]
fn descriptors_keep_every_option_and_every_import() {
    let files = generated();
    let pool = DescriptorPool::decode(files["com.example.shoppingcart.descriptors.bin"].as_slice())
        .unwrap();

    let request = pool
        .get_message_by_name("com.example.shoppingcart.AddLineItem")
        .unwrap();
    let entity_key = pool.get_extension_by_name("cloudstate.entity_key").unwrap();
    let is_key = |field: &str| {
        let options = request.get_field_by_name(field).unwrap().options();
        options.get_extension(&entity_key).as_bool().unwrap()
    };
    assert!(is_key("user_id") && !is_key("product_id"));

    let service = pool
        .get_service_by_name("com.example.shoppingcart.ShoppingCart")
        .unwrap();
    let http = pool.get_extension_by_name("google.api.http").unwrap();
    let rule = |rpc: &str| -> DynamicMessage {
        let method = service.methods().find(|m| m.name() == rpc).unwrap();
        let options = method.options();
        options.get_extension(&http).as_message().unwrap().clone()
    };
    let string =
        |message: &DynamicMessage, field: &str| match &*message.get_field_by_name(field).unwrap() {
            Value::String(text) => text.clone(),
            other => panic!("{field}: {other:?}"),
        };
    assert_eq!(
        string(&rule("AddItem"), "post"),
        "/cart/{user_id}/items/add"
    );
    let get = rule("GetCart");
    assert_eq!(string(&get, "get"), "/carts/{user_id}");
    let more = get.get_field_by_name("additional_bindings").unwrap();
    let more = more.as_list().unwrap()[0].as_message().unwrap();
    assert_eq!(string(more, "response_body"), "items");

    let eventing = pool.get_extension_by_name("cloudstate.eventing").unwrap();
    let two = pool
        .get_service_by_name("cloudstate.tck.model.EventSourcedTwo")
        .unwrap();
    let options = two.methods().next().unwrap().options();
    let eventing = options.get_extension(&eventing).into_owned();
    let source = eventing
        .as_message()
        .unwrap()
        .get_field_by_name("in")
        .unwrap()
        .into_owned();
    assert_eq!(
        string(source.as_message().unwrap(), "event_log"),
        "event-sourced-tck-model"
    );
    for import in ["google/protobuf/descriptor.proto", "google/api/http.proto"] {
        assert!(pool.get_file_by_name(import).is_some(), "{import}");
    }
}

#[test]
fn a_file_brings_its_own_directory_as_include_path() {
    let out = tempfile::tempdir().unwrap();
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    cloudstate_build::configure()
        .out_dir(out.path())
        .compile(&[proto.join("shoppingcart.proto")])
        .unwrap();
    assert!(
        out.path()
            .join("com.example.shoppingcart.persistence.rs")
            .exists()
    );
}

#[test]
fn a_file_of_the_users_takes_precedence_over_the_built_in_one() {
    let root = tempfile::tempdir().unwrap();
    let api = root.path().join("google/api");
    fs::create_dir_all(&api).unwrap();
    fs::write(
        api.join("httpbody.proto"),
        "syntax = \"proto3\"; package google.api; message HttpBody { bytes data = 2; } message Extra {}",
    )
    .unwrap();
    fs::write(
        root.path().join("own.proto"),
        "syntax = \"proto3\"; package own; import \"google/api/httpbody.proto\";
         message Holder { google.api.HttpBody body = 1; google.api.Extra extra = 2; }",
    )
    .unwrap();
    cloudstate_build::configure()
        .include(root.path())
        .out_dir(root.path())
        .compile(&["own.proto"])
        .unwrap();
    let own = fs::read_to_string(root.path().join("own.rs")).unwrap();
    assert!(own.contains("::cloudstate::protocol::google::api::HttpBody"));
    // What the product does not have is generated, and found by prost's path between packages.
    assert!(own.contains("super::google::api::Extra"));
    let api = fs::read_to_string(root.path().join("google.api.rs")).unwrap();
    assert!(api.contains("pub struct Extra") && !api.contains("pub struct HttpBody"));
}

#[test]
fn descriptors_have_the_comments_of_own_files() {
    let out = tempfile::tempdir().unwrap();
    let proto = tempfile::tempdir().unwrap();
    fs::write(
        proto.path().join("shop.proto"),
        r#"
        syntax = "proto3";
        package shop;
        import "cloudstate/entity_key.proto";

        // Detached.

        // Whose cart.
        message Cart {
          string id = 1 [(cloudstate.entity_key) = true]; // The customer's.
          string note = 2;
        }
        service Carts {
          // Reads a cart.
          rpc Get(Cart) returns (Cart);
        }
        "#,
    )
    .unwrap();
    cloudstate_build::configure()
        .include(proto.path())
        .out_dir(out.path())
        .compile(&["shop.proto"])
        .unwrap();
    let set = fs::read(out.path().join("shop.descriptors.bin")).unwrap();
    let pool = DescriptorPool::decode(&set[..]).unwrap();
    for file in pool.files() {
        let info = &file.file_descriptor_proto().source_code_info;
        assert_eq!(
            info.is_some(),
            file.name() == "shop.proto",
            "{}",
            file.name()
        );
    }
    let file = pool.get_file_by_name("shop.proto").unwrap();
    let info = file
        .file_descriptor_proto()
        .source_code_info
        .as_ref()
        .unwrap();
    let comments: Vec<_> = info
        .location
        .iter()
        .map(|location| {
            (
                location.leading_comments().trim(),
                location.trailing_comments().trim(),
            )
        })
        .collect();
    assert_eq!(
        comments,
        [
            ("Whose cart.", ""),
            ("", "The customer's."),
            ("Reads a cart.", "")
        ]
    );
    // The options are still there.
    let cart = pool.get_message_by_name("shop.Cart").unwrap();
    let key = pool.get_extension_by_name("cloudstate.entity_key").unwrap();
    assert!(cart.get_field(1).unwrap().options().has_extension(&key));
}
