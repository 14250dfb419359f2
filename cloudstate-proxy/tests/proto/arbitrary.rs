//! Generates messages of any type.

use std::collections::HashMap;

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Failures are not written to files: they would land outside the tests' directory.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Messages of this type, with messages inside them up to `depth` levels.
pub(crate) fn message(descriptor: &MessageDescriptor, depth: u32) -> BoxedStrategy<DynamicMessage> {
    let descriptor = descriptor.clone();
    let fields: Vec<_> = descriptor
        .fields()
        .filter(|field| depth > 0 || !has_messages(field))
        .collect();
    if fields.is_empty() {
        return Just(DynamicMessage::new(descriptor)).boxed();
    }
    let field = select(fields).prop_flat_map(move |field| {
        let value = field_value(&field, depth);
        (Just(field), value)
    });
    vec(field, 0..6)
        .prop_map(move |values| {
            let mut message = DynamicMessage::new(descriptor.clone());
            for (field, value) in values {
                message.set_field(&field, value);
            }
            message
        })
        .boxed()
}

/// Values of a field, lists and maps included.
pub(crate) fn field_value(field: &FieldDescriptor, depth: u32) -> BoxedStrategy<Value> {
    let kind = field.kind();
    if field.is_map() {
        let Kind::Message(entry) = kind else {
            unreachable!("a map has entries")
        };
        let key = single(&entry.map_entry_key_field().kind(), 0);
        let value = single(&entry.map_entry_value_field().kind(), depth);
        hash_map(key.prop_map(as_key), value, 0..4)
            .prop_map(|entries: HashMap<MapKey, Value>| Value::Map(entries))
            .boxed()
    } else if field.is_list() {
        vec(single(&kind, depth), 0..4)
            .prop_map(Value::List)
            .boxed()
    } else {
        single(&kind, depth)
    }
}

/// Values of a kind.
pub(crate) fn single(kind: &Kind, depth: u32) -> BoxedStrategy<Value> {
    match kind {
        // NaN does not equal itself; it has tests of its own.
        Kind::Double => any::<f64>()
            .prop_filter_map("NaN", |value| {
                (!value.is_nan()).then_some(Value::F64(value))
            })
            .boxed(),
        Kind::Float => any::<f32>()
            .prop_filter_map("NaN", |value| {
                (!value.is_nan()).then_some(Value::F32(value))
            })
            .boxed(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => any::<i32>().prop_map(Value::I32).boxed(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => any::<i64>().prop_map(Value::I64).boxed(),
        Kind::Uint32 | Kind::Fixed32 => any::<u32>().prop_map(Value::U32).boxed(),
        Kind::Uint64 | Kind::Fixed64 => any::<u64>().prop_map(Value::U64).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::String => text().prop_map(Value::String).boxed(),
        Kind::Bytes => vec(any::<u8>(), 0..12)
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::Enum(descriptor) => {
            let numbers: Vec<_> = descriptor.values().map(|value| value.number()).collect();
            prop_oneof![select(numbers), any::<i32>()]
                .prop_map(Value::EnumNumber)
                .boxed()
        }
        Kind::Message(descriptor) => message(descriptor, depth.saturating_sub(1))
            .prop_map(Value::Message)
            .boxed(),
    }
}

/// Text with much of what is special in paths, queries and JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "[-a-zA-Z0-9 +%/:?#&=.,;*\\\\\"{}\\[\\]~_éß漢🦀\u{0}\n]{0,12}",
        any::<String>(),
    ]
}

fn has_messages(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => has_messages(&entry.map_entry_value_field()),
        kind => kind.as_message().is_some(),
    }
}

fn as_key(value: Value) -> MapKey {
    value.into_map_key().unwrap()
}
