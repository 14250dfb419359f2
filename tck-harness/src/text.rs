//! Messages as text: one line each in a conversation, indented lines in a difference.

mod diff;
mod outline;

pub use diff::diff;
pub use outline::Outline;

use std::fmt::Debug;

use bytes::Bytes;
use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    any::{PROTOBUF_PREFIX, Primitive},
};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage, Value};

use crate::{pb, reflection_pb};

/// Knows the messages of the protocol, of the service under test and of the TCK's models, and shows them.
#[derive(Clone, Debug)]
pub struct Descriptors {
    /// Where a name is looked up, in this order.
    pools: Vec<DescriptorPool>,
}

/// A decoded message, shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its fields.
    pub outline: Outline,
    /// Whether it has fields, at any depth, that the protocol does not define.
    pub has_unknown_fields: bool,
}

impl Descriptors {
    /// The descriptors of a service, as its `EntitySpec.proto` has them, over those that the harness has itself.
    ///
    /// A set that cannot be read is left out: that it cannot be read is for a case to say.
    pub fn new(service: &[u8]) -> Self {
        let sets = [
            cloudstate_protocol::FILE_DESCRIPTOR_SET,
            service,
            pb::EventSourcedTckModel::DESCRIPTOR_SET,
            reflection_pb::ServerReflection::DESCRIPTOR_SET,
        ];
        let pools = sets
            .into_iter()
            .filter_map(|set| DescriptorPool::decode(set).ok())
            .collect();
        Self { pools }
    }

    /// Shows a message of the protocol.
    pub fn show<M: Message + Name>(&self, message: &M) -> Outline {
        self.show_encoded::<M>(&message.encode_to_vec().into())
            .outline
    }

    /// Shows an encoded message of the protocol.
    pub fn show_encoded<M: Name>(&self, bytes: &Bytes) -> Shown {
        let mut reader = Reader {
            descriptors: self,
            has_unknown_fields: false,
        };
        let outline = match self.decode(&M::full_name(), bytes) {
            Some(message) => Outline::Fields(reader.fields(&message)),
            None => Outline::Text(hex(bytes)),
        };
        Shown {
            outline,
            has_unknown_fields: reader.has_unknown_fields,
        }
    }

    fn decode(&self, name: &str, bytes: &Bytes) -> Option<DynamicMessage> {
        let descriptor = self
            .pools
            .iter()
            .find_map(|pool| pool.get_message_by_name(name))?;
        DynamicMessage::decode(descriptor, bytes.clone()).ok()
    }
}

/// One walk through one message.
struct Reader<'a> {
    descriptors: &'a Descriptors,
    has_unknown_fields: bool,
}

impl Reader<'_> {
    fn fields(&mut self, message: &DynamicMessage) -> Vec<(String, Outline)> {
        let mut fields = Vec::new();
        for (field, value) in message.fields() {
            let name = field.name();
            match value {
                Value::List(values) => {
                    for value in values {
                        fields.push((name.to_owned(), self.value(value)));
                    }
                }
                Value::Map(entries) => {
                    let mut entries: Vec<_> = entries.iter().collect();
                    entries.sort_by_key(|(key, _)| *key);
                    for (key, value) in entries {
                        fields.push((format!("{name}[{}]", map_key(key)), self.value(value)));
                    }
                }
                value => fields.push((name.to_owned(), self.value(value))),
            }
        }
        for field in message.unknown_fields() {
            self.has_unknown_fields = true;
            let mut bytes = Vec::new();
            field.encode(&mut bytes);
            let name = format!("(unknown field {})", field.number());
            fields.push((name, Outline::Text(hex(&bytes))));
        }
        fields
    }

    fn value(&mut self, value: &Value) -> Outline {
        match value {
            Value::Message(message)
                if message.descriptor().full_name() == "google.protobuf.Any" =>
            {
                self.any(message)
            }
            Value::Message(message) => Outline::Fields(self.fields(message)),
            Value::String(text) => Outline::Text(format!("{text:?}")),
            Value::Bytes(bytes) => Outline::Text(hex(bytes)),
            Value::Bool(value) => Outline::Text(value.to_string()),
            Value::I32(value) => Outline::Text(value.to_string()),
            Value::I64(value) => Outline::Text(value.to_string()),
            Value::U32(value) => Outline::Text(value.to_string()),
            Value::U64(value) => Outline::Text(value.to_string()),
            Value::F32(value) => Outline::Text(format!("{value:?}")),
            Value::F64(value) => Outline::Text(format!("{value:?}")),
            Value::EnumNumber(number) => Outline::Text(number.to_string()),
            Value::List(_) | Value::Map(_) => Outline::Text(format!("{value:?}")),
        }
    }

    /// Shows what is packed. Whatever is not the usual encoding of the usual type URL is shown as it is: two values
    /// that differ must never look the same.
    fn any(&mut self, any: &DynamicMessage) -> Outline {
        let text = |name| match any.get_field_by_name(name).as_deref() {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        let type_url = text("type_url");
        let bytes = match any.get_field_by_name("value").as_deref() {
            Some(Value::Bytes(bytes)) => bytes.clone(),
            _ => Bytes::new(),
        };
        let (title, name) = match type_url.split_once('/') {
            Some((_, name)) if type_url.starts_with(PROTOBUF_PREFIX) => (name.to_owned(), name),
            Some((_, name)) => (format!("{type_url:?}"), name),
            None => (format!("{type_url:?}"), &*type_url),
        };
        let mut fields = Vec::new();
        if let Some(text) = primitive(&type_url, &bytes) {
            fields.push(("value".into(), Outline::Text(text)));
        } else {
            self.packed(name, &bytes, &mut fields);
        }
        if any.unknown_fields().next().is_some() {
            self.has_unknown_fields = true;
            fields.push(("(unknown field of Any)".into(), Outline::Fields(Vec::new())));
        }
        Outline::Typed { title, fields }
    }

    fn packed(&mut self, name: &str, bytes: &Bytes, fields: &mut Vec<(String, Outline)>) {
        match self.descriptors.decode(name, bytes) {
            Some(message) => {
                // Equality takes the bytes of a payload as they are; what a payload's type does not define is in them.
                let has_unknown_fields = self.has_unknown_fields;
                fields.extend(self.fields(&message));
                self.has_unknown_fields = has_unknown_fields;
                if message.encode_to_vec() != *bytes {
                    fields.push(("(encoded as)".into(), Outline::Text(hex(bytes))));
                }
            }
            None if bytes.is_empty() => {}
            None => fields.push(("(encoded as)".into(), Outline::Text(hex(bytes)))),
        }
    }
}

