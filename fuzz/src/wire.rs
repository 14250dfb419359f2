//! Encoded messages: accepted if, and only if, a decoder accepts them, and the entity's key is that of the decoded message.

use std::sync::LazyLock;

use bytes::Bytes;
use cloudstate_proxy::wire::{KeyError, KeyExtractor, MessageShape, WireFault};
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::schema::message;

struct Keyed {
    descriptor: MessageDescriptor,
    shape: MessageShape,
    key: KeyExtractor,
    /// In order of declaration.
    fields: &'static [&'static str],
}

/// Messages with keys of every type.
static KEYED: LazyLock<Vec<Keyed>> = LazyLock::new(|| {
    let single = [
        "KeyString",
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
        "KeyInOneof",
    ];
    let single = single.map(|name| (name, &["id"][..]));
    let composite = ("KeyComposite", &["second", "first", "third"][..]);
    single
        .into_iter()
        .chain([composite])
        .map(|(name, fields)| {
            let descriptor = message(&format!("test.{name}"));
            Keyed {
                shape: MessageShape::new(&descriptor),
                key: KeyExtractor::new(&descriptor).unwrap().unwrap(),
                descriptor,
                fields,
            }
        })
        .collect()
});

static SHAPE: LazyLock<MessageShape> =
    LazyLock::new(|| MessageShape::new(&message("test.Everything")));

/// The first byte chooses the message, the rest is the message.
pub(crate) fn target(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let bytes = Bytes::copy_from_slice(bytes);
    match KEYED.get(usize::from(choice)) {
        Some(keyed) => {
            if let Some(decoded) = agreed(&keyed.shape, &keyed.descriptor, &bytes) {
                keyed.check(&bytes, &decoded);
            }
        }
        None => {
            agreed(&SHAPE, &message("test.Everything"), &bytes);
        }
    }
}

/// What both readers accept; they agree on the rest.
fn agreed(
    shape: &MessageShape,
    descriptor: &MessageDescriptor,
    bytes: &Bytes,
) -> Option<DynamicMessage> {
    let decoded = DynamicMessage::decode(descriptor.clone(), bytes.clone());
    match (shape.validate(bytes), decoded) {
        (Ok(()), Ok(decoded)) => Some(decoded),
        (Err(_), Err(_)) => None,
        // prost takes the entry of a map for what it should be, whatever the tag says.
        (Err(error), Ok(_)) if matches!(error.fault(), WireFault::WireType { expected: 2, .. }) => {
            None
        }
        (validated, decoded) => panic!("{validated:?}, {:?}", decoded.map(drop)),
    }
}

impl Keyed {
    fn check(&self, bytes: &Bytes, decoded: &DynamicMessage) {
        let parts: Option<Vec<String>> = self
            .fields
            .iter()
            .map(|field| {
                let text = text(&decoded.get_field_by_name(field).unwrap());
                (!text.is_empty()).then_some(text)
            })
            .collect();
        match (self.key.extract(bytes), parts) {
            (Ok(key), Some(parts)) => assert_eq!(&*key, joined(&parts)),
            (Err(KeyError::Empty { .. }), None) => {}
            (key, parts) => panic!("{key:?}, {parts:?}"),
        }
    }
}

/// A key of one part is the part; in one of several `-` joins them, and is escaped inside them.
fn joined(parts: &[String]) -> String {
    match parts {
        [part] => part.clone(),
        parts => {
            let escaped: Vec<_> = parts
                .iter()
                .map(|part| part.replace('\\', "\\\\").replace('-', "\\-"))
                .collect();
            escaped.join("-")
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Bytes(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        other => panic!("{other:?} is no key"),
    }
}
