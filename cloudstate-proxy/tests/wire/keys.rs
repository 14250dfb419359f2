//! `KeyExtractor` finds what a decoder would find.

use bytes::Bytes;
use cloudstate_proxy::wire::{KeyError, KeyExtractor};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, Value};

use crate::{arbitrary, pool};

fn extractor(name: &str) -> KeyExtractor {
    let descriptor = pool::everything(&format!("test.{name}"));
    KeyExtractor::new(&descriptor).unwrap().unwrap()
}

fn encoded(name: &str, fields: &[(&str, Value)]) -> Bytes {
    let mut message = DynamicMessage::new(pool::everything(&format!("test.{name}")));
    for (field, value) in fields {
        message.set_field_by_name(field, value.clone());
    }
    message.encode_to_vec().into()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn a_string_key_shares_the_memory_of_the_request() {
    let request = encoded(
        "KeyString",
        &[("before", Value::I32(300)), ("id", text("alice"))],
    );
    let id = extractor("KeyString").extract(&request).unwrap();
    assert_eq!(id, "alice");
    assert_eq!(id.as_bytes().as_ptr(), request[5..].as_ptr());
}

#[test]
fn the_last_of_several_values_counts() {
    let twice = [
        encoded("KeyString", &[("id", text("alice"))]),
        encoded(
            "KeyString",
            &[("id", text("bob")), ("before", Value::I32(1))],
        ),
    ]
    .concat();
    assert_eq!(
        extractor("KeyString").extract(&twice.into()).unwrap(),
        "bob"
    );
}

#[test]
fn both_options_mark_keys_if_they_are_true() {
    let request = encoded("KeyLegacy", &[("id", text("alice"))]);
    assert_eq!(extractor("KeyLegacy").extract(&request).unwrap(), "alice");
    for name in ["test.KeyMarkedFalse", "test.Everything"] {
        assert!(
            KeyExtractor::new(&pool::everything(name))
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn options_of_a_set_that_defines_them_itself_count() {
    let pool = pool::compile(
        r#"
        syntax = "proto3";
        package cloudstate;
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.FieldOptions { bool entity_key = 50002; }
        message Keyed { string id = 1 [(entity_key) = true]; }
        "#,
    );
    let keyed = pool.get_message_by_name("cloudstate.Keyed").unwrap();
    assert!(KeyExtractor::new(&keyed).unwrap().is_some());
}

#[test]
fn every_scalar_has_its_text() {
    for (name, value, expected) in [
        ("KeyInt32", Value::I32(-7), "-7"),
        ("KeyInt64", Value::I64(i64::MIN), "-9223372036854775808"),
        ("KeyUint32", Value::U32(u32::MAX), "4294967295"),
        ("KeyUint64", Value::U64(u64::MAX), "18446744073709551615"),
        ("KeySint32", Value::I32(i32::MIN), "-2147483648"),
        ("KeySint64", Value::I64(-1), "-1"),
        ("KeyFixed32", Value::U32(7), "7"),
        ("KeyFixed64", Value::U64(7), "7"),
        ("KeySfixed32", Value::I32(-7), "-7"),
        ("KeySfixed64", Value::I64(-7), "-7"),
        ("KeyFloat", Value::F32(0.1), "0.1"),
        ("KeyDouble", Value::F64(2.0), "2"),
        ("KeyBool", Value::Bool(true), "true"),
        ("KeyEnum", Value::EnumNumber(7), "7"),
        (
            "KeyBytes",
            Value::Bytes(Bytes::from_static(&[0, 0xab])),
            "00ab",
        ),
    ] {
        let request = encoded(name, &[("id", value)]);
        assert_eq!(
            extractor(name).extract(&request).unwrap(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn absent_keys_are_the_default_or_an_error() {
    let absent = Bytes::new();
    for (name, expected) in [
        ("KeyInt32", "0"),
        ("KeyFixed64", "0"),
        ("KeyDouble", "0"),
        ("KeyBool", "false"),
        ("KeyEnum", "0"),
    ] {
        assert_eq!(
            extractor(name).extract(&absent).unwrap(),
            expected,
            "{name}"
        );
    }
    for name in ["KeyString", "KeyBytes"] {
        let error = extractor(name).extract(&absent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entity key field `id` is empty; every request must name its entity"
        );
        let empty = Bytes::from_static(b"\x0a\x00\x12\x00");
        let error = extractor(name).extract(&empty).unwrap_err();
        assert!(matches!(error, KeyError::Empty { field } if field == "id"));
    }
    let old = pool::compile(include_str!("../proto/groups.proto"));
    let defaulted = old.get_message_by_name("test.old.Defaulted").unwrap();
    let extractor = KeyExtractor::new(&defaulted).unwrap().unwrap();
    assert_eq!(extractor.extract(&absent).unwrap(), "main");
}

#[test]
fn composite_keys_are_joined_as_declared_and_never_collide() {
    let id = |second: &str, first: &str, third| {
        let fields = [
            ("first", text(first)),
            ("second", text(second)),
            ("third", Value::I32(third)),
        ];
        extractor("KeyComposite").extract(&encoded("KeyComposite", &fields))
    };
    assert_eq!(id("shop", "alice", 3).unwrap(), "shop-alice-3");
    assert_eq!(id("shop", "alice", 0).unwrap(), "shop-alice-0");
    assert_eq!(id("a-b", "c", 1).unwrap(), r"a\-b-c-1");
    assert_eq!(id("a", "b-c", 1).unwrap(), r"a-b\-c-1");
    assert_eq!(id(r"a\", "b", -1).unwrap(), r"a\\-b-\-1");
    let error = id("shop", "", 3).unwrap_err();
    assert!(matches!(error, KeyError::Empty { field } if field == "first"));
}

#[test]
fn another_member_of_the_oneof_unsets_the_key() {
    let key = encoded("KeyInOneof", &[("id", text("alice"))]);
    let other = encoded("KeyInOneof", &[("other", text("bob"))]);
    let extractor = extractor("KeyInOneof");
    let unset = [key.clone(), other.clone()].concat();
    assert!(extractor.extract(&unset.into()).is_err());
    assert_eq!(
        extractor.extract(&[other, key].concat().into()).unwrap(),
        "alice"
    );
}

#[test]
fn fields_that_cannot_be_keys_are_named() {
    let old = pool::compile(include_str!("../proto/groups.proto"));
    let group = old.get_message_by_name("test.old.KeyGroup").unwrap();
    for (descriptor, expected) in [
        (
            pool::everything("test.KeyMessage"),
            "test.KeyMessage.id` is marked as entity key but is a message",
        ),
        (
            pool::everything("test.KeyRepeated"),
            "test.KeyRepeated.id` is marked as entity key but is repeated",
        ),
        (
            pool::everything("test.KeyMap"),
            "test.KeyMap.id` is marked as entity key but is a map",
        ),
        (
            group,
            "test.old.KeyGroup.id` is marked as entity key but is a group",
        ),
    ] {
        let error = KeyExtractor::new(&descriptor).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    for (bytes, expected) in [
        (&b"\x12\x05al"[..], "field `id` (offset 1) is cut short"),
        (b"\x12\x01\xff", "field `id` (offset 2) is not UTF-8"),
        (
            b"\x12\x01a\x0f",
            "the message (offset 3) has a tag that names no field",
        ),
        (
            b"\x10\x01",
            "field `id` (offset 0) is a varint on the wire where its declared type is length-delimited",
        ),
    ] {
        let error = extractor("KeyString")
            .extract(&Bytes::from_static(bytes))
            .unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

const SINGLE: [&str; 17] = [
    "KeyString",
    "KeyLegacy",
    "KeyInt32",
    "KeyInt64",
    "KeyUint32",
    "KeyUint64",
    "KeySint32",
    "KeySint64",
    "KeyFixed32",
    "KeyFixed64",
    "KeySfixed32",
    "KeySfixed64",
    "KeyFloat",
    "KeyDouble",
    "KeyBool",
    "KeyEnum",
    "KeyBytes",
];

/// The id by way of a decoder.
fn expected(name: &str, request: &[u8]) -> String {
    let descriptor = pool::everything(&format!("test.{name}"));
    let message = DynamicMessage::decode(descriptor, request).unwrap();
    match &*message.get_field_by_name("id").unwrap() {
        Value::String(value) => value.clone(),
        Value::Bytes(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Bool(value) => value.to_string(),
        Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        other => panic!("{other:?} is no key"),
    }
}

proptest! {
    #![proptest_config(arbitrary::config())]

    #[test]
    fn the_id_is_the_decoded_field(
        (name, messages) in prop::sample::select(&SINGLE[..]).prop_flat_map(|name| {
            let descriptor = pool::everything(&format!("test.{name}"));
            (Just(name), vec(arbitrary::message(&descriptor, 2), 1..3))
        }),
    ) {
        let request: Vec<u8> = messages.iter().flat_map(Message::encode_to_vec).collect();
        let expected = expected(name, &request);
        match extractor(name).extract(&request.into()) {
            Ok(id) => prop_assert_eq!(id.to_string(), expected),
            Err(error) => {
                prop_assert!(matches!(error, KeyError::Empty { .. }), "{}", error);
                prop_assert_eq!(expected, "");
            }
        }
    }

    #[test]
    fn any_bytes_give_an_id_or_an_error(bytes in vec(prop_oneof![0..24u8, any::<u8>()], 0..24)) {
        let descriptor = pool::everything("test.KeyString");
        let decodes = DynamicMessage::decode(descriptor, &bytes[..]).is_ok();
        match extractor("KeyString").extract(&Bytes::from(bytes)) {
            Ok(_) | Err(KeyError::Empty { .. }) => {}
            Err(_) => prop_assert!(!decodes),
        }
    }

    #[test]
    fn composite_ids_tell_every_two_keys_apart(
        a in ("[-\\\\a]{1,4}", "[-\\\\a]{1,4}"),
        b in ("[-\\\\a]{1,4}", "[-\\\\a]{1,4}"),
    ) {
        let id = |(second, first): &(String, String)| {
            let fields = [("first", text(first)), ("second", text(second))];
            extractor("KeyComposite").extract(&encoded("KeyComposite", &fields)).unwrap()
        };
        prop_assert_eq!(id(&a) == id(&b), a == b);
    }
}