/// A primitive's value, if it has the one encoding that it may have.
fn primitive(type_url: &str, bytes: &Bytes) -> Option<String> {
    fn value<T: Primitive + Debug>(any: &Any) -> Option<String> {
        let value = any.to_primitive::<T>().ok()?;
        (Any::primitive(&value) == *any).then(|| format!("{value:?}"))
    }
    let any = Any {
        type_url: type_url.into(),
        value: bytes.clone(),
    };
    value::<String>(&any)
        .or_else(|| value::<bool>(&any))
        .or_else(|| value::<i32>(&any))
        .or_else(|| value::<i64>(&any))
        .or_else(|| value::<f32>(&any))
        .or_else(|| value::<f64>(&any))
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => format!("{key:?}"),
    }
}

/// `0x0a0141`; nothing is left out, since a difference may be anywhere.
fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

#[cfg(test)]
mod tests {
    use cloudstate_protocol::cloudstate::{Metadata, Reply};
    use prost::Message as _;

    use super::{Any, Descriptors};
    use crate::pb::Response;

    fn reply(payload: Any) -> Reply {
        Reply {
            payload: Some(payload),
            metadata: None,
        }
    }

    fn response(message: &str) -> Any {
        Any::pack(&Response {
            message: message.into(),
        })
    }

    #[test]
    fn payloads_are_decoded() {
        let descriptors = Descriptors::new(&[]);
        let outline = descriptors.show(&reply(response("A\"B")));
        assert_eq!(
            outline.line(),
            r#"payload: cloudstate.tck.model.Response { message: "A\"B" }"#
        );
        assert_eq!(
            outline.lines(),
            [
                "payload: cloudstate.tck.model.Response",
                r#"  message: "A\"B""#
            ]
        );
    }

    #[test]
    fn primitives_are_decoded() {
        let descriptors = Descriptors::new(&[]);
        let shown = |any| descriptors.show(&reply(any)).line();
        let text = Any::primitive(&String::from("a"));
        assert_eq!(
            shown(text.clone()),
            r#"payload: "p.cloudstate.io/string" { value: "a" }"#
        );
        assert_eq!(
            shown(Any::primitive(&String::new())),
            r#"payload: "p.cloudstate.io/string" { value: "" }"#
        );
        assert_eq!(
            shown(Any::primitive(&-1_i64)),
            r#"payload: "p.cloudstate.io/int64" { value: -1 }"#
        );
        let long_winded = Any {
            value: b"\x0a\x00".as_slice().into(),
            ..text
        };
        assert_eq!(
            shown(long_winded),
            r#"payload: "p.cloudstate.io/string" { (encoded as): 0x0a00 }"#
        );
    }

    #[test]
    fn different_messages_look_different() {
        let descriptors = Descriptors::new(&[]);
        let plain = response("A");
        let with_url = |type_url: &str| Any {
            type_url: type_url.into(),
            ..plain.clone()
        };
        let with_bytes = |value: &'static [u8]| Any {
            value: value.into(),
            ..plain.clone()
        };
        let mut shown: Vec<_> = [
            plain.clone(),
            with_url("cloudstate.tck.model.Response"),
            with_url("example.com/cloudstate.tck.model.Response"),
            with_url("type.googleapis.com/Nobody"),
            with_url(""),
            with_bytes(b""),
            with_bytes(b"\x0a\x01B\x0a\x01A"),
            with_bytes(b"\x0a\x01A\x10\x01"),
            with_bytes(b"\xff"),
        ]
        .map(|any| descriptors.show(&reply(any)).line())
        .into();
        let empty_metadata = Reply {
            metadata: Some(Metadata::default()),
            ..reply(plain.clone())
        };
        shown.push(descriptors.show(&empty_metadata).line());
        println!("{}", shown.join("\n"));
        for (index, text) in shown.iter().enumerate() {
            assert!(!shown[..index].contains(text), "{text}");
        }
    }

    #[test]
    fn fields_that_the_protocol_does_not_have_are_seen() {
        let descriptors = Descriptors::new(&[]);
        let mut bytes = reply(response("A")).encode_to_vec();
        assert!(
            !descriptors
                .show_encoded::<Reply>(&bytes.clone().into())
                .has_unknown_fields
        );
        bytes.extend([0x78, 0x01]);
        let shown = descriptors.show_encoded::<Reply>(&bytes.into());
        assert!(shown.has_unknown_fields);
        assert!(shown.outline.line().contains("(unknown field 15): 0x7801"));
    }
}
